package lake_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

var errCrashed = errors.New("process is dead")

// process is a Lake on a store of its own that can die before any call, after which
// every call fails, or have another process act in between.
type process struct {
	lake   *lake.Lake
	left   int    // calls until something happens; negative: nothing will
	act    func() // what happens; nil: death
	dead   bool
	during bool // the call that was under way at death takes effect
}

// world is a bucket, the processes on it, and what they were told.
type world struct {
	t     *testing.T
	r     *rand.Rand
	store objects.Store
	now   time.Time
	procs []*process
	model map[string]*expected
	used  map[int64]bool // versions
	trace []string
}

// expected is what a key must hold: the best row that was acknowledged, or a better
// one of those that may have been stored by an append that failed.
type expected struct {
	acked lake.Object
	maybe []lake.Object
}

func better(a, b lake.Object) bool { return a.Version > b.Version }

func (w *world) open() *process {
	p := &process{left: -1}
	var mu sync.Mutex // Open lists tables at once
	step := func(op, key string) error {
		mu.Lock()
		defer mu.Unlock()
		if p.dead {
			return errCrashed
		}
		if p.left == 0 {
			p.left = -1
			if p.act != nil {
				act := p.act
				p.act = nil
				act()
			} else {
				p.dead = true
				if !p.during {
					return errCrashed
				}
			}
		}
		p.left = max(p.left-1, -1)
		return nil
	}
	after := func(op, key string) error {
		mu.Lock()
		defer mu.Unlock()
		if p.dead {
			return errCrashed
		}
		return nil
	}
	l, err := lake.Open(w.t.Context(), lake.Config{
		Store: &hooked{Store: w.store, before: step, after: after},
		Clock: func() time.Time { return w.now },
		// Small enough that every mechanism is at work.
		CommitDelay: 1, IdleDelay: -1, Fanout: 3, MergeRuns: 4, ScanRuns: 6, GroupRows: 3, SegmentBytes: 2500,
		TombstoneHorizon: time.Hour, CompactionTimeout: time.Minute,
	})
	must(w.t, err)
	p.lake = l
	return p
}

func (w *world) append(p *process) {
	var rows []lake.Object
	used := map[string]bool{}
	for range 1 + w.r.IntN(6) {
		key := fmt.Sprintf("k%02d", w.r.IntN(20))
		if used[key] {
			continue
		}
		used[key] = true
		// A version of about now, not always the highest so far, never used before.
		version := w.now.UnixMilli() - int64(w.r.IntN(3))*1000*int64(w.r.IntN(60))
		for w.used[version] {
			version++
		}
		w.used[version] = true
		rows = append(rows, lake.Object{
			Row:  lake.Row{Key: key, Version: version, Deleted: w.r.IntN(3) == 0},
			ETag: fmt.Sprint(len(w.trace)),
		})
	}
	err := p.lake.Objects.Append(context.Background(), rows...)
	w.note("append %v: %v", rows, err)
	for _, row := range rows {
		e := w.model[row.Key]
		if e == nil {
			e = &expected{}
			w.model[row.Key] = e
		}
		if err != nil {
			e.maybe = append(e.maybe, row)
		} else if better(row, e.acked) {
			e.acked = row
		}
	}
}

func (w *world) compact(p *process) {
	f := p.lake.Compact
	if w.r.IntN(2) == 0 {
		f = p.lake.CompactFully
	}
	done, err := f(context.Background())
	w.note("compact: %+v, %v", done, err)
	if err != nil && !p.dead {
		w.fail("compaction failed: %v", err)
	}
}

func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

func (w *world) fail(format string, args ...any) {
	for _, line := range w.trace {
		w.t.Log(line)
	}
	w.t.Fatalf(format, args...)
}

// check compares all keys as p sees them with the model.
func (w *world) check(p *process) {
	must(w.t, p.lake.Refresh(context.Background()))
	scanned := map[string]lake.Object{}
	for row, err := range p.lake.Objects.Scan(context.Background()) {
		if err != nil {
			w.fail("scan: %v", err)
		}
		scanned[row.Key] = row
	}
	for key, e := range w.model {
		row, found, err := p.lake.Objects.Get(context.Background(), key)
		if err != nil {
			w.fail("get: %v", err)
		}
		if s, ok := scanned[key]; ok != found || s.Version != row.Version {
			w.fail("key %s: scan gives %t %+v, get %t %+v", key, ok, s, found, row)
		}
		if matches(row, found, e.acked) {
			continue
		}
		ok := false
		for _, m := range e.maybe {
			ok = ok || better(m, e.acked) && matches(row, found, m)
		}
		if !ok {
			w.fail("key %s: found %t %+v, acknowledged %+v, perhaps stored %+v", key, found, row, e.acked, e.maybe)
		}
		delete(scanned, key)
	}
}

// matches reports whether what was read is row.
func matches(got lake.Object, found bool, row lake.Object) bool {
	if row.Deleted || row.Version == 0 {
		return !found
	}
	return found && got.Version == row.Version && got.ETag == row.ETag
}

func (w *world) step() {
	i := w.r.IntN(len(w.procs))
	p := w.procs[i]
	switch w.r.IntN(8) {
	case 0:
		p.left, p.during = w.r.IntN(25), w.r.IntN(2) == 0 // it will die
		w.note("process %d dies in %d calls", i, p.left)
	case 1:
		other := w.procs[(i+1)%len(w.procs)]
		p.left, p.act = w.r.IntN(25), func() { w.note("in between:"); w.compact(other); w.append(other) }
	case 2:
		w.now = w.now.Add(time.Duration(w.r.IntN(120)) * time.Minute)
		w.note("now %v", w.now)
	}
	if w.r.IntN(3) == 0 {
		w.note("process %d", i)
		w.compact(p)
	} else {
		w.append(p)
	}
	p.left, p.act = -1, nil
	if p.dead {
		w.note("process %d starts again", i)
		w.procs[i] = w.open()
	}
	w.check(w.procs[w.r.IntN(len(w.procs))])
}

// TestNothingAcknowledgedIsLost lets processes append, compact, die at any call and
// act in the middle of each other's compactions, and checks after every step.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	const seeds, steps = 12, 40
	for seed := range uint64(seeds) {
		w := &world{
			t: t, r: rand.New(rand.NewPCG(seed, 1)), store: new(objecttest.Memory),
			now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), model: make(map[string]*expected), used: make(map[int64]bool),
		}
		w.note("seed %d", seed)
		for range 2 {
			w.procs = append(w.procs, w.open())
		}
		for range steps {
			w.step()
		}
		w.check(w.open())
	}
}
