package baselines

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"weft/fusion/linear"
	"weft/fusion/rank"
)

// EASELimit is how many items EASE looks at, the most frequent ones: its matrix has a number for each pair of them.
const EASELimit = 20_000

// Ease is a linear model of items by items in closed form (Steck, WWW 2019): the matrix B with zero diagonal that
// minimises ‖X − X·B‖² + λ‖B‖².
type Ease struct {
	X     *linear.Sparse // users × Kept
	B     linear.Matrix  // Kept × Kept
	Kept  []int32        // the items it knows, ascending
	items int
}

// EASE fits B to the interactions x (users × items, with any weights); history is what scores are made from, usually x itself.
func EASE(ctx context.Context, m linear.Multiplier, x, history *linear.Sparse, lambda float32) (*Ease, error) {
	if len(x.Index) == 0 || !(lambda > 0) {
		return nil, fmt.Errorf("%w: EASE on %d interactions with λ=%v: want at least one and λ above 0", ErrHistory, len(x.Index), lambda)
	}
	kept := frequent(x, EASELimit)
	b, err := restrict(x, kept).Gram(ctx)
	if err != nil {
		return nil, err
	}
	for i := range b.Rows {
		b.Row(i)[i] += lambda
	}
	if err := linear.Invert(ctx, m, b); err != nil {
		return nil, err
	}
	diagonal := make([]float32, b.Rows)
	for i := range diagonal {
		diagonal[i] = -1 / b.Row(i)[i]
	}
	err = linear.Parallel(ctx, b.Rows, func(i int) error {
		row := b.Row(i)
		for j := range row {
			row[j] *= diagonal[j]
		}
		row[i] = 0
		return nil
	})
	return &Ease{X: restrict(history, kept), B: b, Kept: kept, items: x.Cols}, err
}

// Score is the user's history times B; items that EASE does not know score 0.
func (e *Ease) Score(user int32, dst []float32) {
	clear(dst)
	items, weights := e.X.Row(int(user))
	sum := make([]float32, len(e.Kept))
	for k, item := range items {
		w := weights[k]
		for j, b := range e.B.Row(int(item)) {
			sum[j] += w * b
		}
	}
	for j, item := range e.Kept {
		dst[item] = sum[j]
	}
}

var _ rank.Scorer = (*Ease)(nil)

// frequent lists the columns that occur, at most limit of them, the most frequent first chosen, in ascending order.
func frequent(x *linear.Sparse, limit int) []int32 {
	counts := make([]int, x.Cols)
	for _, c := range x.Index {
		counts[c]++
	}
	var kept []int32
	for c, n := range counts {
		if n > 0 {
			kept = append(kept, int32(c))
		}
	}
	slices.SortStableFunc(kept, func(a, b int32) int { return cmp.Compare(counts[b], counts[a]) })
	kept = kept[:min(limit, len(kept))]
	slices.Sort(kept)
	return kept
}

// restrict keeps some columns, in their order.
func restrict(x *linear.Sparse, kept []int32) *linear.Sparse {
	at := make([]int32, x.Cols)
	for i := range at {
		at[i] = -1
	}
	for i, c := range kept {
		at[c] = int32(i)
	}
	out := linear.NewSparse(len(kept))
	var columns []int32
	var values []float32
	for i := range x.Rows {
		columns, values = columns[:0], values[:0]
		from, v := x.Row(i)
		for k, c := range from {
			if at[c] >= 0 {
				columns, values = append(columns, at[c]), append(values, v[k])
			}
		}
		out.Append(columns, values)
	}
	return out
}
