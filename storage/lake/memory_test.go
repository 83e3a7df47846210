package lake_test

import (
	"runtime"
	"testing"

	"weft/storage/lake"
)

// live is the bytes that are reachable now.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A table of 65 MB is scanned and compacted in a part of that.
func TestMemoryIsBounded(t *testing.T) {
	const n, dim = 40_000, 384
	var most int64
	store := &hooked{Store: openDir(t)}
	// Memory: the cache of 8 MiB, a segment of 8 MiB as it grows, and for each of a
	// dozen runs a row group's narrow columns and some pages.
	l := open(t, store, func(c *lake.Config) { c.CacheBytes, c.SegmentBytes = 8<<20, 8<<20 })
	before := live()
	rows := make([]lake.Product, 5000)
	for i := range n {
		rows[i%len(rows)] = product(i*7919%n, dim) // every run spans all keys
		if (i+1)%len(rows) == 0 {
			must(t, l.Products.Append(t.Context(), rows...))
		}
	}
	rows = nil
	sample := func() { most = max(most, live()-before) }
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"scan", func() {
			seen := 0
			for _, err := range l.Products.Scan(t.Context()) {
				must(t, err)
				if seen++; seen%5000 == 0 {
					sample()
				}
			}
			if seen != n {
				t.Errorf("%d rows, want %d", seen, n)
			}
		}},
		{"compaction", func() {
			store.before = func(op, key string) error {
				if op == "put" {
					sample()
				}
				return nil
			}
			compactFully(t, l)
			store.before = nil
		}},
	} {
		most = 0
		c.do()
		t.Logf("%s: at most %d MB", c.name, most>>20)
		if limit := int64(48 << 20); most > limit || most == 0 {
			t.Errorf("%s held %d MB, the limit is %d", c.name, most>>20, limit>>20)
		}
	}
}
