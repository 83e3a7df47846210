package train

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"weft/fusion/blocks"
	"weft/fusion/linear"
)

func randomBlock(seed uint64, users, items, dim int) blocks.Block {
	random := rand.New(rand.NewPCG(seed, 0))
	b := blocks.Block{Name: "random", Dim: dim, Users: make([]float32, users*dim), Items: make([]float32, items*dim)}
	for i := range b.Users {
		b.Users[i] = float32(random.NormFloat64())
	}
	for i := range b.Items {
		b.Items[i] = float32(random.NormFloat64() * math.Pow(.7, float64(i%dim)))
	}
	return b
}

// A composite must be as good as the reference compression at every rank, and exact when the rank suffices.
func TestComposeIsTheBestOfItsRank(t *testing.T) {
	const users, items = 70, 50
	parts := []part{{randomBlock(1, users, items, 8), 2}, {randomBlock(2, users, items, 12), .3}}
	parts = append(parts, part{parts[0].Block, .5}) // a block twice: the Gram matrices are singular
	lost := func(u, v linear.Matrix) float64 {
		sum := 0.
		for i := range users {
			for j := range items {
				want := 0.
				for _, p := range parts {
					want += float64(p.weight) * dot(p.Users[i*p.Dim:(i+1)*p.Dim], p.Items[j*p.Dim:(j+1)*p.Dim])
				}
				got := dot(u.Row(i), v.Row(j))
				sum += (want - got) * (want - got)
			}
		}
		return sum
	}
	for _, rank := range []int{3, 10, 20, 28} {
		c, err := compose(context.Background(), linear.Portable{}, parts, rank, nil)
		if err != nil {
			t.Fatal(err)
		}
		best, err := blocks.Compress([]blocks.Block{parts[0].Block, parts[1].Block}, []float32{2.5, .3}, rank)
		if err != nil {
			t.Fatal(err)
		}
		reference := lost(linear.Matrix{Rows: users, Cols: best.Dim, Data: best.Users}, linear.Matrix{Rows: items, Cols: best.Dim, Data: best.Items})
		if got := lost(c.users, c.items); got > 1.001*reference+1e-3 {
			t.Errorf("rank %d: squared error %.5f, the reference has %.5f", rank, got, reference)
		}
		// The maps make the same rows.
		whole := side(parts, 28, func(p part) ([]float32, float32) { return p.Users, 1 })
		again, err := linear.Portable{}.Multiply(context.Background(), linear.Op{}, whole, c.userMap)
		if err != nil {
			t.Fatal(err)
		}
		for i := range again.Data {
			if math.Abs(float64(again.Data[i]-c.users.Data[i])) > 1e-4 {
				t.Fatalf("rank %d: the map gives %g, the users have %g", rank, again.Data[i], c.users.Data[i])
			}
		}
	}
}
