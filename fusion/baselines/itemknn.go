package baselines

import (
	"cmp"
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
	kept := linear.NewSparse(h.Items)
	for i := range h.Items {
		columns, values := both.Row(i)
		type near struct {
			item  int32
			value float32
		}
		list := make([]near, len(columns))
		for k, c := range columns {
			list[k] = near{c, values[k] / float32(math.Sqrt(float64(counts[i])*float64(counts[c]))+shrink)}
		}
		slices.SortFunc(list, func(a, b near) int { return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.item, b.item)) })
		list = list[:min(neighbours, len(list))]
		slices.SortFunc(list, func(a, b near) int { return cmp.Compare(a.item, b.item) })
		columns, values = make([]int32, len(list)), make([]float32, len(list))
		for k, n := range list {
			columns[k], values[k] = n.item, n.value
		}
		kept.Append(columns, values)
	}
	// Neighbours are kept for each candidate, so the rows that a history adds up are those of the transpose.
	return linearScorer{x, kept.Transpose()}, nil
}
