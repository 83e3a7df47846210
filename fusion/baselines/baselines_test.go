package baselines

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/fusion/rank"
)

// tastes is a shop in which items 0…n/2 go together, and the others: users like one half.
func tastes(seed uint64, users, items, each int) History {
	r := rand.New(rand.NewPCG(seed, 9))
	h := History{Users: users, Items: items, Now: 100 * Day}
	for u := range users {
		have := map[int32]bool{}
		for len(have) < each {
			have[int32(u%2*(items/2)+r.IntN(items/2))] = true
		}
		for i := range int32(items) {
			if have[i] {
				at := r.Int64N(100) * Day
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

func near(t *testing.T, what string, got []float32, want []float64, within float64) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > within {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
}

func TestPopular(t *testing.T) {
	row := func(u, i int32, day int64) dataset.Interaction {
		return dataset.Interaction{User: u, Item: i, Time: day * Day, Last: day * Day}
	}
	h := History{Users: 3, Items: 3, Now: 20 * Day, Rows: []dataset.Interaction{row(0, 0, 0), row(1, 0, 10), row(1, 1, 20)}}
	near(t, "popular", scores(Popular(h), 2, 3), []float64{2, 1, 0}, 0)
	near(t, "recently", scores(RecentlyPopular(h, 10*Day), 2, 3), []float64{.75, 1, 0}, 1e-6)
	// A user of whom nothing is known gets what is popular, the others what the model says.
	s := WithFallback(constant{7, 8, 9}, h)
	near(t, "known", scores(s, 0, 3), []float64{7, 8, 9}, 0)
	if got := scores(s, 2, 3); got[1] <= got[0] {
		t.Errorf("fallback %v: want the recently popular item first", got)
	}
}

func TestItemKNNByHand(t *testing.T) {
	row := func(u, i int32) dataset.Interaction { return dataset.Interaction{User: u, Item: i} }
	h := History{Users: 3, Items: 3, Rows: []dataset.Interaction{row(0, 0), row(0, 1), row(1, 0), row(1, 1), row(1, 2), row(2, 0)}}
	// Users of the items: 3, 2, 1. Both 0 and 1: 2 users; 0 and 2: 1; 1 and 2: 1.
	s, err := ItemKNN(context.Background(), h, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "all neighbours", scores(s, 2, 3), []float64{0, 2 / (math.Sqrt(6) + 1), 1 / (math.Sqrt(3) + 1)}, 1e-6)
	if s, err = ItemKNN(context.Background(), h, 1, 1); err != nil {
		t.Fatal(err)
	}
	near(t, "the nearest only", scores(s, 2, 3), []float64{0, 2 / (math.Sqrt(6) + 1), 0}, 1e-6) // item 2 is nearer to 1 than to 0
}

func TestEASEIsItsDefinition(t *testing.T) {
	h := tastes(1, 60, 20, 4)
	x := h.Matrix()
	e, err := EASE(context.Background(), linear.Portable{}, x, x, 3)
	if err != nil {
		t.Fatal(err)
	}
	dense := mat.NewDense(60, 20, nil)
	for _, r := range h.Rows {
		dense.Set(int(r.User), int(r.Item), 1)
	}
	var g, p, want mat.Dense
	g.Mul(dense.T(), dense)
	for i := range 20 {
		g.Set(i, i, g.At(i, i)+3)
	}
	if err := p.Inverse(&g); err != nil {
		t.Fatal(err)
	}
	b := mat.NewDense(20, 20, nil)
	for i := range 20 {
		for j := range 20 {
			if i != j {
				b.Set(i, j, -p.At(i, j)/p.At(j, j))
			}
		}
	}
	want.Mul(dense, b)
	for u := range 60 {
		near(t, fmt.Sprint("user ", u), scores(e, int32(u), 20), want.RawRowView(u), 1e-4)
	}
	if _, err := EASE(context.Background(), linear.Portable{}, x, x, 0); err == nil {
		t.Error("λ=0 was taken")
	}
}

// The gradient of the loss must vanish at what alternating least squares finds.
func TestALSSolvesItsEquations(t *testing.T) {
	h := tastes(2, 80, 30, 5)
	c := ALSConfig{Dim: 6, Unobserved: .1, Ridge: .05, Rounds: 60, Seed: 1}
	s, err := ALS(context.Background(), h, c)
	if err != nil {
		t.Fatal(err)
	}
	d := s.(rank.Dot)
	for user := range 80 {
		w := d.Users[user*6 : user*6+6]
		gradient := make([]float64, 6)
		own, _ := h.Matrix().Row(user)
		have := map[int]bool{}
		for _, i := range own {
			have[int(i)] = true
		}
		for i := range 30 {
			v := d.Items[i*6 : i*6+6]
			score := float64(dot(w, v))
			for k := range gradient {
				gradient[k] += .1 * score * float64(v[k])
				if have[i] {
					gradient[k] -= (1 - score) * float64(v[k])
				}
			}
		}
		for k := range gradient {
			gradient[k] += .05 * (float64(len(own)) + .1*30) * float64(w[k])
			if math.Abs(gradient[k]) > .02 {
				t.Fatalf("user %d: gradient %v", user, gradient)
			}
		}
	}
}

func TestContent(t *testing.T) {
	m := dataset.Modality{Name: "m", Dim: 2, Rows: []float32{3, 0, 0, 5, 0, 0}, Present: []bool{true, true, false}}
	h := History{Users: 1, Items: 3, Rows: []dataset.Interaction{{User: 0, Item: 0}}, Modalities: []dataset.Modality{m}}
	s, err := Content(h, h.Modalities, false)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "raw", scores(s, 0, 3), []float64{1, 0, 0}, 1e-6)
	if s, err = Content(h, h.Modalities, true); err != nil {
		t.Fatal(err)
	}
	near(t, "centred", scores(s, 0, 3), []float64{1, -1, 0}, 1e-6)
	other := m
	other.Rows, other.Present = []float32{0, 0, 2, 0, 4, 0}, []bool{false, true, true}
	v, err := ContentVectors(3, []dataset.Modality{m, other}, false)
	if err != nil {
		t.Fatal(err)
	}
	half := math.Sqrt(.5)
	near(t, "concatenated", v.Data, []float64{1, 0, 0, 0, 0, half, half, 0, 0, 0, 1, 0}, 1e-6)
}

// Each model that learns must find the two tastes; chance and popularity cannot.
func TestModelsLearn(t *testing.T) {
	h := tastes(3, 300, 40, 6)
	train := History{Users: h.Users, Items: h.Items, Now: h.Now}
	var held []dataset.Interaction
	for i, r := range h.Rows {
		if i%6 == int(r.User)/2%6 { // one of the six of each user
			held = append(held, r)
		} else {
			train.Rows = append(train.Rows, r)
		}
	}
	train.Modalities = []dataset.Modality{{Name: "side", Dim: 1, Rows: make([]float32, 40), Present: make([]bool, 40)}}
	for i := range 40 {
		train.Modalities[0].Present[i], train.Modalities[0].Rows[i] = true, 1
		if i >= 20 {
			train.Modalities[0].Rows[i] = -1
		}
	}
	p := rank.Holdout(train.Rows, held, h.Users, h.Items)
	p.K = []int{10}
	for _, m := range Models(train, linear.Portable{}, 1) {
		c, err := Choose(context.Background(), m, train, p, "recall@10")
		if err != nil {
			t.Fatal(err)
		}
		learns := m.Name != "random" && m.Name != "popular" && m.Name != "recent popular"
		// 10 of the 15 left in the user's half: .67; of 35 without knowing the half: .29.
		if learns != (c.Value > .5) {
			t.Errorf("%s %s: recall@10 %.3f", m.Name, c.Setting.Text, c.Value)
		}
		if m.Ladder && c.Tried < 2 || !m.Ladder && c.Tried != len(m.Settings) {
			t.Errorf("%s: tried %d of %d", m.Name, c.Tried, len(m.Settings))
		}
	}
}

func TestLadderFindsThePeak(t *testing.T) {
	h := History{Users: 1, Items: 10, Rows: []dataset.Interaction{{User: 0, Item: 9}}}
	p := rank.Protocol{Items: 10, Seen: [][]int32{nil}, Targets: [][]int32{{0, 1, 2, 3, 4, 5, 6, 7}}, K: []int{8}}
	for peak := range 7 {
		m := Model{Name: "rungs", Ladder: true}
		for i := range 7 {
			m.Settings = append(m.Settings, Setting{fmt.Sprint(i), func(context.Context, History) (rank.Scorer, error) {
				s := make(constant, 10) // of the targets, one fewer in the list for each rung from the peak
				for k := range s {
					s[k] = float32(math.Inf(-1))
				}
				for k := range 8 - max(peak-i, i-peak) {
					s[k] = 1
				}
				return s, nil
			}})
		}
		c, err := Choose(context.Background(), m, h, p, "recall@8")
		if err != nil || c.Setting.Text != fmt.Sprint(peak) {
			t.Errorf("peak %d: chose %s, %v", peak, c.Setting.Text, err)
		}
	}
}
