package train

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A wide tower scores like the mean of those it was made of.
func TestJoinIsTheMean(t *testing.T) {
	const users, items, d = 5, 7, 4
	random := rand.New(rand.NewPCG(1, 2))
	numbers := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(random.NormFloat64())
		}
		return x
	}
	var list []fitted
	for range 3 {
		f := fitted{tower: &tower{dim: d + 1, segments: 1, v: numbers(items * d), b: numbers(items), tau: numbers(1), mix: numbers(d * d), coldBias: 3},
			bests: []int{1}, identity: numbers(items * d), projects: [][]float32{numbers(6 * d)}}
		for i := range items {
			for _, x := range f.v[i*d : (i+1)*d] {
				f.items = append(f.items, f.tau[0]*x)
			}
			f.items = append(f.items, f.b[i])
		}
		for range users {
			f.users = append(append(f.users, numbers(d)...), 1)
		}
		list = append(list, f)
	}
	wide := join(list)
	if wide.dim != 3*d+1 || wide.segments != 3 || len(wide.bests) != 3 || math.Abs(float64(wide.coldBias)-3) > 1e-6 {
		t.Fatalf("%d dimensions in %d segments, best epochs %v, cold bias %g", wide.dim, wide.segments, wide.bests, wide.coldBias)
	}
	for u := range users {
		for i := range items {
			want := 0.
			for _, f := range list {
				want += dot(f.users[u*f.dim:(u+1)*f.dim], f.items[i*f.dim:(i+1)*f.dim]) / 3
			}
			if got := dot(wide.users[u*wide.dim:(u+1)*wide.dim], wide.items[i*wide.dim:(i+1)*wide.dim]); math.Abs(got-want) > 1e-5 {
				t.Errorf("user %d, item %d: %g, the mean is %g", u, i, got, want)
			}
		}
	}
	if len(join(list[:1]).tau) != 1 {
		t.Error("a single tower is not itself")
	}
}
