package baselines

import (
	"context"
	"math"
	"slices"

	"weft/fusion/linear"
	"weft/fusion/rank"
)

// linearScorer scores a user by the rows of a sparse item × item matrix that belong to their history.
type linearScorer struct {
	x, similar *linear.Sparse
}

func (l linearScorer) Score(user int32, dst []float32) {
	clear(dst)
	items, weights := l.x.Row(int(user))
	for k, item := range items {
		columns, values := l.similar.Row(int(item))
		for j, c := range columns {
			dst[c] += weights[k] * values[j]
		}
	}
}

// ItemKNN sums the similarities of an item to what the user had: the cosine of their sets of users, shrunk towards zero
// where few users support it, kept for each item's nearest neighbours (Deshpande and Karypis, TOIS 2004).
func ItemKNN(ctx context.Context, h History, neighbours int, shrink float64) (rank.Scorer, error) {
	x := h.Matrix()
	both, err := x.SparseGram(ctx)
	if err != nil {
		return nil, err
	}
	counts := h.Counts()
	lists := make([][]int32, h.Items)
	weights := make([][]float32, h.Items)
	const band = 64
	err = linear.Parallel(ctx, (h.Items+band-1)/band, func(b int) error {
		row := make([]float32, h.Items)
		for i := range row {
			row[i] = float32(math.Inf(-1))
		}
		for i := b * band; i < min((b+1)*band, h.Items); i++ {
			columns, values := both.Row(i)
			for k, c := range columns {
				row[c] = values[k] / float32(math.Sqrt(float64(counts[i])*float64(counts[c]))+shrink)
			}
			lists[i] = rank.Top(row, neighbours)
			slices.Sort(lists[i])
			for _, c := range lists[i] {
				weights[i] = append(weights[i], row[c])
			}
			for _, c := range columns {
				row[c] = float32(math.Inf(-1))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	kept := linear.NewSparse(h.Items)
	for i := range lists {
		kept.Append(lists[i], weights[i])
	}
	// Neighbours are kept for each candidate, so the rows that a history adds up are those of the transpose.
	return linearScorer{x, kept.Transpose()}, nil
}
