package content

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"weft/fusion/dataset"
	"weft/fusion/linear"
)

// sampled bounds the items that axes and maps are found from.
const sampled = 8000

// view is a modality of the items that are learned from, turned to its axes.
type view struct {
	on []bool // by place in the items that are learned from
	z  linear.Matrix
}

// dense is a matrix as an operator.
type dense struct {
	linear.Matrix
	by linear.Multiplier
}

func (d dense) Cols() int { return d.Matrix.Cols }

func (d dense) Normal(ctx context.Context, x linear.Matrix) (linear.Matrix, error) {
	y, err := d.by.Multiply(ctx, linear.Op{}, d.Matrix, x)
	if err != nil {
		return y, err
	}
	return d.by.Multiply(ctx, linear.Op{A: true}, d.Matrix, y)
}

// newSide finds the axes of a modality.
func newSide(ctx context.Context, by linear.Multiplier, m *dataset.Modality, from []int32) (Side, view, error) {
	s := Side{Name: m.Name, Dim: m.Dim}
	v := view{on: make([]bool, len(from))}
	var present []int
	for i, item := range from {
		if v.on[i] = m.Present[item]; v.on[i] {
			present = append(present, i)
		}
	}
	if m.Dim == 1 || len(present) < 2 { // a single number is no likeness
		return s, v, nil
	}
	s.Used, s.Root = true, true
	for _, i := range present {
		if slices.ContainsFunc(m.Row(from[i]), func(x float32) bool { return x < 0 }) {
			s.Root = false
			break
		}
	}
	step := (len(present) + sampled - 1) / sampled
	rows := linear.Zeros((len(present)+step-1)/step, m.Dim)
	s.Center = make([]float32, m.Dim)
	mean := make([]float64, m.Dim)
	for r := range rows.Rows {
		s.plain(m.Row(from[present[r*step]]), rows.Row(r))
		for k, x := range rows.Row(r) {
			mean[k] += float64(x) / float64(rows.Rows)
		}
	}
	for k, x := range mean {
		s.Center[k] = float32(x)
	}
	for r := range rows.Rows {
		for k, x := range s.Center {
			rows.Row(r)[k] -= x
		}
	}
	var err error
	if s.Axes, err = principal(ctx, by, rows); err != nil {
		return s, v, err
	}
	s.Own = min(ownAxes, s.Axes.Cols)
	v.z = linear.Zeros(len(from), s.Axes.Cols)
	inParallel(len(from), func(a, b int) {
		for i := a; i < b; i++ {
			if v.on[i] {
				copy(v.z.Row(i), s.turn(m.Row(from[i])))
			}
		}
	})
	return s, v, nil
}

// principal are the leading axes of centred rows, as columns. What few rows do not tell of is filled up with random axes,
// so that later rows keep their geometry.
func principal(ctx context.Context, by linear.Multiplier, rows linear.Matrix) (linear.Matrix, error) {
	rank := min(axes, rows.Cols, rows.Rows-1)
	found, values, err := linear.RightVectors(ctx, dense{rows, by}, rank, 1)
	if err != nil {
		return found, err
	}
	kept := 0
	for kept < len(values) && values[kept] > 1e-4*values[0] && values[0] > 0 {
		kept++
	}
	want := min(ownAxes, rows.Cols)
	if kept >= want {
		want = kept
	}
	all := linear.Zeros(rows.Cols, want)
	random := rand.New(rand.NewPCG(1, 0xa7e5))
	for i := range all.Rows {
		copy(all.Row(i), found.Row(i)[:kept])
		for k := kept; k < want; k++ {
			all.Row(i)[k] = float32(random.NormFloat64())
		}
	}
	if kept == want {
		return all, nil
	}
	whole := linear.Orthonormal(all)
	for i := range all.Rows { // the found ones as they were found, with their sign
		copy(whole.Row(i)[:kept], all.Row(i)[:kept])
	}
	return whole, nil
}

// plain is a row before it is centred and turned.
func (s *Side) plain(raw, dst []float32) {
	copy(dst, raw)
	if s.Root {
		for i, x := range dst {
			dst[i] = float32(math.Copysign(math.Sqrt(math.Abs(float64(x))), float64(x)))
		}
	}
	unit(dst, 1)
}

// turn is z of raw features.
func (s *Side) turn(raw []float32) []float32 {
	x := make([]float32, s.Dim)
	s.plain(raw, x)
	for k, c := range s.Center {
		x[k] -= c
	}
	z := make([]float32, s.Axes.Cols)
	accumulate(z, x, s.Axes)
	return z
}

// inParallel splits 0 … n over the cores.
func inParallel(n int, do func(from, to int)) {
	var group sync.WaitGroup
	cores := min(runtime.GOMAXPROCS(0), max(n, 1))
	for c := range cores {
		group.Go(func() { do(c*n/cores, (c+1)*n/cores) })
	}
	group.Wait()
}
