package profile

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"weft/onnx/onnxtest"
)

// wide are users with vectors as long as the untrained product vector's, and five classes that depend on ten of them.
func wide(n int) []Example {
	rng := rand.New(rand.NewPCG(1, 1))
	list := make([]Example, n)
	for i := range list {
		e := Example{User: fmt.Sprint("u", i), Vector: make([]float32, 576), Features: make([]float32, len(BehaviourFeatures())), Consent: true}
		for j := range e.Vector {
			e.Vector[j] = float32(rng.NormFloat64()) / 24
		}
		for j := range e.Features {
			e.Features[j] = float32(rng.NormFloat64())
		}
		scores := make([]float64, 5)
		for j := range 10 {
			scores[j%5] += 24*float64(e.Vector[j]) + 0.5*rng.NormFloat64()
		}
		e.Labels = map[string][]string{"class": {fmt.Sprint(likeliest(scores))}}
		list[i] = e
	}
	return list
}

func BenchmarkTrain(b *testing.B) {
	examples := wide(2000)
	for b.Loop() {
		if _, _, err := Train(b.Context(), examples, Config{Heads: []Spec{{Name: "class", Kind: Classes}}, FeatureNames: BehaviourFeatures()}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPredict(b *testing.B) {
	examples := wide(1000)
	m, _ := trained(b, examples, Config{Heads: []Spec{{Name: "class", Kind: Classes}}, FeatureNames: BehaviourFeatures(), L2: []float64{0.1}})
	file, err := m.ONNX()
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(onnxtest.Open(b), file)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Predict(b.Context(), s, examples[:n]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/user")
		})
	}
}
