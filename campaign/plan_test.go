package campaign

import (
	"math/rand/v2"
	"testing"
	"time"
)

func dealt(n int, short bool, seed uint64) (batches []batch, faults int, names map[string]int) {
	var all []kind
	for _, k := range kinds() {
		if !short || !k.long {
			all = append(all, k)
		}
	}
	batches = plan(all, n, short, rand.New(rand.NewPCG(seed, 0)))
	names = map[string]int{}
	for _, b := range batches {
		faults += len(b.faults)
		for _, k := range b.faults {
			names[k.name]++
		}
	}
	return batches, faults, names
}

func TestPlanDealsEveryKind(t *testing.T) {
	for _, short := range []bool{true, false} {
		n := 36
		if !short {
			n = 500
		}
		_, faults, names := dealt(n, short, 1)
		if faults != n || len(names) < 15 {
			t.Errorf("short %v: %d faults of %d kinds, want %d of at least 15", short, faults, len(names), n)
		}
		for _, k := range kinds() {
			if names[k.name] == 0 && !(short && k.long) {
				t.Errorf("short %v: no %q", short, k.name)
			}
			if short && k.long && names[k.name] > 0 {
				t.Errorf("the short version holds %q", k.name)
			}
		}
	}
}

func TestPlanFollowsItsSeed(t *testing.T) {
	order := func(seed uint64) (s string) {
		batches, _, _ := dealt(200, false, seed)
		for _, b := range batches {
			s += names(b) + "\n"
		}
		return s
	}
	first, again := order(1), order(1)
	if first != again {
		t.Error("one seed, two schedules")
	}
	if first == order(2) {
		t.Error("two seeds, one schedule")
	}
}

// Crashes come first in the short version: what they leave behind takes longest.
func TestPlanPutsCrashesFirst(t *testing.T) {
	batches, _, _ := dealt(36, true, 5)
	for i, b := range batches {
		for _, k := range b.faults {
			if k.crash && i > 0 {
				t.Errorf("%q is in batch %d", k.name, i+1)
			}
		}
	}
}

func TestReportCountsWhatIsLost(t *testing.T) {
	all := []kind{{name: "a"}, {name: "b"}}
	r := newReport(all)
	one := batch{faults: []kind{all[0], all[0]}}
	for range one.faults {
		r.injected(all[0], false, 3)
	}
	r.converged(one, convergence{balanced: time.Second})
	r.injected(all[1], true, 0)
	r.injected(all[1], false, 0)
	r.converged(batch{faults: []kind{all[1]}}, convergence{balanced: time.Minute, missing: []string{"no vector of p"}})
	if faults, kinds, lost := r.total(); faults != 3 || kinds != 2 || lost != 1 {
		t.Errorf("%d faults of %d kinds, %d lost; want 3 of 2, 1 lost", faults, kinds, lost)
	}
	if r.lines["b"].missed != 1 || quantile(r.lines["a"].alone, 0.5) != time.Second {
		t.Errorf("%+v", r.lines)
	}
}
