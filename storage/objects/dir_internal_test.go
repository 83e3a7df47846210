package objects

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDiskFull fails the staging of a body as a full disk and a full quota do.
func TestDiskFull(t *testing.T) {
	d, err := OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Put(t.Context(), "k", []byte("old"), Condition{}); err != nil {
		t.Fatal(err)
	}
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EDQUOT} {
		d.write = func(f *os.File, body []byte) error {
			if _, err := f.Write(body[:1]); err != nil {
				return err
			}
			return &os.PathError{Op: "write", Path: f.Name(), Err: errno}
		}
		_, err := d.Put(t.Context(), "k", []byte("new"), Condition{})
		if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "free some space") {
			t.Errorf("%v: Put: %v, want ErrFull and what to do", errno, err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(d.root, hiddenFolder, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if body, _, err := d.Get(t.Context(), "k", GetOptions{}); err != nil || string(body) != "old" {
		t.Errorf("Get = %q, %v", body, err)
	}
}
