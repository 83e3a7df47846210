package worker

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"weft/tasks"
)

// visitor is one task behind the gate, in the order of arrival.
type visitor struct {
	tenant tasks.Tenant
	lane   tasks.Lane
	weight float64
	cost   float64
}

// served sends visitors through a gate of one place, behind one who holds it until all of
// them wait, and returns the order in which they were served.
func served(t *testing.T, g *gate, all ...visitor) (order []visitor) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		first, err := g.enter(t.Context(), "first", tasks.Live, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range all {
			go func() {
				r, err := g.enter(context.Background(), v.tenant, v.lane, v.weight)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, v) // one place: nobody else is here
				r.spend(v.cost)
				r.leave()
			}()
			synctest.Wait() // it waits
		}
		first.spend(firstPrice)
		first.leave()
		synctest.Wait()
	})
	if len(order) != len(all) || g.free != 1 {
		t.Fatalf("%d of %d were served, %d places are free", len(order), len(all), g.free)
	}
	return order
}

func repeat(n int, v visitor) []visitor { return slices.Repeat([]visitor{v}, n) }

// between counts, for each visitor of a tenant, the others served since the one before.
func between(order []visitor, tenant tasks.Tenant) (most int) {
	others := 0
	for _, v := range order {
		if v.tenant != tenant {
			others++
			continue
		}
		most, others = max(most, others), 0
	}
	return most
}

// However many of another tenant came before: each of the small one waits for one of
// theirs.
func TestTenantsTakeTurns(t *testing.T) {
	order := served(t, newGate(1, 0), append(repeat(500, visitor{"large", tasks.Bulk, 1, .02}), repeat(10, visitor{"small", tasks.Bulk, 1, .02})...)...)
	if n := between(order, "small"); n > 2 { // the first of the large one is at the gate already
		t.Errorf("one of the small tenant waited for %d others, want 2 at most", n)
	}
}

func TestWeightsDivideTheEncoder(t *testing.T) {
	heavy, light := visitor{"heavy", tasks.Bulk, 3, .02}, visitor{"light", tasks.Bulk, 1, .02}
	order := served(t, newGate(1, 0), append(repeat(300, heavy), repeat(300, light)...)...)
	n := 0
	for _, v := range order[:200] {
		if v == heavy {
			n++
		}
	}
	if n < 148 || n > 152 {
		t.Errorf("weight 3 beside 1: %d of the first 200, want 150", n)
	}
}

// Shares are of time, not of items: one whose items take four times as long is served a
// quarter as often.
func TestWhatCostsMoreComesLessOften(t *testing.T) {
	slow, quick := visitor{"slow", tasks.Bulk, 1, .08}, visitor{"quick", tasks.Bulk, 1, .02}
	order := served(t, newGate(1, 0), append(repeat(200, slow), repeat(400, quick)...)...)
	n := 0
	for _, v := range order[:200] {
		if v == quick {
			n++
		}
	}
	if n < 155 || n > 165 {
		t.Errorf("%d of the first 200 are the quick tenant's, want 160", n)
	}
}

func TestLiveComesFirstAndBulkGoesOn(t *testing.T) {
	bulk, live := visitor{"shop", tasks.Bulk, 1, .02}, visitor{"shop", tasks.Live, 1, .02}
	order := served(t, newGate(1, 0), append(repeat(100, bulk), repeat(160, live)...)...)
	n := 0
	for _, v := range order[:90] {
		if v == bulk {
			n++
		}
	}
	if n < 9 || n > 12 {
		t.Errorf("%d of the first 90 are bulk work, want 10", n)
	}
	other := visitor{"other", tasks.Bulk, 1, .02}
	order = served(t, newGate(1, 0), append(repeat(200, live), repeat(50, other)...)...)
	if n := between(order, "other"); n > 2 {
		t.Errorf("calling everything live let %d pass another tenant's bulk work", n)
	}
}

func TestTimeNotUsedIsNotSavedUp(t *testing.T) {
	g := newGate(1, 0)
	served(t, g, append(repeat(3, visitor{"idle", tasks.Bulk, 1, .02}), repeat(200, visitor{"busy", tasks.Bulk, 1, .02})...)...)
	order := served(t, g, append(repeat(50, visitor{"busy", tasks.Bulk, 1, .02}), repeat(50, visitor{"idle", tasks.Bulk, 1, .02})...)...)
	if n := between(order, "busy"); n > 2 {
		t.Errorf("after its rest the other passed %d times in a row", n)
	}
	if len(g.lines) > 3 {
		t.Errorf("%d lines are remembered", len(g.lines))
	}
}

func TestWhoGivesUpLeavesTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 0)
		r, err := g.enter(t.Context(), "a", tasks.Bulk, 1)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.enter(ctx, "b", tasks.Bulk, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		r.leave()
		r.leave()
		if g.free != 1 {
			t.Errorf("%d places of one are free", g.free)
		}
		if r, err = g.enter(t.Context(), "c", tasks.Bulk, 1); err != nil {
			t.Fatal(err)
		}
		r.leave()
	})
}
