package profile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Digests keep cosines: those of histories come close to those of the counts they stand for.
func TestHistoryKeepsCosines(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const dim, products = 1024, 300
	var worst, sum float64
	for range 200 {
		a, b := map[string]float64{}, map[string]float64{}
		for range 30 {
			p := fmt.Sprintf("p%03d", rng.IntN(products))
			a[p]++
			b[p] += float64(rng.IntN(2))
			b[fmt.Sprintf("p%03d", rng.IntN(products))]++
		}
		var ab, aa, bb float64
		for p, x := range a {
			ab += x * b[p]
			aa += x * x
		}
		for _, x := range b {
			bb += x * x
		}
		var got float64
		v, w := History(a, dim), History(b, dim)
		for i := range v {
			got += float64(v[i]) * float64(w[i])
		}
		d := got - ab/math.Sqrt(aa*bb)
		worst, sum = math.Max(worst, math.Abs(d)), sum+d
	}
	// The error of a cosine has a deviation of about 1/√dim, .03, and no bias.
	if worst > 0.13 || math.Abs(sum/200) > 0.01 {
		t.Errorf("cosines are off by up to %.3f, on average by %.4f", worst, sum/200)
	}
}

func TestHistory(t *testing.T) {
	one := History(map[string]float64{"a": 2, "b": -1}, 64)
	if !slices.Equal(one, History(map[string]float64{"b": -1, "a": 2, "c": math.NaN()}, 64)) {
		t.Error("the order of products, or one without a weight, matters")
	}
	var length float64
	for _, x := range one {
		length += float64(x * x)
	}
	if math.Abs(length-1) > 1e-6 {
		t.Errorf("length %v", length)
	}
	// Fixed: models on disk were trained on these places.
	if at := slices.IndexFunc(History(map[string]float64{"dress-07bf93d6": 1}, 256), func(x float32) bool { return x != 0 }); at != 249 {
		t.Errorf("dress-07bf93d6 lies at %d, models were trained with it at 249", at)
	}
	for _, nothing := range []map[string]float64{nil, {"a": 0}, {"a": math.Inf(1)}} {
		if got := History(nothing, 3); !slices.Equal(got, make([]float32, 3)) {
			t.Errorf("%v gives %v", nothing, got)
		}
	}
	if got := History(map[string]float64{"a": 1}, 0); len(got) != 0 {
		t.Errorf("no room gives %v", got)
	}
}
