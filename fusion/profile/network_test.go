package profile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/mat"
)

func normal(rng *rand.Rand, rows, columns int) *mat.Dense {
	data := make([]float64, rows*columns)
	for i := range data {
		data[i] = rng.NormFloat64()
	}
	return mat.NewDense(rows, columns, data)
}

// The gradient is that of the loss, for every shape of network and both kinds of heads.
func TestGradient(t *testing.T) {
	for _, kind := range []Kind{Classes, Tags} {
		for _, shape := range [][3]int{{3, 2, 4}, {4, 0, 3}, {0, 3, 2}} {
			t.Run(fmt.Sprint(kind, shape), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, 2))
				n := newNetwork(shape[0], shape[1], shape[2])
				for i := range n.weights {
					n.weights[i] = 0.5 * rng.NormFloat64()
				}
				x := normal(rng, 9, shape[0]+shape[1])
				truth := mat.NewDense(9, shape[2], nil)
				for i := range 9 {
					truth.Set(i, rng.IntN(shape[2]), 1)
					if kind == Tags {
						truth.Set(i, rng.IntN(shape[2]), 1)
					}
				}
				const l2 = 0.3
				value := func(w []float64) float64 {
					return loss(kind, n.forward(w, x).out, truth) + n.decay(w, make([]float64, len(w)), l2)
				}
				got := make([]float64, len(n.weights))
				p := n.forward(n.weights, x)
				loss(kind, p.out, truth)
				n.backward(got, x, p, p.out)
				n.decay(n.weights, got, l2)
				want := fd.Gradient(nil, value, n.weights, &fd.Settings{Formula: fd.Central})
				for i := range want {
					if math.Abs(got[i]-want[i]) > 1e-6 {
						t.Errorf("weight %d: gradient %v, by finite differences %v", i, got[i], want[i])
					}
				}
			})
		}
	}
}

// A logistic regression of one input has a known optimum: of 30 rows at x=1 with 24 hits and 30 at x=-1 with 6 hits, the
// slope is log 4 and the bias 0.
func TestFitFindsOptimum(t *testing.T) {
	x, truth := mat.NewDense(60, 1, nil), mat.NewDense(60, 1, nil)
	for i := range 60 {
		x.Set(i, 0, 1)
		hit := i < 24
		if i >= 30 {
			x.Set(i, 0, -1)
			hit = i < 36
		}
		if hit {
			truth.Set(i, 0, 1)
		}
	}
	n := newNetwork(1, 0, 1)
	if err := n.fit(t.Context(), Tags, x, truth, 1e-9); err != nil {
		t.Fatal(err)
	}
	if l := n.layer(n.weights); math.Abs(l.all.At(0, 0)-math.Log(4)) > 1e-3 || math.Abs(l.b[0]) > 1e-3 {
		t.Errorf("slope %v and bias %v, want %v and 0", l.all.At(0, 0), l.b[0], math.Log(4))
	}
}

// Where evidence grows with a feature, the factor learns to trust the vector by it: the same direction is worth more.
func TestFactorWeighsEvidence(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const rows = 4000
	x, truth := mat.NewDense(rows, 2, nil), mat.NewDense(rows, 1, nil)
	for i := range rows {
		v, f := rng.NormFloat64(), rng.NormFloat64()
		x.SetRow(i, []float64{v, f})
		if rng.Float64() < sigmoid(v*math.Exp(0.8*f)) {
			truth.Set(i, 0, 1)
		}
	}
	n := newNetwork(1, 1, 1)
	if err := n.fit(t.Context(), Tags, x, truth, 1e-6); err != nil {
		t.Fatal(err)
	}
	if l := n.layer(n.weights); math.Abs(l.gamma[0]-0.8) > 0.15 || math.Abs(l.all.At(0, 0)-1) > 0.15 || math.Abs(l.all.At(0, 1)) > 0.15 {
		t.Errorf("γ %v, V %v, F %v; made with 0.8, 1, 0", l.gamma[0], l.all.At(0, 0), l.all.At(0, 1))
	}
}
