package linear

import (
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// Compress finds factors of the given rank whose product is the best approximation of u·tᵀ (least squares over all pairs of
// rows; Eckart and Young): QR of both, SVD of the small product of their triangular parts. The singular values are
// shared between the factors, so that lengths stay comparable.
func Compress(u, t Matrix, rank int) (Matrix, Matrix, error) {
	if u.Cols != t.Cols || rank < 1 {
		return Matrix{}, Matrix{}, fmt.Errorf("%w: factors of %d and %d columns at rank %d", ErrShape, u.Cols, t.Cols, rank)
	}
	if rank >= u.Cols {
		return u, t, nil
	}
	q1, r1 := qrOf(u)
	q2, r2 := qrOf(t)
	var core mat.Dense
	core.Mul(r1, r2.T())
	var svd mat.SVD
	if !svd.Factorize(&core, mat.SVDThin) {
		return Matrix{}, Matrix{}, fmt.Errorf("%w: singular values of a %d×%d matrix do not converge: look for NaN in the factors", ErrSingular, r1.RawMatrix().Rows, r2.RawMatrix().Rows)
	}
	values := svd.Values(nil)
	rank = min(rank, len(values))
	var left, right mat.Dense
	svd.UTo(&left)
	svd.VTo(&right)
	scale := func(d *mat.Dense) *mat.Dense {
		rows, _ := d.Dims()
		out := mat.NewDense(rows, rank, nil)
		for i := range rows {
			for k := range rank {
				out.Set(i, k, d.At(i, k)*sqrt(values[k]))
			}
		}
		return out
	}
	return ab(q1, scale(&left)), ab(q2, scale(&right)), nil
}

// qrOf is QR also for a matrix that is wider than tall, whose basis is then the identity.
func qrOf(a Matrix) (Matrix, *mat.Dense) {
	if a.Rows >= a.Cols {
		return QR(a)
	}
	identity := Zeros(a.Rows, a.Rows)
	for i := range a.Rows {
		identity.Row(i)[i] = 1
	}
	return identity, dense(a)
}
