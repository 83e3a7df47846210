package blocks

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"weft/fusion/baselines"
	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/fusion/rank"
)

// shop is users who each had a few of the items, popular ones more often.
func shop(users, items, each int) baselines.History {
	r := rand.New(rand.NewPCG(1, 1))
	h := baselines.History{Users: users, Items: items, Now: 100 * baselines.Day}
	for u := range users {
		have := map[int32]int64{}
		for range each {
			have[int32(float64(items-1)*math.Pow(r.Float64(), 2))] = r.Int64N(100) * baselines.Day
		}
		for i := range int32(items) {
			if at, ok := have[i]; ok {
				h.Rows = append(h.Rows, dataset.Interaction{User: int32(u), Item: i, Time: at, Last: at, Weight: 1})
			}
		}
	}
	return h
}

func scores(s rank.Scorer, user int32, items int) []float32 {
	dst := make([]float32, items)
	s.Score(user, dst)
	return dst
}

func near(t *testing.T, what string, got, want []float32, within float64) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > within {
			t.Fatalf("%s: item %d: %v, want %v", what, i, got[i], want[i])
		}
	}
}

// At full rank nothing is lost: the block scores like EASE itself.
func TestFullRankEASE(t *testing.T) {
	ctx, h := context.Background(), shop(90, 40, 6)
	for _, halfLife := range []int64{0, 30 * baselines.Day} {
		x := h.Recent(halfLife)
		e, err := baselines.EASE(ctx, linear.Portable{}, x, x, 4)
		if err != nil {
			t.Fatal(err)
		}
		b, err := EASE(ctx, linear.Portable{}, h, EASEConfig{Lambda: 4, HalfLife: halfLife}, 40, 1)
		if err != nil {
			t.Fatal(err)
		}
		for user := range int32(90) {
			near(t, b.Name, scores(b.Scorer(), user, 40), scores(e, user, 40), 1e-4)
		}
		b, err = EASE(ctx, linear.Portable{}, h, EASEConfig{Lambda: 4, HalfLife: halfLife, Unit: true}, 40, 1)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := x.Row(7)
		if got := length(b.Users[7*b.Dim : 8*b.Dim]); math.Abs(float64(got)-math.Sqrt(float64(len(n)))) > 1e-4 {
			t.Errorf("a user of %d items has length %v", len(n), got)
		}
	}
}

// At full rank co-counts are x·M up to the length of the user, and M has nothing on its diagonal.
func TestFullRankCoCounts(t *testing.T) {
	ctx, h := context.Background(), shop(90, 30, 5)
	m, err := coCounts(ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	b, err := CoCount(ctx, h, 30, 1)
	if err != nil {
		t.Fatal(err)
	}
	x := h.Matrix()
	for user := range int32(90) {
		want, got := make([]float32, 30), scores(b.Scorer(), user, 30)
		items, _ := x.Row(int(user))
		for _, i := range items {
			columns, values := m.Row(int(i))
			for k, c := range columns {
				if c == i {
					t.Fatal("an item is its own companion")
				}
				want[c] += values[k]
			}
		}
		ratio := 10 / length(want)
		for i := range want {
			want[i] *= ratio
		}
		near(t, "co-count", got, want, 1e-3)
	}
}

func TestSpectral(t *testing.T) {
	ctx, h := context.Background(), shop(200, 50, 6)
	b, err := Spectral(ctx, h, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	// The first singular vector of X·D^-½, V ∝ D^½, is popularity itself: at rank 1 every user ranks by count.
	one, err := Spectral(ctx, h, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	counts, list := h.Counts(), rank.Top(scores(one.Scorer(), 3, 50), 10)
	if counts[list[0]] != slices.Max(counts) {
		t.Errorf("rank 1 lists %v with counts %v", list, counts)
	}
	for user := range 200 {
		if n := length(b.Users[user*b.Dim : (user+1)*b.Dim]); math.Abs(float64(n)-1) > 1e-4 {
			t.Fatalf("user %d has length %v", user, n)
		}
	}
	again, _ := Spectral(ctx, h, 10, 1)
	if !slices.Equal(b.Items, again.Items) || !slices.Equal(b.Users, again.Users) {
		t.Error("the same seed gives another block")
	}
}

func TestPopularityLevelsTheCold(t *testing.T) {
	ctx, h := context.Background(), shop(100, 20, 4)
	h.Items = 22 // two that nobody had
	b, err := Popularity(ctx, h, .8)
	if err != nil {
		t.Fatal(err)
	}
	below := 0
	for i := range 20 {
		if b.Items[i] < b.Items[20] {
			below++
		}
	}
	if b.Items[20] != b.Items[21] || below < 13 || below > 17 {
		t.Errorf("cold items lie above %d of 20, want about 16", below)
	}
}

func TestCompress(t *testing.T) {
	ctx, h := context.Background(), shop(120, 40, 6)
	a, err := Spectral(ctx, h, 12, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := CoCount(ctx, h, 12, 1)
	if err != nil {
		t.Fatal(err)
	}
	sum := func(user int32) []float32 {
		want := scores(a.Scorer(), user, 40)
		for i, x := range scores(b.Scorer(), user, 40) {
			want[i] = 2*want[i] + .5*x
		}
		return want
	}
	all, err := Compress([]Block{a, b}, []float32{2, .5}, 24)
	if err != nil {
		t.Fatal(err)
	}
	most, err := Compress([]Block{a, b}, []float32{2, .5}, 23)
	if err != nil || most.Dim != 23 {
		t.Fatal(most.Dim, err)
	}
	for user := range int32(120) {
		near(t, all.Name, scores(all.Scorer(), user, 40), sum(user), 1e-3)
		near(t, most.Name, scores(most.Scorer(), user, 40), sum(user), .3)
	}
	if _, err := Compress(nil, nil, 3); !errors.Is(err, ErrBlock) {
		t.Error(err)
	}
	b.Users = b.Users[12:]
	if _, err := Compress([]Block{a, b}, []float32{1, 1}, 3); !errors.Is(err, ErrBlock) {
		t.Error(err)
	}
}
