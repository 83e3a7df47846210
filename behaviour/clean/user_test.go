package clean_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"weft/behaviour"
	"weft/behaviour/clean"
)

const noon = int64(1_767_225_600_000) // 2026-01-01T00:00:00Z

func event(id int, kind string, ms int64) behaviour.Event {
	return behaviour.Event{ID: fmt.Sprintf("e%06d", id), User: "u1", Product: fmt.Sprintf("p%d", id%7), Type: kind, Time: ms}
}

func events(n int, kind string, step int64) []behaviour.Event {
	var all []behaviour.Event
	for i := range n {
		all = append(all, event(i, kind, noon+int64(i)*step))
	}
	return all
}

func ids(rows []behaviour.Event) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

func TestUserEvents(t *testing.T) {
	deleted := events(3, behaviour.View, 60_000)
	deleted[1].Deleted = true
	bad := events(2, behaviour.Purchase, 60_000)
	nan, inf := math.NaN(), math.Inf(1)
	bad[0].Value, bad[1].Value = &nan, &inf
	twice := append(events(1, behaviour.Purchase, 0), events(1, behaviour.Purchase, 0)...)
	twice[1].ID = "another"
	// 1,500 moments of one hour, and one event the day before.
	hour := append(events(1_500, behaviour.View, 2_000), event(9_000, behaviour.View, noon-86_400_000))
	for _, c := range []struct {
		name   string
		events []behaviour.Event
		want   clean.Counts
	}{
		{"none", nil, clean.Counts{}},
		{"one", events(1, behaviour.View, 0), clean.Counts{Rows: 1, Kept: 1}},
		{"tombstones", deleted, clean.Counts{Rows: 3, Deleted: 1, Kept: 2}},
		{"the newest", events(250, behaviour.View, 60_000), clean.Counts{Rows: 250, Older: 50, Kept: 200}},
		{"as many as a user may have", events(clean.MostRows, behaviour.View, 60_000), clean.Counts{Rows: 20_000, Older: 19_800, Kept: 200}},
		{"a bot", events(clean.MostRows+1, behaviour.View, 60_000), clean.Counts{Rows: 20_001, Bot: 20_001}},
		{"a quick hand", events(clean.MostPerSecond, behaviour.View, 40), clean.Counts{Rows: 20, Kept: 20}},
		{"no hand", events(clean.MostPerSecond+1, behaviour.View, 40), clean.Counts{Rows: 21, Rate: 21}},
		{"a batch without times", events(100, behaviour.View, 0), clean.Counts{Rows: 100, Kept: 100, Repeats: 93}},
		{"a basket, line by line", events(100, behaviour.Purchase, 5), clean.Counts{Rows: 100, Kept: 100}},
		{"an hour of a crawler", hour, clean.Counts{Rows: 1_501, Rate: 1_500, Kept: 1}},
		{"repeats", twice, clean.Counts{Rows: 2, Kept: 2, Repeats: 1}},
		{"no numbers", bad, clean.Counts{Rows: 2, Kept: 2, Numbers: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept, got := clean.UserEvents(c.events)
			if got != c.want {
				t.Errorf("counts %+v, want %+v", got, c.want)
			}
			if len(kept) != got.Kept || got.IsBot() != (c.want.Bot > 0) {
				t.Errorf("%d rows kept and counted %d", len(kept), got.Kept)
			}
			for _, e := range kept {
				if e.Value != nil && (math.IsNaN(*e.Value) || math.IsInf(*e.Value, 0)) {
					t.Errorf("%s kept the value %v", e.ID, *e.Value)
				}
			}
		})
	}
}

// Purchases stay in a second that has too many views: only the views are too fast.
func TestBasketAmongTooManyViews(t *testing.T) {
	all := append(events(30, behaviour.View, 10), event(100, behaviour.Purchase, noon+5))
	kept, counts := clean.UserEvents(all)
	if counts.Rate != 30 || len(kept) != 1 || kept[0].Type != behaviour.Purchase {
		t.Errorf("kept %v with %+v, want the purchase alone", ids(kept), counts)
	}
}

func TestTimesBefore1970(t *testing.T) {
	// 11 moments on either side of 1970: two seconds, none with too many.
	var all []behaviour.Event
	for i := range 22 {
		all = append(all, event(i, behaviour.View, int64(i-11)*50))
	}
	if _, counts := clean.UserEvents(all); counts.Rate != 0 {
		t.Errorf("%d left out: seconds before and after 1970 were taken for one", counts.Rate)
	}
}

// Whatever the order in which rows come, the same are kept in the same order, the
// counts balance, and the input stays as it was.
func TestUserEventsDependOnRowsAlone(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var all []behaviour.Event
		kinds := []string{behaviour.View, behaviour.Purchase, behaviour.Cart, behaviour.Return, "scan"}
		span := []int64{900, 5_000, 3_600_000, 1 << 40}[r.IntN(4)]
		for i := range r.IntN(400) {
			e := event(i, kinds[r.IntN(len(kinds))], noon+r.Int64N(span)-span/2)
			e.Deleted = r.IntN(20) == 0
			all = append(all, e)
		}
		before := slices.Clone(all)
		kept, counts := clean.UserEvents(all)
		if !reflect.DeepEqual(all, before) {
			t.Fatalf("seed %d: the input was changed", seed)
		}
		if sum := counts.Deleted + counts.Bot + counts.Rate + counts.Older + counts.Kept; sum != counts.Rows || counts.Rows != len(all) {
			t.Fatalf("seed %d: %+v does not balance", seed, counts)
		}
		if !slices.IsSortedFunc(kept, func(a, b behaviour.Event) int {
			if a.Time != b.Time {
				return int(a.Time - b.Time)
			}
			return slices.Compare([]byte(a.ID), []byte(b.ID))
		}) {
			t.Fatalf("seed %d: kept is not in order of (time, id)", seed)
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		again, same := clean.UserEvents(all)
		if !reflect.DeepEqual(kept, again) || counts != same {
			t.Fatalf("seed %d: another order of rows gave another result", seed)
		}
	}
}

func BenchmarkUserEvents(b *testing.B) {
	for _, n := range []int{20, 200, 20_000} {
		all := events(n, behaviour.View, 60_000)
		rand.New(rand.NewPCG(1, 1)).Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clean.UserEvents(all)
			}
		})
	}
}
