package baselines

import (
	"context"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"weft/fusion/linear"
	"weft/fusion/rank"
)

// ALSConfig says how factors are fitted.
type ALSConfig struct {
	Dim        int
	Unobserved float32 // weight of the pairs that did not happen, against 1 for those that did
	Ridge      float32
	Rounds     int // over users and items; 0 is 12
	Seed       uint64
}

// steps of conjugate gradients in each round (Takács, Pilászy and Tikk, RecSys 2011): a round starts from the last one's
// solution, so few suffice.
const steps = 3

// ALS is implicit matrix factorisation: alternating least squares with a weight for what did not happen and a ridge in
// proportion to what was seen (Hu, Koren and Volinsky, ICDM 2008; Rendle et al., RecSys 2022).
func ALS(ctx context.Context, h History, c ALSConfig) (rank.Scorer, error) {
	if c.Rounds == 0 {
		c.Rounds = 12
	}
	x := h.Matrix()
	t := x.Transpose()
	random := rand.New(rand.NewPCG(c.Seed, 0xa15))
	start := func(rows int) linear.Matrix {
		m := linear.Zeros(rows, c.Dim)
		for i := range m.Data {
			m.Data[i] = float32(.1 / math.Sqrt(float64(c.Dim)) * random.NormFloat64())
		}
		return m
	}
	users, items := start(x.Rows), start(t.Rows)
	for range c.Rounds {
		if err := half(ctx, x, users, items, c); err != nil {
			return nil, err
		}
		if err := half(ctx, t, items, users, c); err != nil {
			return nil, err
		}
	}
	return rank.Dot{Users: users.Data, Items: items.Data, Dim: c.Dim}, nil
}

// half solves for the rows of one side, the other held.
func half(ctx context.Context, x *linear.Sparse, side, other linear.Matrix, c ALSConfig) error {
	gram, err := linear.Portable{}.Multiply(ctx, linear.Op{A: true}, other, other)
	if err != nil {
		return err
	}
	for i := range gram.Data {
		gram.Data[i] *= c.Unobserved
	}
	square := blas32.General{Rows: c.Dim, Cols: c.Dim, Stride: c.Dim, Data: gram.Data}
	const band = 64
	return linear.Parallel(ctx, (x.Rows+band-1)/band, func(b int) error {
		r, p, ap := make([]float32, c.Dim), make([]float32, c.Dim), make([]float32, c.Dim)
		for i := b * band; i < min((b+1)*band, x.Rows); i++ {
			columns, _ := x.Row(i)
			w := side.Row(i)
			if len(columns) == 0 {
				clear(w)
				continue
			}
			ridge := c.Ridge * (float32(len(columns)) + c.Unobserved*float32(other.Rows))
			apply := func(v, dst []float32) {
				copy(dst, v)
				blas32.Gemv(blas.NoTrans, 1, square, vector(v), ridge, vector(dst))
				for _, col := range columns {
					add(dst, other.Row(int(col)), dot(other.Row(int(col)), v))
				}
			}
			apply(w, ap)
			clear(r)
			for _, col := range columns {
				add(r, other.Row(int(col)), 1)
			}
			add(r, ap, -1)
			copy(p, r)
			rr := dot(r, r)
			for s := 0; s < steps && rr > 1e-12; s++ {
				apply(p, ap)
				a := rr / dot(p, ap)
				add(w, p, a)
				add(r, ap, -a)
				next := dot(r, r)
				for k := range p {
					p[k] = r[k] + next/rr*p[k]
				}
				rr = next
			}
		}
		return nil
	})
}

func vector(v []float32) blas32.Vector { return blas32.Vector{N: len(v), Inc: 1, Data: v} }

func dot(a, b []float32) float32 { return blas32.Dot(vector(a), vector(b)) }

// add is dst += f·v.
func add(dst, v []float32, f float32) { blas32.Axpy(f, vector(v), vector(dst)) }
