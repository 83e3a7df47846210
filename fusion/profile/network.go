package profile

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// network maps standardised inputs (a vector v and features f) to one number for each value of a head, before softmax or
// sigmoid:
//
//	exp(f·γ)·V·v + F·f + b
//
// The factor before the vector's part lets features such as the number of events say how much the direction of a vector
// of unit length is worth.
type network struct {
	vector, features, out int
	weights               []float64 // V and F (side by side: a row for each value), b, γ
}

// most is the largest exponent of the factor, either way: a vector of much evidence weighs up to 55 times one of little.
const most = 2

func newNetwork(vector, features, out int) *network {
	return &network{vector: vector, features: features, out: out, weights: make([]float64, (vector+features)*out+out+features)}
}

// layer is a view of a network's numbers.
type layer struct {
	all, vector, features *mat.Dense // V and F together and apart; either part is nil if it has no columns
	b, gamma              []float64
}

func (n *network) layer(weights []float64) layer {
	in := n.vector + n.features
	l := layer{all: mat.NewDense(n.out, in, weights[:in*n.out]), b: weights[in*n.out:][:n.out], gamma: weights[in*n.out+n.out:]}
	if n.vector > 0 {
		l.vector = l.all.Slice(0, n.out, 0, n.vector).(*mat.Dense)
	}
	if n.features > 0 {
		l.features = l.all.Slice(0, n.out, n.vector, in).(*mat.Dense)
	}
	return l
}

// pass is what a run over all rows leaves for the gradient.
type pass struct {
	factor []float64  // of each row; nil unless there are both vector and features
	seen   *mat.Dense // the vector's part with its factor
	out    *mat.Dense
}

// split views the vector's and the features' columns; either is nil if there are none.
func (n *network) split(x *mat.Dense) (vector, features mat.Matrix) {
	rows, columns := x.Dims()
	if n.vector > 0 {
		vector = x.Slice(0, rows, 0, n.vector)
	}
	if n.features > 0 {
		features = x.Slice(0, rows, n.vector, columns)
	}
	return vector, features
}

// forward computes the outputs for all rows of x.
func (n *network) forward(weights []float64, x *mat.Dense) pass {
	l := n.layer(weights)
	rows, _ := x.Dims()
	v, f := n.split(x)
	p := pass{out: mat.NewDense(rows, n.out, nil)}
	if v != nil {
		p.out.Mul(v, l.vector.T())
	}
	if v != nil && f != nil {
		p.factor = make([]float64, rows)
		var exponent mat.VecDense
		exponent.MulVec(f, mat.NewVecDense(n.features, l.gamma))
		for i := range rows {
			p.factor[i] = math.Exp(min(most, max(-most, exponent.AtVec(i))))
			row := p.out.RawRowView(i)
			for j := range row {
				row[j] *= p.factor[i]
			}
		}
		p.seen = mat.DenseCopyOf(p.out)
	}
	if f != nil {
		var said mat.Dense
		said.Mul(f, l.features.T())
		p.out.Add(p.out, &said)
	}
	for i := range rows {
		row := p.out.RawRowView(i)
		for j, b := range l.b {
			row[j] += b
		}
	}
	return p
}

// backward writes the gradient of all weights, given that by the outputs of p, which it overwrites.
func (n *network) backward(gradient []float64, x *mat.Dense, p pass, back *mat.Dense) {
	d := n.layer(gradient)
	rows, _ := x.Dims()
	v, f := n.split(x)
	clear(d.b)
	for i := range rows {
		for j, g := range back.RawRowView(i) {
			d.b[j] += g
		}
	}
	clear(d.gamma)
	if f != nil {
		d.features.Mul(back.T(), f)
	}
	if p.factor != nil {
		exponent := mat.NewVecDense(rows, nil)
		for i := range rows {
			row, seen, factor := back.RawRowView(i), p.seen.RawRowView(i), p.factor[i]
			var by float64
			for j := range row {
				by += row[j] * seen[j]
				row[j] *= factor
			}
			if factor > math.Exp(-most) && factor < math.Exp(most) {
				exponent.SetVec(i, by)
			}
		}
		mat.NewVecDense(n.features, d.gamma).MulVec(f.T(), exponent)
	}
	if v != nil {
		d.vector.Mul(back.T(), v)
	}
}

// loss is the mean log loss over rows and its gradient by the outputs, which overwrites them. Truth holds for each row a
// value for each output: 0 or 1.
func loss(kind Kind, out *mat.Dense, truth *mat.Dense) float64 {
	rows, _ := out.Dims()
	var sum float64
	for i := range rows {
		o, t := out.RawRowView(i), truth.RawRowView(i)
		if kind == Classes {
			sum -= logSoftmax(o, t)
		} else {
			for j, z := range o {
				sum += math.Max(z, 0) - z*t[j] + math.Log1p(math.Exp(-math.Abs(z)))
				o[j] = sigmoid(z)
			}
		}
		for j := range o {
			o[j] = (o[j] - t[j]) / float64(rows)
		}
	}
	return sum / float64(rows)
}

// logSoftmax turns outputs into probabilities and returns the logarithm of the true one's.
func logSoftmax(o, t []float64) float64 {
	top := math.Inf(-1)
	for _, z := range o {
		top = math.Max(top, z)
	}
	var total, truth float64
	for j, z := range o {
		truth += t[j] * (z - top)
		o[j] = math.Exp(z - top)
		total += o[j]
	}
	for j := range o {
		o[j] /= total
	}
	return truth - math.Log(total)
}

func sigmoid(z float64) float64 {
	if z < 0 {
		e := math.Exp(z)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-z))
}

// fit trains the network on rows x with their truth by L-BFGS over all rows at once. Weight decay spares the biases.
func (n *network) fit(ctx context.Context, kind Kind, x, truth *mat.Dense, l2 float64) error {
	grad := func(g, weights []float64) float64 {
		p := n.forward(weights, x)
		value := loss(kind, p.out, truth) // out now holds the gradient
		n.backward(g, x, p, p.out)
		return value + n.decay(weights, g, l2)
	}
	// The optimiser asks for value and gradient apart, at the same point; one pass gives both.
	at, atGrad := make([]float64, len(n.weights)), make([]float64, len(n.weights))
	atValue, fresh := 0.0, false
	both := func(weights []float64) {
		if fresh && slices.Equal(at, weights) {
			return
		}
		copy(at, weights)
		atValue, fresh = grad(atGrad, weights), true
	}
	problem := optimize.Problem{
		Func: func(w []float64) float64 { both(w); return atValue },
		Grad: func(g, w []float64) { both(w); copy(g, atGrad) },
		Status: func() (optimize.Status, error) {
			if err := ctx.Err(); err != nil {
				return optimize.Failure, context.Cause(ctx)
			}
			return optimize.NotTerminated, nil
		},
	}
	settings := &optimize.Settings{
		MajorIterations:   300,
		GradientThreshold: 1e-5,
		Converger:         &optimize.FunctionConverge{Absolute: 1e-6, Relative: 1e-5, Iterations: 5},
	}
	result, err := optimize.Minimize(problem, n.weights, settings, &optimize.LBFGS{})
	if ctx.Err() != nil {
		return fmt.Errorf("profile training stopped: %w", context.Cause(ctx))
	}
	if result == nil || math.IsNaN(result.F) || math.IsInf(result.F, 0) {
		return fmt.Errorf("profile training found no finite loss: %w", errors.Join(err, ErrExample))
	}
	copy(n.weights, result.X) // a line search that finds nothing better ends with an error at the best point
	return nil
}

// factorDecay is how much more than the other weights γ is held back: a factor multiplies the whole of what a vector says.
const factorDecay = 10

// decay is l2/2 times the sum of squares of the weights without biases, those of γ by factorDecay; its gradient is added
// to g.
func (n *network) decay(weights, g []float64, l2 float64) (sum float64) {
	add := func(w, d []float64, l2 float64) {
		for i, x := range w {
			sum += l2 / 2 * x * x
			d[i] += l2 * x
		}
	}
	l, d := n.layer(weights), n.layer(g)
	add(l.all.RawMatrix().Data, d.all.RawMatrix().Data, l2)
	add(l.gamma, d.gamma, factorDecay*l2)
	return sum
}
