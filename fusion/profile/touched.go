package profile

import (
	"math"
	"slices"
)

// historyDim is how many numbers of a user's history stand behind the vector; see History.
const historyDim = 256

// TouchedFeatures names the features that Touched gives.
func TouchedFeatures() []string { return []string{"log_weight", "log_items"} }

// Touched lays out what `weft train` and `weft serve` ask a model with: the user vector with the History of what the user
// touched behind it, and how much that was. weights are by product, the sum of what each event says of it, above 0.
func Touched(vector []float32, weights map[string]float64) (long, features []float32) {
	sum := 0.
	for _, w := range weights {
		sum += w
	}
	return slices.Concat(vector, History(weights, historyDim)), []float32{float32(math.Log1p(sum)), float32(math.Log1p(float64(len(weights))))}
}

// AskedByTouched tells whether a model takes what Touched makes of vectors of that length.
func (c Card) AskedByTouched(vector int) bool {
	return c.VectorDim == vector+historyDim && slices.Equal(c.FeatureNames, TouchedFeatures())
}
