package scheduler

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"weft/tasks"
)

// signalsOf is a server's word, to be changed.
type signalsOf struct {
	now tasks.Signals
	err error
}

func (s *signalsOf) Signals(context.Context) (tasks.Signals, error) {
	return s.now, s.err
}

func load(t tasks.Type, l tasks.Lane, pending int) tasks.Load {
	return tasks.Load{Depth: tasks.Depth{Type: t, Lane: l, Pending: pending}}
}

// waits is what one tenant has in the queues, and in its bucket.
func waits(l tasks.Load, inBucket ...int) map[tasks.Tenant]tasks.Work {
	w := tasks.Work{Loads: []tasks.Load{l}}
	for _, n := range inBucket {
		w.Feed.Items = map[tasks.Type]int{l.Type: n}
	}
	return map[tasks.Tenant]tasks.Work{"shop": w}
}

func pace(name string, image float64) tasks.Pace {
	return tasks.Pace{Name: name, Seconds: map[tasks.Type]float64{tasks.ImageEmbed: image}}
}

func TestBacklogIsTime(t *testing.T) {
	photos := load(tasks.ImageEmbed, tasks.Bulk, 900)
	photos.Active, photos.Retry, photos.Due, photos.Oldest = 90, 12, 10, 20
	const minute = time.Minute
	for name, tc := range map[string]struct {
		signals  tasks.Signals
		work     float64
		drain    float64 // negative: unknown
		wanted   int
		measured bool
	}{
		"nothing":                   {tasks.Signals{}, 0, 0, 0, true},
		"two workers of one pace":   {tasks.Signals{Tenants: waits(photos), Workers: []tasks.Pace{pace("a", .1), pace("b", .1)}}, 100, 50, 3, true},
		"a fast and a slow worker":  {tasks.Signals{Tenants: waits(photos), Workers: []tasks.Pace{pace("a", .05), pace("b", .2)}}, 80, 40, 2, true},
		"no worker, a known pace":   {tasks.Signals{Tenants: waits(photos), Known: map[tasks.Type]float64{tasks.ImageEmbed: .1}}, 100, -1, 3, true},
		"no worker, nothing known":  {tasks.Signals{Tenants: waits(photos)}, 20, -1, 1, false},
		"a worker that has no pace": {tasks.Signals{Tenants: waits(photos), Workers: []tasks.Pace{{Name: "a"}}, Known: map[tasks.Type]float64{tasks.ImageEmbed: .1}}, 100, 100, 3, true},
		"draining does not count": {tasks.Signals{Tenants: waits(photos), Workers: []tasks.Pace{pace("a", .1), {Name: "b", Draining: true,
			Seconds: map[tasks.Type]float64{tasks.ImageEmbed: 5}}}}, 100, 100, 3, true},
		"most of it in the bucket": {tasks.Signals{Tenants: waits(photos, 9000), Workers: []tasks.Pace{pace("a", .1)}, Now: 30_000}, 1000, 1000, 34, true},
		"only for later":           {tasks.Signals{Tenants: waits(tasks.Load{Depth: tasks.Depth{Type: tasks.ProductFuse, Lane: tasks.Live, Retry: 3}})}, 0, -1, 1, true},
	} {
		b := weigh([]tasks.Tenant{"shop"}, tc.signals, paces(tc.signals), minute)
		drain := -1.0
		if b.Drain != nil {
			drain = *b.Drain
		}
		if math.Abs(b.Work-tc.work) > 1e-9 || math.Abs(drain-tc.drain) > 1e-9 || b.Wanted != tc.wanted || b.Measured != tc.measured {
			t.Errorf("%s: work %.3f, drain %.3f, wanted %d, measured %v; want %.3f, %.3f, %d, %v",
				name, b.Work, drain, b.Wanted, b.Measured, tc.work, tc.drain, tc.wanted, tc.measured)
		}
	}
	paused := tasks.Signals{Tenants: waits(photos, 5), Paused: []bool{false, true}} // image:embed:bulk
	if b := weigh([]tasks.Tenant{"shop"}, paused, nil, minute); b.Wanted != 0 || b.Waiting != 1000 || b.Work != 0 {
		t.Errorf("a paused queue wants workers: %+v", b)
	}
}

// Workers serve all tenants: a fleet's number is that of the sum, and not the sum of what
// each would want alone.
func TestAFleetWantsWorkersForTheSum(t *testing.T) {
	s := tasks.Signals{Tenants: map[tasks.Tenant]tasks.Work{}, Workers: []tasks.Pace{pace("a", .1), pace("b", .1)}}
	s.Workers[1].Spent = map[tasks.Tenant]float64{"c": 7}
	for _, name := range []tasks.Tenant{"c", "b", "a"} {
		l := load(tasks.ImageEmbed, tasks.Live, 40)
		l.Oldest = 3
		s.Tenants[name] = tasks.Work{Loads: []tasks.Load{l}, Feed: tasks.Feed{Weight: 2, Held: tasks.HeldByQuota}}
	}
	g := NewGauge(&signalsOf{now: s})
	f, err := g.Look(t.Context(), time.Minute)
	if err != nil || len(f.Tenants) != 3 || f.Tenants[0].Tenant != "a" || f.Tenants[2].Spent != 7 {
		t.Fatalf("%+v, %v", f, err)
	}
	if f.Wanted != 1 || f.Workers != 2 || f.Waiting != 120 || math.Abs(f.Work-12) > 1e-9 || f.Oldest != 3 || f.Spent != 7 || math.Abs(*f.Drain-6) > 1e-9 {
		t.Errorf("the sum: %+v", f.Backlog)
	}
	if b := f.Tenants[1]; b.Wanted != 1 || b.Waiting != 40 || b.Weight != 2 || b.Held != tasks.HeldByQuota || b.Queues[0].Waiting != 40 {
		t.Errorf("one of them: %+v", b)
	}
	if f, err := g.Look(t.Context(), time.Minute, "a", "idle"); err != nil || len(f.Tenants) != 2 || f.Waiting != 40 || f.Tenants[1].Waiting != 0 || f.Spent != 0 {
		t.Errorf("of two that are named: %+v, %v", f, err)
	}
}

// A backlog that came at once is worth the same number of workers to its end, and
// one that is late at most four times as many.
func TestWantedHoldsThePromise(t *testing.T) {
	const target, work = 100.0, 1000.0
	for at := 0.0; at < 75; at += 5 {
		if n := wanted(work*(1-at/target), at, target, true); n != 10 {
			t.Errorf("%.0f s after the burst %d are wanted, want 10", at, n)
		}
	}
	if n := wanted(work, 10*target, target, true); n != 40 {
		t.Errorf("late: %d, want 40", n)
	}
	if n := wanted(math.Inf(1), 0, target, true); n <= 0 {
		t.Errorf("without bound: %d", n)
	}
}

func TestGaugeRemembersThePaceThroughAFlush(t *testing.T) {
	s := &signalsOf{now: tasks.Signals{Tenants: waits(load(tasks.ImageEmbed, tasks.Bulk, 100)), Workers: []tasks.Pace{pace("a", .5)}}}
	g := NewGauge(s)
	look := func() tasks.Fleet {
		t.Helper()
		b, err := g.Look(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if b := look(); b.Work != 50 || b.Target != DefaultTarget.Seconds() {
		t.Errorf("%+v", b)
	}
	s.now.Workers = nil
	if b := look(); b.Work != 50 || !b.Measured || b.Drain != nil {
		t.Errorf("after a flush, with no worker: %+v", b)
	}
	for _, bad := range []time.Duration{time.Millisecond, -1, 25 * time.Hour} {
		if _, err := g.Look(t.Context(), bad); err == nil {
			t.Errorf("a target of %v is taken", bad)
		}
	}
	s.err = errors.New("away")
	if _, err := g.Look(t.Context(), 0); !errors.Is(err, s.err) {
		t.Errorf("%v", err)
	}
}

func TestDecide(t *testing.T) {
	p := Policy{Min: 0, Max: 20, CoolDown: time.Minute}
	var h History
	current, at := 0, time.Unix(0, 0)
	for _, step := range []struct {
		after    time.Duration
		wanted   int
		becomes  int
		occasion string
	}{
		{0, 0, 0, "nothing to do"},
		{time.Second, 7, 7, "up at once"},
		{time.Second, 3, 7, "down only after the cool-down"},
		{30 * time.Second, 10, 10, "up again"},
		{time.Second, 11, 10, "a tenth more is within the measure's tremble"},
		{time.Second, 99, 20, "not above the most"},
		{59 * time.Second, 2, 20, "the peak is still within the window"},
		{time.Second, 2, 2, "and now it is not"},
		{time.Second, 0, 2, "one look without work stops nobody"},
		{60 * time.Second, 0, 0, "to zero"},
		{time.Second, 1, 1, "and back"},
	} {
		at = at.Add(step.after)
		before := h
		var again int
		current, h = p.Decide(step.wanted, current, at, h)
		if again, _ = p.Decide(step.wanted, current, at, before); step.becomes == current && again != current {
			t.Errorf("%s: the same call twice gives %d and %d", step.occasion, current, again)
		}
		if current != step.becomes {
			t.Fatalf("%s: %d, want %d", step.occasion, current, step.becomes)
		}
	}
	floor := Policy{Min: 2, Max: 3, CoolDown: time.Minute}
	if n, _ := floor.Decide(0, 0, at, History{}); n != 2 {
		t.Errorf("below the least: %d", n)
	}
	if n, _ := floor.Decide(9, 5, at, History{}); n != 3 {
		t.Errorf("above the most: %d", n)
	}
	if n, _ := floor.Decide(0, 3, at, History{}); n != 3 {
		t.Errorf("who has just begun to look stops somebody: %d", n)
	}
	for _, bad := range []Policy{{Min: -1, Max: 1, CoolDown: time.Minute}, {Max: 0, CoolDown: time.Minute}, {Min: 3, Max: 2, CoolDown: time.Minute}, {Max: 1}} {
		if err := bad.Validate(); !errors.Is(err, ErrPolicy) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// A day of bursts: the scaled fleet must keep its promise, cost less than a fixed one
// that does, and be calm.
func TestADayOfBursts(t *testing.T) {
	const target = 5 * time.Minute
	policy := Policy{Max: 40, CoolDown: 2 * time.Minute}
	for seed := range uint64(5) {
		d := DefaultDay(seed, target)
		scaled := d.Scaled(policy)
		same := d.Fixed(max(1, int(math.Ceil(scaled.WorkerHours/24))))
		peak := d.Fixed(scaled.Most)
		t.Logf("seed %d\n  scaled        %+v\n  fixed as dear %+v\n  fixed at peak %+v", seed, scaled, same, peak)
		if scaled.Items < 150_000 || scaled.Left > 100 || scaled.Items != same.Items {
			t.Errorf("seed %d: %+v", seed, scaled)
		}
		if scaled.Late > 0 {
			t.Errorf("seed %d: %.4f of the items waited longer than %v", seed, scaled.Late, target)
		}
		if scaled.WorkerHours > peak.WorkerHours/2 {
			t.Errorf("seed %d: %.1f worker-hours, %.1f with a fixed fleet of %d", seed, scaled.WorkerHours, peak.WorkerHours, scaled.Most)
		}
		if same.WaitMax < 2*scaled.WaitMax {
			t.Errorf("seed %d: a fixed fleet of the same cost waits at most %.0f s, the scaled one %.0f s", seed, same.WaitMax, scaled.WaitMax)
		}
		if scaled.Flaps > scaled.Changes/4 {
			t.Errorf("seed %d: %d of %d changes are flaps", seed, scaled.Flaps, scaled.Changes)
		}
	}
	hasty := DefaultDay(0, target).Scaled(Policy{Max: 40, CoolDown: 2 * time.Second})
	if calm := DefaultDay(0, target).Scaled(policy); hasty.Changes < 2*calm.Changes {
		t.Errorf("without a cool-down %d changes, with one %d: it does nothing", hasty.Changes, calm.Changes)
	}
}
