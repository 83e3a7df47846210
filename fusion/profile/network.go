package profile

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// network maps standardised inputs (a vector v and features f) to one number for each value of a head, before softmax or
// sigmoid:
//
//	a = exp(f·γ)·(v·V) + f·F + b
//
// and a itself is the output, or tanh(a)·W + c with a hidden layer. The factor before the vector's part lets features
// such as the number of events say how much the direction of a vector of unit length is worth.
type network struct {
	vector, features, hidden, out int
	weights                       []float64 // V and F (below each other), b, γ, W, c
}

// most is the largest exponent of the factor, either way.
const most = 4

// width of the first layer.
func (n *network) width() int {
	if n.hidden > 0 {
		return n.hidden
	}
	return n.out
}

func newNetwork(vector, features, hidden, out int, seed uint64) *network {
	n := &network{vector: vector, features: features, hidden: hidden, out: out}
	in, width := vector+features, n.width()
	n.weights = make([]float64, in*width+width+features)
	if hidden == 0 {
		return n
	}
	n.weights = append(n.weights, make([]float64, hidden*out+out)...)
	rng := rand.New(rand.NewPCG(seed, 0x70726f66696c65))
	l := n.layers(n.weights)
	for i := range in {
		for j := range l.first.RawRowView(i) {
			l.first.Set(i, j, rng.NormFloat64()/math.Sqrt(float64(in)))
		}
	}
	for i := range hidden {
		for j := range l.last.RawRowView(i) {
			l.last.Set(i, j, 0.1*rng.NormFloat64()/math.Sqrt(float64(hidden)))
		}
	}
	return n
}

// layers are views of a network's numbers; last and c are nil without a hidden layer.
type layers struct {
	first, last *mat.Dense
	b, gamma, c []float64
}

func (n *network) layers(weights []float64) layers {
	var l layers
	take := func(size int) []float64 {
		part := weights[:size:size]
		weights = weights[size:]
		return part
	}
	in, width := n.vector+n.features, n.width()
	l.first = mat.NewDense(in, width, take(in*width))
	l.b, l.gamma = take(width), take(n.features)
	if n.hidden > 0 {
		l.last = mat.NewDense(n.hidden, n.out, take(n.hidden*n.out))
		l.c = take(n.out)
	}
	return l
}

// pass is what a run over all rows leaves for the gradient.
type pass struct {
	factor []float64  // of each row
	seen   *mat.Dense // the vector's part with its factor; nil without features, where there is no factor
	hidden *mat.Dense // nil without a hidden layer
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
	l := n.layers(weights)
	rows, _ := x.Dims()
	v, f := n.split(x)
	a := mat.NewDense(rows, n.width(), nil)
	var p pass
	if v != nil {
		a.Mul(v, l.first.Slice(0, n.vector, 0, n.width()))
	}
	if f != nil && v != nil {
		p.factor = make([]float64, rows)
		for i := range rows {
			var e float64
			for j, g := range l.gamma {
				e += f.At(i, j) * g
			}
			p.factor[i] = math.Exp(min(most, max(-most, e)))
			for j, z := range a.RawRowView(i) {
				a.Set(i, j, z*p.factor[i])
			}
		}
		p.seen = mat.DenseCopyOf(a)
	}
	if f != nil {
		var said mat.Dense
		said.Mul(f, l.first.Slice(n.vector, n.vector+n.features, 0, n.width()))
		a.Add(a, &said)
	}
	addRow(a, l.b)
	if l.last == nil {
		p.out = a
		return p
	}
	for i := range rows {
		row := a.RawRowView(i)
		for j, z := range row {
			row[j] = math.Tanh(z)
		}
	}
	p.hidden, p.out = a, &mat.Dense{}
	p.out.Mul(a, l.last)
	addRow(p.out, l.c)
	return p
}

// backward writes the gradient of all weights, given that by the outputs, which it overwrites.
func (n *network) backward(weights, gradient []float64, x *mat.Dense, p pass, out *mat.Dense) {
	l, d := n.layers(weights), n.layers(gradient)
	rows, _ := x.Dims()
	v, f := n.split(x)
	back := out
	if p.hidden != nil {
		d.last.Mul(p.hidden.T(), out)
		sumRows(d.c, out)
		back = &mat.Dense{}
		back.Mul(out, l.last.T())
		for i := range rows {
			h, row := p.hidden.RawRowView(i), back.RawRowView(i)
			for j := range row {
				row[j] *= 1 - h[j]*h[j]
			}
		}
	}
	sumRows(d.b, back)
	if f != nil {
		d.first.Slice(n.vector, n.vector+n.features, 0, n.width()).(*mat.Dense).Mul(f.T(), back)
	}
	if v == nil {
		return
	}
	clear(d.gamma)
	if p.factor != nil {
		for i := range rows {
			row, seen, factor := back.RawRowView(i), p.seen.RawRowView(i), p.factor[i]
			var by float64 // the exponent
			for j := range row {
				by += row[j] * seen[j]
				row[j] *= factor
			}
			if factor > math.Exp(-most) && factor < math.Exp(most) {
				for j := range d.gamma {
					d.gamma[j] += by * f.At(i, j)
				}
			}
		}
	}
	d.first.Slice(0, n.vector, 0, n.width()).(*mat.Dense).Mul(v.T(), back)
}

func addRow(m *mat.Dense, row []float64) {
	rows, _ := m.Dims()
	for i := range rows {
		r := m.RawRowView(i)
		for j, b := range row {
			r[j] += b
		}
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
		n.backward(weights, g, x, p, p.out)
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

// decay is l2/2 times the sum of squares of the weights without biases; its gradient is added to g.
func (n *network) decay(weights, g []float64, l2 float64) (sum float64) {
	add := func(w, d []float64) {
		for i, x := range w {
			sum += l2 / 2 * x * x
			d[i] += l2 * x
		}
	}
	l, d := n.layers(weights), n.layers(g)
	add(l.first.RawMatrix().Data, d.first.RawMatrix().Data)
	add(l.gamma, d.gamma)
	if l.last != nil {
		add(l.last.RawMatrix().Data, d.last.RawMatrix().Data)
	}
	return sum
}

func sumRows(into []float64, m *mat.Dense) {
	clear(into)
	rows, _ := m.Dims()
	for i := range rows {
		for j, v := range m.RawRowView(i) {
			into[j] += v
		}
	}
}
