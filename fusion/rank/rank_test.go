package rank

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"weft/fusion/dataset"
)

// table scores by what it holds.
type table [][]float32

func (t table) Score(user int32, dst []float32) { copy(dst, t[user]) }

func evaluate(t *testing.T, s Scorer, p Protocol) Result {
	t.Helper()
	r, err := Evaluate(context.Background(), s, p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestByHand(t *testing.T) {
	// User 0 has had item 4 (the best), so the list is 3 2 1 0; targets 2 and 0. User 1 has no target. User 2 gets 0 1 2 3 4.
	s := table{{1, 2, 3, 4, 5}, {0, 0, 0, 0, 0}, {5, 4, 3, 2, 1}}
	p := Protocol{Items: 5, Seen: [][]int32{{4}, nil, nil}, Targets: [][]int32{{0, 2}, nil, {1}}, K: []int{3, 2}}
	r, ok := evaluate(t, s, p).Slice("all")
	if !ok || !slices.Equal(r.Users, []int32{0, 2}) {
		t.Fatalf("users %v", r.Users)
	}
	l2 := 1 / math.Log2(3) // gain of the second place
	for metric, want := range map[string][]float64{
		"recall@2": {.5, 1}, "precision@2": {.5, .5}, "hit@2": {1, 1}, "ndcg@2": {l2 / (1 + l2), l2},
		"recall@3": {.5, 1}, "precision@3": {1. / 3, 1. / 3}, "ndcg@3": {l2 / (1 + l2), l2},
	} {
		for i, w := range want {
			if got := float64(r.Values[metric][i]); math.Abs(got-w) > 1e-6 {
				t.Errorf("%s of user %d: %v, want %v", metric, r.Users[i], got, w)
			}
		}
		if mean := (want[0] + want[1]) / 2; math.Abs(r.Mean(metric)-mean) > 1e-6 {
			t.Errorf("mean %s: %v, want %v", metric, r.Mean(metric), mean)
		}
	}
	if got := r.Coverage["coverage@2"]; got != .8 { // 3 2 and 0 1
		t.Errorf("coverage %v, want .8", got)
	}
}

// The heap must list what sorting lists, ties and masks included.
func TestTopIsASort(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 1 + random.IntN(60)
		scores := make([]float32, n)
		want := []int32{}
		for i := range scores {
			scores[i] = float32(random.IntN(6))
			if random.IntN(4) == 0 {
				scores[i] = float32(math.Inf(-1))
				continue
			}
			want = append(want, int32(i))
		}
		slices.SortFunc(want, func(a, b int32) int {
			if before(scored{scores[a], shuffled(a), a}, scored{scores[b], shuffled(b), b}) {
				return -1
			}
			return 1
		})
		k := 1 + random.IntN(20)
		if got, want := Top(scores, k), want[:min(k, len(want))]; !slices.Equal(got, want) {
			t.Fatalf("top %d of %v: %v, want %v", k, scores, got, want)
		}
	}
}

// Items that all score the same must not come out in the order of their numbers.
func TestTiesAreNeutral(t *testing.T) {
	sum := 0
	for _, item := range Top(make([]float32, 10000), 1000) {
		sum += int(item)
	}
	if mean := sum / 1000; mean < 4500 || mean > 5500 {
		t.Errorf("mean number of the first of equals %d, want about 5000", mean)
	}
}

func TestHoldoutSlices(t *testing.T) {
	row := func(user, item int32) dataset.Interaction { return dataset.Interaction{User: user, Item: item} }
	history := []dataset.Interaction{row(0, 0), row(0, 1), row(1, 0), row(1, 2), row(2, 0)}
	targets := []dataset.Interaction{row(0, 2), row(0, 3), row(1, 4), row(3, 0)}
	p := Holdout(history, targets, 4, 5)
	p.K = []int{1}
	s := table{{9, 9, 1, 2, 3}, {9, 0, 9, 1, 2}, make([]float32, 5), {1, 0, 0, 0, 0}}
	r := evaluate(t, s, p)
	users := map[string][]int32{}
	recall := map[string]float64{}
	for _, slice := range r.Slices {
		users[slice.Name], recall[slice.Name] = slice.Users, slice.Mean("recall@1")
	}
	if want := (map[string][]int32{All: {0, 1}, Everyone: {0, 1, 3}, ColdUsers: {3}, ColdItems: {0, 1}, ColdInAll: {0, 1}, HeadItems: nil, TailItems: {0}}); !reflect.DeepEqual(users, want) {
		t.Errorf("users %v, want %v", users, want)
	}
	// User 0's list begins with 4, no target; user 1's with 4, the target.
	if want := (map[string]float64{All: .5, Everyone: 2. / 3, ColdUsers: 1, ColdItems: .5, ColdInAll: .5, HeadItems: 0, TailItems: 0}); !reflect.DeepEqual(recall, want) {
		t.Errorf("recall %v, want %v", recall, want)
	}
}

func TestIntervals(t *testing.T) {
	const users = 4000
	random := rand.New(rand.NewPCG(3, 4))
	p := Protocol{Items: 2, Seen: make([][]int32, users), Targets: make([][]int32, users), K: []int{1}, Resamples: 500, Seed: 7}
	a, b := make(table, users), make(table, users)
	for user := range users {
		p.Targets[user] = []int32{0}
		x := random.Float32() // both models find the same users easy
		a[user], b[user] = []float32{x, .68}, []float32{x, .7}
	}
	one, other := evaluate(t, a, p).Slices[0], evaluate(t, b, p).Slices[0]
	e := one.Estimates["recall@1"]
	// The standard error of a share q of n is √(q(1-q)/n).
	if half, want := (e.High-e.Low)/2, 1.96*math.Sqrt(e.Mean*(1-e.Mean)/users); math.Abs(half-want) > .15*want || math.Abs(e.Mean-.32) > .03 {
		t.Errorf("%+v: half width %v, want %v", e, half, want)
	}
	d, err := Difference(one, other, "recall@1", 500, 7)
	if err != nil || d.Low <= 0 || d.High-d.Low > (e.High-e.Low)/2 || math.Abs(d.Mean-(e.Mean-other.Mean("recall@1"))) > 1e-6 {
		t.Errorf("difference %+v, %v: want above 0 and much narrower than %+v", d, err, e)
	}
	if again := evaluate(t, a, p).Slices[0]; !reflect.DeepEqual(one, again) {
		t.Error("the same seed gives another interval")
	}
	if _, err := Difference(one, SliceResult{}, "recall@1", 10, 1); !errors.Is(err, ErrPair) {
		t.Error(err)
	}
}

func TestBadProtocol(t *testing.T) {
	fine := Protocol{Items: 2, Seen: [][]int32{nil}, Targets: [][]int32{{1}}}
	for name, spoil := range map[string]func(*Protocol){
		"no items": func(p *Protocol) { p.Items = 0 },
		"lists":    func(p *Protocol) { p.Seen = nil },
		"k":        func(p *Protocol) { p.K = []int{0} },
		"target":   func(p *Protocol) { p.Targets = [][]int32{{2}} },
		"slice":    func(p *Protocol) { p.Slices = []Slice{{Name: "x", Users: make([]bool, 3)}} },
		"resample": func(p *Protocol) { p.Resamples = -1 },
	} {
		p := fine
		spoil(&p)
		if _, err := Evaluate(context.Background(), table{{0, 0}}, p); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Evaluate(context.Background(), table{{0, float32(math.NaN())}}, fine); !errors.Is(err, ErrScore) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Evaluate(ctx, table{{0, 0}}, fine); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDot(t *testing.T) {
	d := Dot{Users: []float32{0, 0, 0, 0, 0, 1, 2, 3, 4, 5}, Items: []float32{1, 0, 0, 0, 1, 0, 1, 1, 1, 0}, Dim: 5}
	got := make([]float32, 2)
	if d.Score(1, got); !slices.Equal(got, []float32{6, 9}) {
		t.Errorf("%v, want 6 and 9", got)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	const users, items, dim = 500, 6710, 128
	random := rand.New(rand.NewPCG(1, 1))
	d := Dot{Users: make([]float32, users*dim), Items: make([]float32, items*dim), Dim: dim}
	for _, v := range [][]float32{d.Users, d.Items} {
		for i := range v {
			v[i] = float32(random.NormFloat64())
		}
	}
	p := Protocol{Items: items, Seen: make([][]int32, users), Targets: make([][]int32, users)}
	for user := range users {
		p.Targets[user] = []int32{int32(random.IntN(items))}
	}
	for b.Loop() {
		if _, err := Evaluate(context.Background(), d, p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(users*b.N)/b.Elapsed().Seconds(), "users/s")
}
