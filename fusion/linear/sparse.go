package linear

import (
	"context"
	"fmt"
)

// Sparse is a matrix by rows: row i has columns Index[Start[i]:Start[i+1]], ascending, with their Value.
type Sparse struct {
	Rows, Cols int
	Start      []int
	Index      []int32
	Value      []float32
}

// NewSparse makes an empty matrix to which rows are appended in order.
func NewSparse(cols int) *Sparse { return &Sparse{Cols: cols, Start: []int{0}} }

// Append adds the next row; columns ascend.
func (s *Sparse) Append(columns []int32, values []float32) {
	s.Index, s.Value = append(s.Index, columns...), append(s.Value, values...)
	s.Rows++
	s.Start = append(s.Start, len(s.Index))
}

// Row is not copied.
func (s *Sparse) Row(i int) (columns []int32, values []float32) {
	return s.Index[s.Start[i]:s.Start[i+1]], s.Value[s.Start[i]:s.Start[i+1]]
}

// Transpose makes the matrix by columns.
func (s *Sparse) Transpose() *Sparse {
	t := &Sparse{Rows: s.Cols, Cols: s.Rows, Start: make([]int, s.Cols+1), Index: make([]int32, len(s.Index)), Value: make([]float32, len(s.Value))}
	for _, c := range s.Index {
		t.Start[c+1]++
	}
	for i := range s.Cols {
		t.Start[i+1] += t.Start[i]
	}
	next := append([]int(nil), t.Start...)
	for i := range s.Rows {
		columns, values := s.Row(i)
		for k, c := range columns {
			t.Index[next[c]], t.Value[next[c]] = int32(i), values[k]
			next[c]++
		}
	}
	return t
}

// Scale multiplies column j by f[j], in a copy.
func (s *Sparse) Scale(f []float32) *Sparse {
	t := *s
	t.Value = make([]float32, len(s.Value))
	for k, c := range s.Index {
		t.Value[k] = s.Value[k] * f[c]
	}
	return &t
}

// Times is the product with a dense matrix.
func (s *Sparse) Times(ctx context.Context, x Matrix) (Matrix, error) {
	if x.Rows != s.Cols {
		return Matrix{}, fmt.Errorf("%w: %d×%d by %d×%d", ErrShape, s.Rows, s.Cols, x.Rows, x.Cols)
	}
	out := Zeros(s.Rows, x.Cols)
	const band = 64
	err := Parallel(ctx, (s.Rows+band-1)/band, func(b int) error {
		for i := b * band; i < min((b+1)*band, s.Rows); i++ {
			columns, values := s.Row(i)
			dst := out.Row(i)
			for k, c := range columns {
				v := values[k]
				for j, y := range x.Row(int(c)) {
					dst[j] += v * y
				}
			}
		}
		return nil
	})
	return out, err
}

// Gram is sᵀ·s, dense: Cols × Cols. Each entry adds its rows in order, whatever the number of cores.
func (s *Sparse) Gram(ctx context.Context) (Matrix, error) {
	t := s.Transpose()
	out := Zeros(s.Cols, s.Cols)
	const band = 64
	err := Parallel(ctx, (s.Cols+band-1)/band, func(b int) error {
		for i := b * band; i < min((b+1)*band, s.Cols); i++ {
			users, values := t.Row(i)
			dst := out.Row(i)
			for k, u := range users {
				columns, others := s.Row(int(u))
				for l, c := range columns {
					dst[c] += values[k] * others[l]
				}
			}
		}
		return nil
	})
	return out, err
}

// SparseGram is sᵀ·s without its diagonal, kept sparse.
func (s *Sparse) SparseGram(ctx context.Context) (*Sparse, error) {
	t := s.Transpose()
	type row struct {
		columns []int32
		values  []float32
	}
	rows := make([]row, s.Cols)
	const band = 64
	err := Parallel(ctx, (s.Cols+band-1)/band, func(b int) error {
		sum := make([]float32, s.Cols)
		for i := b * band; i < min((b+1)*band, s.Cols); i++ {
			users, values := t.Row(i)
			for k, u := range users {
				columns, others := s.Row(int(u))
				for l, c := range columns {
					sum[c] += values[k] * others[l]
				}
			}
			sum[i] = 0
			for c, v := range sum {
				if v != 0 {
					rows[i].columns, rows[i].values = append(rows[i].columns, int32(c)), append(rows[i].values, v)
					sum[c] = 0
				}
			}
		}
		return nil
	})
	out := NewSparse(s.Cols)
	for _, r := range rows {
		out.Append(r.columns, r.values)
	}
	return out, err
}
