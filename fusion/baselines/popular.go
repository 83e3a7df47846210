package baselines

import (
	"math"
	"math/rand/v2"

	"weft/fusion/rank"
)

// Day in Unix ms.
const Day int64 = 24 * 60 * 60 * 1000

// constant gives everyone the same scores.
type constant []float32

func (c constant) Score(_ int32, dst []float32) { copy(dst, c) }

// Popular scores an item by the users who had it.
func Popular(h History) rank.Scorer { return constant(h.Counts()) }

// RecentlyPopular counts first interactions, each half as much after every half-life (ms).
func RecentlyPopular(h History, halfLife int64) rank.Scorer {
	return constant(RecentCounts(h, halfLife))
}

// RecentCounts are the scores of RecentlyPopular.
func RecentCounts(h History, halfLife int64) []float32 {
	counts := make([]float32, h.Items)
	for _, r := range h.Rows {
		h.Strength.Each(r, func(at int64, more float32) {
			counts[r.Item] += more * float32(math.Exp2(-float64(h.Now-at)/float64(halfLife)))
		})
	}
	return counts
}

// Random scores are what chance reaches: a floor for slices in which few items compete. The same for the same seed.
func Random(seed uint64) rank.Scorer { return random(seed) }

type random uint64

func (s random) Score(user int32, dst []float32) {
	r := rand.New(rand.NewPCG(uint64(s), uint64(user)))
	for i := range dst {
		dst[i] = r.Float32()
	}
}
