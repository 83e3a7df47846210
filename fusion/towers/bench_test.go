package towers_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"weft/fusion"
	"weft/fusion/dataset"
	"weft/fusion/towers"
	"weft/fusion/towers/towerstest"
	"weft/fusion/train"
	"weft/onnx/onnxtest"
)

// served is a model of the size that serves by default: three towers of 127 numbers over photos and texts of the default
// encoders.
func served(b *testing.B) (*dataset.Dataset, *towers.Model) {
	b.Helper()
	d := towerstest.Shop(120, 200, map[string]int{"image": 1280, "text": 384})
	dir := filepath.Join(b.TempDir(), "model")
	_, err := train.Train(b.Context(), train.Options{Runtime: onnxtest.Open(b), Data: d, Out: dir, Config: train.Config{Seed: 5, Epochs: 1, Threads: 1}})
	if err != nil {
		b.Fatal(err)
	}
	return d, open(b, dir)
}

// What a product's and a shopper's vector cost on one core, alone and in batches. The encoders' cost for one photo, for
// comparison: go test -bench Encode ./extractors/…
func BenchmarkServe(b *testing.B) {
	d, m := served(b)
	products := productsOf(d)
	made, err := m.Products(b.Context(), products)
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprintf("products of %d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := m.Products(b.Context(), products[:n]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/product")
		})
	}
	for _, choices := range []int{10, 100} {
		shoppers := make([]fusion.UserParts, 64)
		for u := range shoppers {
			for k := range choices {
				i := (u*7 + k) % len(products)
				shoppers[u].Choices = append(shoppers[u].Choices, fusion.Choice{Product: d.Items[i], Source: made[i].Source, Last: int64(k), Weight: 1})
			}
		}
		for _, n := range []int{1, 64} {
			b.Run(fmt.Sprintf("shoppers of %d, %d choices each", n, choices), func(b *testing.B) {
				for b.Loop() {
					if _, err := m.Users(b.Context(), shoppers[:n]); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/shopper")
			})
		}
	}
}
