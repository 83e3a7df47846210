package split_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"weft/behaviour"
	"weft/behaviour/split"
)

type shop map[string][]behaviour.Event

// some makes users whose events lie in span different milliseconds: a small span
// means many ties.
func some(seed uint64, users, most int, span int64) shop {
	r := rand.New(rand.NewPCG(seed, 7))
	s := shop{}
	for u := range users {
		id := fmt.Sprintf("u%d", u)
		for i := range 1 + r.IntN(most) {
			s[id] = append(s[id], behaviour.Event{ID: fmt.Sprintf("%s-%d", id, i), User: id, Time: 1_700_000_000_000 + r.Int64N(span)})
		}
		slices.SortFunc(s[id], func(a, b behaviour.Event) int { return int(a.Time - b.Time) })
	}
	return s
}

// run cuts a shop, reading its users in a random order.
func run(t *testing.T, cfg split.Config, s shop, order uint64) (map[string]split.Part, error) {
	t.Helper()
	p, err := split.NewPlanner(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var users []string
	for u := range s {
		users = append(users, u)
	}
	slices.Sort(users)
	rand.New(rand.NewPCG(order, 1)).Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
	for _, u := range users {
		for _, e := range s[u] {
			p.Add(e.Time)
		}
	}
	plan, err := p.Plan()
	if err != nil {
		return nil, err
	}
	parts := map[string]split.Part{}
	for _, u := range users {
		for i, part := range plan.Cut(u, s[u]) {
			if _, twice := parts[s[u][i].ID]; twice {
				t.Fatalf("%s is in two parts", s[u][i].ID)
			}
			parts[s[u][i].ID] = part
		}
	}
	return parts, nil
}

func config(rule split.Rule) split.Config {
	c := split.Defaults()
	c.Rule = rule
	return c
}

// Every row is in one part, ties stay together, and the order of reading does not count.
func TestProperties(t *testing.T) {
	for seed := range uint64(60) {
		span := []int64{3, 50, 1_000_000}[seed%3]
		s := some(seed, 1+int(seed*3), 12, span)
		rows := 0
		for _, events := range s {
			rows += len(events)
		}
		for _, rule := range split.Rules() {
			parts, err := run(t, config(rule), s, 1)
			if errors.Is(err, split.ErrEmpty) && rule == split.ByTime && (span == 3 || rows < 30) {
				continue
			}
			if err != nil {
				t.Fatalf("%s, seed %d: %v", rule, seed, err)
			}
			if len(parts) != rows {
				t.Fatalf("%s, seed %d: %d of %d rows have a part", rule, seed, len(parts), rows)
			}
			again, err := run(t, config(rule), s, 2)
			if err != nil {
				t.Fatal(err)
			}
			moments, users := map[string]split.Part{}, map[string]split.Part{}
			newest, oldest := map[split.Part]int64{}, map[split.Part]int64{split.Train: math.MaxInt64, split.Val: math.MaxInt64, split.Test: math.MaxInt64}
			for u, events := range s {
				last := split.Train
				for _, e := range events {
					part := parts[e.ID]
					if again[e.ID] != part {
						t.Fatalf("%s, seed %d: %s is in %s and in %s: the order of reading counts", rule, seed, e.ID, part, again[e.ID])
					}
					moment := fmt.Sprint(e.Time)
					if rule == split.LeaveLast {
						moment += u
					}
					if other, seen := moments[moment]; rule != split.ByUser && seen && other != part {
						t.Fatalf("%s, seed %d: rows of one moment are in %s and in %s", rule, seed, other, part)
					}
					moments[moment] = part
					if other, seen := users[u]; rule == split.ByUser && seen && other != part {
						t.Fatalf("seed %d: a user is in %s and in %s", seed, other, part)
					}
					users[u] = part
					if rule != split.ByUser && slices.Index(split.Parts(), part) < slices.Index(split.Parts(), last) {
						t.Fatalf("%s, seed %d: %s comes after %s", rule, seed, part, last)
					}
					last = part
					newest[part], oldest[part] = max(newest[part], e.Time), min(oldest[part], e.Time)
				}
			}
			if rule == split.ByTime && !(newest[split.Train] < oldest[split.Val] && newest[split.Val] < oldest[split.Test]) {
				t.Fatalf("seed %d: parts overlap in time: %v %v", seed, newest, oldest)
			}
		}
	}
}

func share(parts map[string]split.Part, part split.Part) float64 {
	n := 0
	for _, p := range parts {
		if p == part {
			n++
		}
	}
	return float64(n) / float64(len(parts))
}

func TestBalance(t *testing.T) {
	s := some(5, 4_000, 12, 1<<40)
	for _, c := range []split.Config{{Rule: split.ByTime, Train: 0.8, Val: 0.1}, {Rule: split.ByTime, Train: 0.5, Val: 0.25}, {Rule: split.ByUser, Train: 0.6, Val: 0.3, Seed: 9}} {
		parts, err := run(t, c, s, 1)
		if err != nil {
			t.Fatal(err)
		}
		within := 1e-3 // of rows, whose times are nearly all different
		if c.Rule == split.ByUser {
			within = 0.03 // four standard deviations of 4,000 users
		}
		for part, want := range map[split.Part]float64{split.Train: c.Train, split.Val: c.Val, split.Test: 1 - c.Train - c.Val} {
			if got := share(parts, part); math.Abs(got-want) > within {
				t.Errorf("%+v: %s holds %.4f, want %.4f", c, part, got, want)
			}
		}
	}
	// Where many rows share a moment, the cut is at the nearest end of the tie.
	tied := shop{}
	for i, at := range []int64{1, 2, 3, 4, 5, 6, 7, 7, 7, 8, 9, 10} {
		tied[fmt.Sprint(i)] = []behaviour.Event{{ID: fmt.Sprint(i), Time: at}}
	}
	parts, err := run(t, split.Config{Rule: split.ByTime, Train: 0.6, Val: 0.2}, tied, 1) // 7.2 of 12: before the tie; 9.6: after it
	if err != nil || share(parts, split.Train) != 0.5 || share(parts, split.Val) != 4.0/12 {
		t.Errorf("%v %v", parts, err)
	}
}

func TestLeaveLast(t *testing.T) {
	at := func(times ...int64) (all []behaviour.Event) {
		for i, ms := range times {
			all = append(all, behaviour.Event{ID: fmt.Sprint(i), Time: ms})
		}
		return all
	}
	p, err := split.NewPlanner(config(split.LeaveLast))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := p.Plan()
	if err != nil {
		t.Fatal(err)
	}
	const train, val, test = split.Train, split.Val, split.Test
	for _, c := range []struct {
		events []behaviour.Event
		want   []split.Part
	}{
		{at(), []split.Part{}},
		{at(5), []split.Part{train}},
		{at(5, 6), []split.Part{train, train}},
		{at(5, 5, 5, 6, 6), []split.Part{train, train, train, train, train}},
		{at(5, 6, 7), []split.Part{train, val, test}},
		{at(4, 5, 5, 6, 6, 7, 7), []split.Part{train, train, train, val, val, test, test}},
		{at(-7, -6, 0), []split.Part{train, val, test}},
	} {
		if got := plan.Cut("u", c.events); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.events, got, c.want)
		}
	}
}

// A user's part does not change when others come.
func TestByUserIsStable(t *testing.T) {
	few, many := some(1, 50, 3, 1_000), some(2, 500, 3, 1_000)
	for u, events := range few {
		many[u] = events
	}
	a, err := run(t, config(split.ByUser), few, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := run(t, config(split.ByUser), many, 1)
	if err != nil {
		t.Fatal(err)
	}
	other := config(split.ByUser)
	other.Seed = 2
	c, err := run(t, other, few, 1)
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for id, part := range a {
		if b[id] != part {
			t.Fatalf("%s moved from %s to %s", id, part, b[id])
		}
		if c[id] != part {
			moved++
		}
	}
	if moved == 0 {
		t.Error("the seed makes no difference")
	}
}

func TestTooLittle(t *testing.T) {
	for name, times := range map[string][]int64{
		"none": nil, "one": {5}, "two": {5, 6}, "all equal": {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}, "the ends of time": {math.MaxInt64, math.MaxInt64, math.MinInt64},
	} {
		p, err := split.NewPlanner(config(split.ByTime))
		if err != nil {
			t.Fatal(err)
		}
		for _, ms := range times {
			p.Add(ms)
		}
		if _, err := p.Plan(); !errors.Is(err, split.ErrEmpty) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadConfig(t *testing.T) {
	for _, c := range []split.Config{
		{}, {Rule: "random", Train: 0.8, Val: 0.1}, {Rule: split.ByTime, Train: 0.9, Val: 0.1}, {Rule: split.ByTime, Train: -1, Val: 0.1},
		{Rule: split.ByTime, Train: math.NaN(), Val: 0.1}, {Rule: split.ByUser, Train: 0.8},
	} {
		if _, err := split.NewPlanner(c); !errors.Is(err, split.ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestFacts(t *testing.T) {
	f := split.Facts{ValFrom: 1_000, TestFrom: 2_000}
	for ms, want := range map[int64]split.Part{-5: split.Train, 999: split.Train, 1_000: split.Val, 1_999: split.Val, 2_000: split.Test, 1 << 40: split.Test} {
		if got, told := f.From(time.UnixMilli(ms)); got != want || !told {
			t.Errorf("a fact of %d is known from %s on, want %s", ms, got, want)
		}
	}
	if part, told := f.From(time.Time{}); told || part != "" {
		t.Errorf("a fact without a time is known from %q on", part)
	}
	always := split.Facts{ValFrom: math.MaxInt64, TestFrom: math.MaxInt64}
	if part, _ := always.From(time.UnixMilli(1 << 50)); part != split.Train {
		t.Errorf("parts without an order in time know all facts: %s", part)
	}
}
