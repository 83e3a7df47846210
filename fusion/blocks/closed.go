package blocks

import (
	"context"
	"fmt"
	"math"
	"slices"

	"weft/fusion/baselines"
	"weft/fusion/linear"
)

// finish names a block and makes its users.
func finish(ctx context.Context, name string, h baselines.History, items linear.Matrix, f *Fold) (Block, error) {
	users, err := f.fold(ctx, h, items.Cols)
	return Block{Name: name, Users: users, Items: items.Data, Dim: items.Cols, Fold: f}, err
}

// scaleRows multiplies row i by f[i], in a copy.
func scaleRows(m linear.Matrix, f []float32) linear.Matrix {
	out := linear.Zeros(m.Rows, m.Cols)
	for i := range m.Rows {
		for k, x := range m.Row(i) {
			out.Row(i)[k] = f[i] * x
		}
	}
	return out
}

// power is counts^p, with counts below floor raised to it.
func power(counts []float32, p, floor float64) []float32 {
	out := make([]float32, len(counts))
	for i, n := range counts {
		out[i] = float32(math.Pow(max(float64(n), floor), p))
	}
	return out
}

// Spectral is the low-pass filter of the graph of users and items: the first right singular vectors V of X·D^-½, D the counts of
// items. A user is the unit sum of D^-½·V over the history, an item D^½·V.
func Spectral(ctx context.Context, h baselines.History, rank int, seed uint64) (Block, error) {
	x, counts := h.Matrix(), h.Counts()
	down := power(counts, -.5, 1)
	v, _, err := linear.RightVectors(ctx, linear.Chain{x.Scale(down)}, rank, seed)
	if err != nil {
		return Block{}, fmt.Errorf("%w: spectral: %v", ErrBlock, err)
	}
	up := make([]float32, len(counts)) // 0 for an item that nobody had
	for i, n := range counts {
		if up[i] = float32(math.Sqrt(float64(n))); n == 0 { // its row of V is of the null space, and says nothing
			down[i] = 0
		}
	}
	return finish(ctx, "spectral", h, scaleRows(v, up), &Fold{Source: scaleRows(v, down).Data, Unit: true, Scale: 1})
}

// Co-counts are taken over users with fewer items than this: those with more say little about which items belong together.
const fewItems = 50

// CoCount scores by how often items go together: M = D^-½·XᵀX over users with few items, its diagonal zero and D the sums of
// the rows (at least .3); V the right singular vectors of X·M. A user is the unit sum of M·V over the history, an item 10·V.
func CoCount(ctx context.Context, h baselines.History, rank int, seed uint64) (Block, error) {
	m, err := coCounts(ctx, h)
	if err != nil {
		return Block{}, err
	}
	v, _, err := linear.RightVectors(ctx, linear.Chain{h.Matrix(), m}, rank, seed)
	if err != nil {
		return Block{}, fmt.Errorf("%w: co-counts: %v", ErrBlock, err)
	}
	source, err := m.Times(ctx, v)
	if err != nil {
		return Block{}, err
	}
	for i := range v.Data {
		v.Data[i] *= 10
	}
	return finish(ctx, "co-count", h, v, &Fold{Source: source.Data, Unit: true, Scale: 1})
}

func coCounts(ctx context.Context, h baselines.History) (*linear.Sparse, error) {
	few := linear.NewSparse(h.Items)
	x := h.Matrix()
	counts := make([]float32, h.Items)
	for i := range x.Rows {
		if columns, values := x.Row(i); len(columns) < fewItems {
			few.Append(columns, values)
			for _, c := range columns {
				counts[c]++
			}
		}
	}
	m, err := few.SparseGram(ctx)
	if err != nil {
		return nil, err
	}
	down := power(counts, -.5, .3)
	for i := range m.Rows {
		_, values := m.Row(i)
		for k := range values {
			values[k] *= down[i]
		}
	}
	return m, nil
}

// EASEConfig says which EASE a block keeps.
type EASEConfig struct {
	Lambda   float32
	HalfLife int64 // ms; 0 weighs all interactions alike
	Unit     bool  // bring users to unit length and scale them by √n, so that scores compare with a popularity
}

// EASE keeps X·B at a low rank: V the right singular vectors of X·B; a user is x·B·V, an item V. With a half-life, X holds
// .5^(age/half-life) instead of 1, for fitting and for scoring.
func EASE(ctx context.Context, m linear.Multiplier, h baselines.History, c EASEConfig, rank int, seed uint64) (Block, error) {
	x := h.Recent(c.HalfLife)
	e, err := baselines.EASE(ctx, m, x, x, c.Lambda)
	if err != nil {
		return Block{}, err
	}
	return KeepEASE(ctx, m, h, e, c, rank, seed)
}

// KeepEASE is EASE for a B that is fitted already, with the same configuration.
func KeepEASE(ctx context.Context, m linear.Multiplier, h baselines.History, e *baselines.Ease, c EASEConfig, rank int, seed uint64) (Block, error) {
	v, _, err := linear.RightVectors(ctx, throughB{m, e}, rank, seed)
	if err != nil {
		return Block{}, fmt.Errorf("%w: low-rank EASE: %v", ErrBlock, err)
	}
	bv, err := m.Multiply(ctx, linear.Op{}, e.B, v)
	if err != nil {
		return Block{}, err
	}
	items, source := linear.Zeros(h.Items, v.Cols), linear.Zeros(h.Items, v.Cols)
	for k, item := range e.Kept {
		copy(items.Row(int(item)), v.Row(k))
		copy(source.Row(int(item)), bv.Row(k))
	}
	name := "low-rank EASE"
	if c.HalfLife > 0 {
		name = "recency EASE"
	}
	return finish(ctx, name, h, items, &Fold{Source: source.Data, HalfLife: c.HalfLife, Unit: c.Unit, SqrtN: c.Unit, Scale: 1})
}

// throughB is X·B.
type throughB struct {
	m linear.Multiplier
	e *baselines.Ease
}

func (t throughB) Cols() int { return t.e.B.Cols }

func (t throughB) Normal(ctx context.Context, x linear.Matrix) (linear.Matrix, error) {
	y, err := t.m.Multiply(ctx, linear.Op{}, t.e.B, x)
	if err != nil {
		return y, err
	}
	if y, err = (linear.Chain{t.e.X}).Normal(ctx, y); err != nil {
		return y, err
	}
	return t.m.Multiply(ctx, linear.Op{A: true}, t.e.B, y)
}

// Popularity is one dimension: the logarithm of the users who had an item, the same for everyone. Items that nobody had get
// the value at a quantile of the others, so that they can show at all.
func Popularity(ctx context.Context, h baselines.History, cold float64) (Block, error) {
	return popularity(ctx, "popularity", h, logarithm(h.Counts()), cold)
}

func popularity(ctx context.Context, name string, h baselines.History, level []float32, cold float64) (Block, error) {
	items := linear.Matrix{Rows: h.Items, Cols: 1, Data: level}
	counts := h.Counts()
	var warm []float64
	for i, x := range level {
		if counts[i] > 0 {
			warm = append(warm, float64(x))
		}
	}
	if len(warm) == 0 {
		return Block{}, fmt.Errorf("%w: %s of an empty history", ErrBlock, name)
	}
	usual := float32(quantile(warm, cold))
	for i, n := range counts {
		if n == 0 {
			level[i] = usual
		}
	}
	return finish(ctx, name, h, items, &Fold{Constant: true, Scale: 1})
}

// logarithm keeps what is zero finite: .01 is one interaction six half-lives ago.
func logarithm(counts []float32) []float32 {
	out := make([]float32, len(counts))
	for i, n := range counts {
		out[i] = float32(math.Log(float64(n) + .01))
	}
	return out
}

// quantile of values, which it sorts.
func quantile(values []float64, q float64) float64 {
	slices.Sort(values)
	return values[int(max(0, min(1, q))*float64(len(values)-1))]
}
