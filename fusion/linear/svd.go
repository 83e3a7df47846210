package linear

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"
)

// Operator is a matrix known by its products.
type Operator interface {
	Cols() int
	// Normal is Aᵀ·A·x, for x with Cols rows.
	Normal(ctx context.Context, x Matrix) (Matrix, error)
}

// Chain is the product of sparse matrices, leftmost first.
type Chain []*Sparse

// Cols is that of the last.
func (c Chain) Cols() int { return c[len(c)-1].Cols }

// Normal goes through the chain from the right and back.
func (c Chain) Normal(ctx context.Context, x Matrix) (_ Matrix, err error) {
	for i := len(c) - 1; i >= 0; i-- {
		if x, err = c[i].Times(ctx, x); err != nil {
			return x, err
		}
	}
	for _, s := range c {
		if x, err = s.Transpose().Times(ctx, x); err != nil {
			return x, err
		}
	}
	return x, nil
}

// Rounds of subspace iteration and columns beyond the rank that are carried along. Checked against full decompositions of
// real interactions, where singular values fall slowly.
const (
	rounds    = 6
	extraCols = 32
)

// RightVectors are the first rank right singular vectors of a as columns (Cols × rank), with their singular values, by
// randomised subspace iteration (Halko, Martinsson and Tropp, SIAM Review 2011). The rank is cut to what the matrix has.
// Each vector's largest entry is positive.
func RightVectors(ctx context.Context, a Operator, rank int, seed uint64) (vectors Matrix, values []float32, err error) {
	n := a.Cols()
	if rank < 1 || n < 1 {
		return Matrix{}, nil, fmt.Errorf("%w: rank %d of %d columns: want at least 1", ErrShape, rank, n)
	}
	width := min(rank+extraCols, n)
	random := rand.New(rand.NewPCG(seed, 0x5bd))
	x := Zeros(n, width)
	for i := range x.Data {
		x.Data[i] = float32(random.NormFloat64())
	}
	q := Orthonormal(x)
	var y Matrix
	for range rounds {
		if y, err = a.Normal(ctx, q); err != nil {
			return Matrix{}, nil, err
		}
		q = Orthonormal(y)
	}
	if y, err = a.Normal(ctx, q); err != nil {
		return Matrix{}, nil, err
	}
	// Rayleigh and Ritz: the eigenvectors of qᵀ·AᵀA·q turn q into singular vectors.
	small := mat.NewSymDense(width, nil)
	product := atb(q, y)
	for i := range width {
		for j := i; j < width; j++ {
			small.SetSym(i, j, (product.At(i, j)+product.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(small, true) {
		return Matrix{}, nil, fmt.Errorf("%w: the eigenvalues of a %d×%d matrix do not converge", ErrSingular, width, width)
	}
	var turn mat.Dense
	eigen.VectorsTo(&turn)
	squares := eigen.Values(nil) // ascending
	rank = min(rank, width)
	best := mat.NewDense(width, rank, nil)
	for k := range rank {
		values = append(values, float32(sqrt(squares[width-1-k])))
		for i := range width {
			best.Set(i, k, turn.At(i, width-1-k))
		}
	}
	vectors = ab(q, best)
	fixSigns(vectors)
	return vectors, values, nil
}

// Orthonormal is a basis of the columns of a tall matrix, by Householder reflections in float64.
func Orthonormal(a Matrix) Matrix {
	q, _ := QR(a)
	return q
}

// QR factors a tall matrix (Rows ≥ Cols) into an orthonormal and an upper triangular one.
func QR(a Matrix) (q Matrix, r *mat.Dense) {
	full := wide(a)
	n := min(a.Rows, a.Cols)
	tau := make([]float64, n)
	work := []float64{0}
	lapack64.Geqrf(full, tau, work, -1)
	work = make([]float64, int(work[0]))
	lapack64.Geqrf(full, tau, work, len(work))
	r = mat.NewDense(n, a.Cols, nil)
	for i := range n {
		copy(r.RawRowView(i)[i:], full.Data[i*full.Stride+i:i*full.Stride+a.Cols])
	}
	work = []float64{0}
	lapack64.Orgqr(full, tau, work, -1)
	work = make([]float64, int(work[0]))
	lapack64.Orgqr(full, tau, work, len(work))
	return narrow(full), r
}

func wide(a Matrix) blas64.General {
	g := blas64.General{Rows: a.Rows, Cols: a.Cols, Stride: a.Cols, Data: make([]float64, len(a.Data))}
	for i, x := range a.Data {
		g.Data[i] = float64(x)
	}
	return g
}

func narrow(g blas64.General) Matrix {
	m := Zeros(g.Rows, g.Cols)
	for i, x := range g.Data {
		m.Data[i] = float32(x)
	}
	return m
}

func dense(a Matrix) *mat.Dense {
	g := wide(a)
	return mat.NewDense(g.Rows, g.Cols, g.Data)
}

func atb(a, b Matrix) *mat.Dense {
	var c mat.Dense
	c.Mul(dense(a).T(), dense(b))
	return &c
}

func ab(a Matrix, b *mat.Dense) Matrix {
	var c mat.Dense
	c.Mul(dense(a), b)
	return narrow(c.RawMatrix())
}

func sqrt(x float64) float64 {
	if x <= 0 { // rounding
		return 0
	}
	return math.Sqrt(x)
}

// fixSigns makes the largest entry of each column positive: the sign of a singular vector is free.
func fixSigns(m Matrix) {
	for j := range m.Cols {
		largest := float32(0)
		for i := range m.Rows {
			if x := m.Row(i)[j]; x*x > largest*largest {
				largest = x
			}
		}
		if largest < 0 {
			for i := range m.Rows {
				m.Row(i)[j] = -m.Row(i)[j]
			}
		}
	}
}
