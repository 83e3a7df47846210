package lake_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"weft/storage/lake"
	"weft/storage/objects/objecttest"
)

// clock is a time that tests move.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) set(cfg *lake.Config) {
	cfg.Clock = func() time.Time { return c.now }
	cfg.TombstoneHorizon, cfg.CompactionTimeout = 24*time.Hour, time.Hour
}

func object(c *clock, key string, deleted bool) lake.Object {
	return lake.Object{Row: lake.Row{Key: key, Version: c.now.UnixMilli(), Deleted: deleted}, ETag: "e"}
}

func compactFully(t testing.TB, l *lake.Lake) lake.Compaction {
	t.Helper()
	done, err := l.CompactFully(t.Context())
	must(t, err)
	return done
}

// tombstones counts what a table still says is deleted.
func tombstones(t testing.TB, l *lake.Lake) int {
	t.Helper()
	n := 0
	for _, o := range scan(t, l.Objects, lake.Query{Tombstones: true}) {
		if o.Deleted {
			n++
		}
	}
	return n
}

func TestTombstonesLiveUntilTheHorizon(t *testing.T) {
	c := newClock()
	l := open(t, new(objecttest.Memory), c.set)
	merge := func() int64 { // something to merge with, then everything to one run
		t.Helper()
		must(t, l.Objects.Append(t.Context(), object(c, "other", false)))
		return compactFully(t, l).Tombstones
	}
	must(t, l.Objects.Append(t.Context(), object(c, "k", false)))
	c.now = c.now.Add(time.Minute)
	must(t, l.Objects.Append(t.Context(), object(c, "k", true)))
	if n := merge(); n != 0 || tombstones(t, l) != 1 {
		t.Errorf("%d tombstones dropped at once, %d left", n, tombstones(t, l))
	}
	c.now = c.now.Add(23 * time.Hour)
	// A worker that was frozen for a day wakes and writes what it had computed.
	late := lake.Object{Row: lake.Row{Key: "k", Version: c.now.Add(-23*time.Hour).UnixMilli() - 60_000}}
	must(t, l.Objects.Append(t.Context(), late))
	if _, found, err := l.Objects.Get(t.Context(), "k"); found || err != nil {
		t.Errorf("the deleted row is back: %t, %v", found, err)
	}
	if n := merge(); n != 0 {
		t.Errorf("%d tombstones dropped within the horizon", n)
	}
	c.now = c.now.Add(2 * time.Hour)
	if n := merge(); n != 0 { // beyond the horizon, but its segment is only 2 hours old
		t.Errorf("%d tombstones dropped from a segment that a running compaction may have met", n)
	}
	c.now = c.now.Add(5 * time.Hour)
	if n := merge(); n != 1 || tombstones(t, l) != 0 {
		t.Errorf("%d tombstones dropped beyond the horizon, %d left; want 1, 0", n, tombstones(t, l))
	}
	if _, found, err := l.Objects.Get(t.Context(), "k"); found || err != nil {
		t.Errorf("the deleted row is back: %t, %v", found, err)
	}
}

// A compaction that read a row, but not its tombstone, may write the row again after
// another has merged the row away. The tombstone must still be there.
func TestSlowCompactionBringsNothingBack(t *testing.T) {
	c := newClock()
	store := new(objecttest.Memory)
	slow := &hooked{Store: store}
	pairs := func(cfg *lake.Config) { cfg.Fanout, cfg.MergeRuns = 2, 2 }
	a, b := open(t, slow, c.set, pairs), open(t, store, c.set, pairs)
	ctx := t.Context()
	must(t, b.Objects.Append(ctx, object(c, "k", false)))
	c.now = c.now.Add(time.Minute)
	must(t, b.Objects.Append(ctx, object(c, "k", true)))
	c.now = c.now.Add(25 * time.Hour) // beyond the horizon
	met := false
	slow.before = func(op, key string) error {
		if op != "put" || met {
			return nil
		}
		met = true
		// a has read the row, in the older two segments, and is about to write it.
		compactFully(t, b) // row and tombstone become the tombstone
		must(t, b.Objects.Append(ctx, object(c, "other", false)))
		compactFully(t, b) // in which the tombstone is alone
		return nil
	}
	if _, err := a.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	if !met {
		t.Fatal("the slow compaction had nothing to do")
	}
	for _, l := range []*lake.Lake{a, b, open(t, store)} {
		must(t, l.Refresh(ctx))
		if _, found, err := l.Objects.Get(ctx, "k"); found || err != nil {
			t.Errorf("the deleted row is back: %t, %v", found, err)
		}
	}
}

func TestCompactionKeepsEveryRowOnce(t *testing.T) {
	store := new(objecttest.Memory)
	l := open(t, store, func(c *lake.Config) { c.SegmentBytes, c.GroupRows, c.MergeRuns = 20_000, 16, 10 })
	const n = 300
	for i := range n {
		must(t, l.Features.Append(t.Context(), feature(i%200, 32)))
	}
	done := compactFully(t, l)
	left := keys(store, "features")
	if done.Superseded != 100 || len(left) != done.SegmentsWritten-done.SegmentsRead+n+1 {
		t.Errorf("%+v, %d segments", done, len(left))
	}
	if len(left) < 2 || len(left) > 5 {
		t.Errorf("%d segments of about 20 kB for %d rows of 32 numbers", len(left), 200)
	}
	for _, l := range []*lake.Lake{l, open(t, store)} {
		rows := scan(t, l.Features, lake.Query{})
		if len(rows) != 200 || !slices.IsSortedFunc(rows, func(a, b lake.Feature) int { return compareKeys(a.Key, b.Key) }) {
			t.Fatalf("%d rows after compaction, want 200 in order", len(rows))
		}
		for i := range 200 {
			want := feature(i, 32)
			got, found, err := l.Features.Get(t.Context(), want.Key)
			if err != nil || !found || !slices.Equal(got.Vector, want.Vector) {
				t.Fatalf("feature %d: %t, %v", i, found, err)
			}
		}
	}
}

func compareKeys(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func TestCompactionIsTiered(t *testing.T) {
	store := new(objecttest.Memory)
	l := open(t, store, func(c *lake.Config) { c.Fanout = 4 })
	var written int64
	for i := range 256 {
		must(t, l.Objects.Append(t.Context(), lake.Object{Row: lake.Row{Key: fmt.Sprintf("k%03d", i), Version: 1}}))
		done, err := l.Compact(t.Context())
		must(t, err)
		written += done.Rows
		if n := len(keys(store, "objects")); n > 4*4 {
			t.Fatalf("%d segments after %d commits", n, i+1)
		}
	}
	// Each row is written once at each of log₄(256) = 4 levels, not once for each merge.
	if written > 256*4 {
		t.Errorf("compaction wrote %d rows for 256", written)
	}
	if rows := scan(t, l.Objects, lake.Query{}); len(rows) != 256 {
		t.Errorf("%d rows, want 256", len(rows))
	}
}

// A reader whose segments are deleted under it, at any moment, misses and repeats nothing.
func TestScanGoesOnWhenSegmentsDisappear(t *testing.T) {
	const n = 200
	for stop := 0; stop < 10; stop += 3 {
		store := new(objecttest.Memory)
		writer := open(t, store, func(c *lake.Config) { c.GroupRows = 8 })
		for i := range n {
			must(t, writer.Products.Append(t.Context(), product(i*37%n, 8)))
			if i == n/2 {
				compactFully(t, writer)
			}
		}
		reader := open(t, store, func(c *lake.Config) { c.ReadOnly = true; c.CacheBytes = 1 })
		seen := 0
		for row, err := range reader.Products.Scan(t.Context()) {
			must(t, err)
			want := product(seen, 8)
			if row.Key != want.Key || !slices.Equal(row.Vector, want.Vector) {
				t.Fatalf("row %d is %s with %v", seen, row.Key, row.Vector)
			}
			if seen == stop*n/10 {
				compactFully(t, writer)
			}
			seen++
		}
		if seen != n {
			t.Errorf("compaction after %d rows: %d rows, want %d", stop*n/10, seen, n)
		}
	}
}

func TestGetFindsWhatCompactionMoved(t *testing.T) {
	store := new(objecttest.Memory)
	writer := open(t, store)
	reader := open(t, store, func(c *lake.Config) { c.CacheBytes = 1 })
	for i := range 30 {
		must(t, writer.Features.Append(t.Context(), feature(i, 4)))
	}
	must(t, reader.Refresh(t.Context()))
	for i := range 30 {
		if i%10 == 5 {
			compactFully(t, writer)
			must(t, writer.Features.Append(t.Context(), feature(100+i, 4)))
		}
		if _, found, err := reader.Features.Get(t.Context(), feature(i, 4).Key); !found || err != nil {
			t.Fatalf("feature %d: %t, %v", i, found, err)
		}
	}
}

func TestManyRunsAreCompactedBeforeAScan(t *testing.T) {
	store := new(objecttest.Memory)
	l := open(t, store, func(c *lake.Config) { c.ScanRuns = 8 })
	for i := range 50 {
		must(t, l.Features.Append(t.Context(), feature(i, 4)))
	}
	if rows := scan(t, l.Features, lake.Query{}); len(rows) != 50 {
		t.Errorf("%d rows, want 50", len(rows))
	}
	if n := len(keys(store, "features")); n > 10 {
		t.Errorf("%d segments are left", n)
	}
}

func TestMaintainCompactsUntilTold(t *testing.T) {
	store := new(objecttest.Memory)
	ctx, cancel := context.WithCancel(t.Context())
	merged := make(chan struct{})
	hook := &hooked{Store: store, before: func(op, key string) error {
		if op == "delete" && isSegmentOf("features", key) {
			close(merged)
			return context.Canceled
		}
		return nil
	}}
	l := open(t, hook)
	for i := range 12 {
		must(t, l.Features.Append(t.Context(), feature(i, 4)))
	}
	done := make(chan error)
	go func() { done <- l.Maintain(ctx, time.Hour) }()
	<-merged
	cancel()
	if err := <-done; err != context.Canceled {
		t.Errorf("maintain: %v", err)
	}
}
