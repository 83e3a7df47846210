package objects_test

import (
	"testing"

	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

func openDir(t testing.TB) *objects.Dir {
	t.Helper()
	d, err := objects.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDir(t *testing.T) {
	objecttest.Run(t, func(t *testing.T) objects.Store { return openDir(t) })
}

func TestPrefix(t *testing.T) {
	objecttest.Run(t, func(t *testing.T) objects.Store {
		m := new(objecttest.Memory)
		for _, key := range []string{"tenan", "tenant", "tenant-b/x", "tenant.c", "tenant0", "tenant0/x"} {
			if _, err := m.Put(t.Context(), key, []byte("of others"), objects.Condition{}); err != nil {
				t.Fatal(err)
			}
		}
		return objects.WithPrefix(m, "tenant")
	})
}
