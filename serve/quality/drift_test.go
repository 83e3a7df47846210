package quality

import (
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// vectors are unit vectors around a direction, so many older ones and recent ones; the
// recent are pushed along the second axis, and narrowed.
func vectors(older, recent int, push, narrow float64) func() iter.Seq[Vector] {
	r := rand.New(rand.NewPCG(1, 2))
	var all []Vector
	for i := range older + recent {
		v := make([]float64, 16)
		spread := 1.0
		if i >= older {
			spread = narrow
		}
		for d := range v {
			v[d] = spread * r.NormFloat64()
		}
		v[0] += 3
		if i >= older {
			v[1] += push
		}
		length := math.Sqrt(dot(v, v))
		unit := make([]float32, len(v))
		for d := range v {
			unit[d] = float32(v[d] / length)
		}
		all = append(all, Vector{unit, i >= older})
	}
	return func() iter.Seq[Vector] { return slices.Values(all) }
}

func TestDrift(t *testing.T) {
	for _, tc := range []struct {
		name         string
		push, narrow float64
		cosine, psi  [2]float64
	}{
		{"more of the same", 0, 1, [2]float64{0.995, 1}, [2]float64{0, 0.1}},
		{"another kind of goods", 4, 1, [2]float64{-1, 0.85}, [2]float64{0.5, 20}},
		// The mean stays where it is: what changes is how much they differ among themselves.
		{"copies of one photo", 0, 0.2, [2]float64{0.99, 1}, [2]float64{0.5, 20}},
	} {
		d := Compare(vectors(4000, 1000, tc.push, tc.narrow))
		if d.Older != 4000 || d.Recent != 1000 || d.Cosine < tc.cosine[0] || d.Cosine > tc.cosine[1]+1e-9 || d.PSI < tc.psi[0] || d.PSI > tc.psi[1] {
			t.Errorf("%s: %+v, want a cosine in %v and an index in %v", tc.name, d, tc.cosine, tc.psi)
		}
	}
}

func TestDriftOfTooFewIsNotShown(t *testing.T) {
	m, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	m.drift("shop", Compare(vectors(600, 600, 0, 1)))
	if n := series(m.psi); n != 1 {
		t.Fatalf("%d series", n)
	}
	for _, d := range []Drift{Compare(vectors(600, 20, 4, 1)), Compare(vectors(0, 600, 0, 1)), Compare(vectors(0, 0, 0, 1))} {
		if m.drift("shop", d); series(m.psi)+series(m.cosine) != 0 {
			t.Errorf("%+v is shown", d)
		}
	}
}
