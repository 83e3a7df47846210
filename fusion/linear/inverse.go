package linear

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// step is how many rows one round of the inverse eliminates: wide enough for fast products, narrow enough that the
// float64 inverse of the block on the diagonal costs little.
const step = 384

// Invert replaces a symmetric positive definite matrix by its inverse. It eliminates block after block (Gauss and Jordan, in
// place; no pivots are needed for such a matrix), so that nearly all work is in products: 2n³ operations. It fails with
// ErrSingular when a block on the diagonal is not positive definite.
func Invert(ctx context.Context, m Multiplier, a Matrix) error {
	n := a.Rows
	if a.Cols != n {
		return fmt.Errorf("%w: the inverse of %d×%d", ErrShape, a.Rows, a.Cols)
	}
	for from := 0; from < n; from += step {
		to := min(from+step, n)
		width := to - from
		pivot, err := invertBlock(a, from, to)
		if err != nil {
			return err
		}
		// band = pivot × rows from..to, with the pivot itself in place of the block.
		band, err := m.Multiply(ctx, Op{}, pivot, Matrix{width, n, a.Data[from*n : to*n]})
		if err != nil {
			return err
		}
		for i := range width {
			copy(band.Row(i)[from:to], pivot.Row(i))
		}
		strips := (n + step - 1) / step
		// Strips one after the other: the multiplier uses all cores, and one product at a time is held.
		for s := range strips {
			top, bottom := s*step, min((s+1)*step, n)
			if top == from {
				continue
			}
			column := Zeros(bottom-top, width)
			for i := top; i < bottom; i++ {
				copy(column.Row(i-top), a.Row(i)[from:to])
				clear(a.Row(i)[from:to])
			}
			change, err := m.Multiply(ctx, Op{}, column, band)
			if err != nil {
				return err
			}
			if err := Parallel(ctx, bottom-top, func(i int) error {
				row := a.Row(top + i)
				for j, x := range change.Row(i) {
					row[j] -= x
				}
				return nil
			}); err != nil {
				return err
			}
		}
		copy(a.Data[from*n:to*n], band.Data)
	}
	return nil
}

// invertBlock inverts a block on the diagonal in float64.
func invertBlock(a Matrix, from, to int) (Matrix, error) {
	width := to - from
	block := mat.NewSymDense(width, nil)
	for i := range width {
		for j := i; j < width; j++ {
			block.SetSym(i, j, float64(a.Row(from + i)[from+j]))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(block) {
		return Matrix{}, fmt.Errorf("%w: rows %d to %d; a larger ridge would help", ErrSingular, from, to-1)
	}
	var inverse mat.SymDense
	if err := chol.InverseTo(&inverse); err != nil {
		return Matrix{}, fmt.Errorf("%w: rows %d to %d: %v; a larger ridge would help", ErrSingular, from, to-1, err)
	}
	out := Zeros(width, width)
	for i := range width {
		for j := range width {
			out.Row(i)[j] = float32(inverse.At(i, j))
		}
	}
	return out, nil
}
