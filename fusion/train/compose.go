package train

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"weft/fusion/blocks"
	"weft/fusion/linear"
)

// part is a block with its weight in the sum of scores.
type part struct {
	blocks.Block
	weight float32
}

// composite is a weighted sum of blocks as one dot product of few dimensions. Both sides are linear in the blocks laid end
// to end, so that rows that come later can be made too.
type composite struct {
	dim          int
	users, items linear.Matrix // users × dim, items × dim
	userMap      linear.Matrix // (sum of the blocks' dimensions) × dim; the weights are in it
	itemMap      linear.Matrix
}

// weakest is the least share of the greatest eigenvalue that counts as more than rounding.
const weakest = 1e-13

// compose keeps the best approximation of the summed scores at the given rank: with U and T the blocks laid end to end and
// UᵀU = Q·Λ·Qᵀ, R = Λ^½·Qᵀ stands for U in all products, likewise for T; the singular value decomposition P·Σ·Wᵀ of
// R_U·R_Tᵀ, cut at the rank, gives the maps R_U⁻¹·P·Σ^½ and R_T⁻¹·W·Σ^½ (Eckart and Young).
//
// emphasis, one number per item, says how much an error in its scores weighs (squared); nil is all alike.
func compose(ctx context.Context, m linear.Multiplier, parts []part, rank int, emphasis []float32) (composite, error) {
	width := 0
	for _, p := range parts {
		width += p.Dim
	}
	if width == 0 {
		return composite{}, fmt.Errorf("%w: no block to serve", ErrData)
	}
	users := side(parts, width, func(p part) ([]float32, float32) { return p.Users, p.weight })
	items := side(parts, width, func(p part) ([]float32, float32) { return p.Items, 1 })
	var ru, inverseU, rt, inverseT *mat.Dense
	var err error
	if ru, inverseU, err = root(ctx, users, nil); err == nil {
		rt, inverseT, err = root(ctx, items, emphasis)
	}
	if err != nil {
		return composite{}, err
	}
	var core mat.Dense
	core.Mul(ru, rt.T())
	var svd mat.SVD
	if !svd.Factorize(&core, mat.SVDThin) {
		return composite{}, fmt.Errorf("%w: the blocks cannot be folded into one: their scores are not finite", ErrData)
	}
	values := svd.Values(nil)
	for rank = min(rank, len(values)); rank > 1 && values[rank-1] <= 0; rank-- {
	}
	var left, right mat.Dense
	svd.UTo(&left)
	svd.VTo(&right)
	c := composite{dim: rank, userMap: mapped(inverseU, &left, values[:rank]), itemMap: mapped(inverseT, &right, values[:rank])}
	for i, at := 0, 0; i < len(parts); i++ { // the map takes the blocks as they are
		for range parts[i].Dim {
			for k := range rank {
				c.userMap.Row(at)[k] *= parts[i].weight
			}
			at++
		}
	}
	if c.users, err = m.Multiply(ctx, linear.Op{}, side(parts, width, func(p part) ([]float32, float32) { return p.Users, 1 }), c.userMap); err != nil {
		return composite{}, err
	}
	c.items, err = m.Multiply(ctx, linear.Op{}, items, c.itemMap)
	return c, err
}

// keeping leaves the first part as it is and folds only the others, into what is left of the rank.
func keeping(ctx context.Context, m linear.Multiplier, parts []part, rank int, emphasis []float32) (composite, error) {
	first := parts[0]
	rest, err := compose(ctx, m, parts[1:], rank-first.Dim, emphasis)
	if err != nil {
		return composite{}, err
	}
	c := composite{dim: first.Dim + rest.dim}
	join := func(a, b linear.Matrix) linear.Matrix {
		out := linear.Zeros(a.Rows, a.Cols+b.Cols)
		for i := range a.Rows {
			copy(out.Row(i), a.Row(i))
			copy(out.Row(i)[a.Cols:], b.Row(i))
		}
		return out
	}
	diagonal := func(x float32, b linear.Matrix) linear.Matrix { // [x·I, 0; 0, b]
		out := linear.Zeros(first.Dim+b.Rows, c.dim)
		for i := range first.Dim {
			out.Row(i)[i] = x
		}
		for i := range b.Rows {
			copy(out.Row(first.Dim + i)[first.Dim:], b.Row(i))
		}
		return out
	}
	weighed := side(parts[:1], first.Dim, func(p part) ([]float32, float32) { return p.Users, p.weight })
	plain := side(parts[:1], first.Dim, func(p part) ([]float32, float32) { return p.Items, 1 })
	c.users, c.items = join(weighed, rest.users), join(plain, rest.items)
	c.userMap, c.itemMap = diagonal(first.weight, rest.userMap), diagonal(1, rest.itemMap)
	return c, nil
}

// side lays the users or items of the blocks end to end.
func side(parts []part, width int, of func(part) ([]float32, float32)) linear.Matrix {
	data, _ := of(parts[0])
	out := linear.Zeros(len(data)/parts[0].Dim, width)
	at := 0
	for _, p := range parts {
		data, weight := of(p)
		for i := range out.Rows {
			row := out.Row(i)[at : at+p.Dim]
			for k, x := range data[i*p.Dim : (i+1)*p.Dim] {
				row[k] = weight * x
			}
		}
		at += p.Dim
	}
	return out
}

// root is R with RᵀR = AᵀA, rows of A weighed if there is an emphasis, and its pseudo-inverse.
func root(ctx context.Context, a linear.Matrix, emphasis []float32) (r, inverse *mat.Dense, err error) {
	n := a.Cols
	gram := mat.NewSymDense(n, nil)
	// In float64, because blocks differ in scale and small directions matter; in bands, so that no copy of all is made.
	const band = 2048
	for from := 0; from < a.Rows; from += band {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		rows := mat.NewDense(min(band, a.Rows-from), n, nil)
		for i := range rows.RawMatrix().Rows {
			weight := 1.
			if emphasis != nil {
				weight = float64(emphasis[from+i])
			}
			wide := rows.RawRowView(i)
			for k, x := range a.Row(from + i) {
				wide[k] = weight * float64(x)
			}
		}
		var product mat.SymDense
		product.SymOuterK(1, rows.T())
		gram.AddSym(gram, &product)
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(gram, true) {
		return nil, nil, fmt.Errorf("%w: the blocks cannot be folded into one: their vectors are not finite", ErrData)
	}
	var q mat.Dense
	eigen.VectorsTo(&q)
	values := eigen.Values(nil)
	r, inverse = mat.NewDense(n, n, nil), mat.NewDense(n, n, nil)
	for k, value := range values {
		if value <= weakest*values[n-1] || !(value > 0) {
			continue
		}
		s := math.Sqrt(value)
		for i := range n {
			r.Set(k, i, s*q.At(i, k))
			inverse.Set(i, k, q.At(i, k)/s)
		}
	}
	return r, inverse, nil
}

// mapped is inverse·vectors·√values.
func mapped(inverse, vectors *mat.Dense, values []float64) linear.Matrix {
	n, _ := inverse.Dims()
	scaled := mat.NewDense(n, len(values), nil)
	for i := range n {
		for k, v := range values {
			scaled.Set(i, k, vectors.At(i, k)*math.Sqrt(v))
		}
	}
	var out mat.Dense
	out.Mul(inverse, scaled)
	m := linear.Zeros(n, len(values))
	for i := range n {
		for k := range values {
			m.Row(i)[k] = float32(out.At(i, k))
		}
	}
	return m
}
