package graph

import (
	"fmt"
	"slices"
)

// Gradients appends to the graph the nodes that compute the derivative of loss with respect to each value of wrt, and
// returns those derivatives, each of the shape of its value. The loss has one element, whatever its shape; a loss that is
// to be an output has shape [1], because outputs of rank 0 are refused when a model runs.
//
// It is reverse-mode differentiation: the nodes are walked from the loss back, and each operator on the way from wrt to the
// loss hands the derivative of its output on to its inputs (see backward for the operators that are known). Shapes are
// followed by name: dimensions of the same name are the same size, and only a dimension of the fixed size 1 stretches to
// fit another. Comparisons, Shape, Size and integer values pass no derivative on.
//
// An operator without a rule, a shape that cannot be followed, or a value the loss does not depend on is an error that
// wraps ErrInvalid; the graph is then not to be used any more.
func (g *Graph) Gradients(loss Value, wrt ...Value) ([]Value, error) {
	for _, v := range append([]Value{loss}, wrt...) {
		if !g.defined[v] {
			return nil, fmt.Errorf("%w %q: gradient: the value %q is not defined", ErrInvalid, g.name, v)
		}
	}
	r := &reverse{g: g, shapes: map[Value][]Dim{}, constants: map[Value]Tensor{}, parts: map[Value][]Value{}}
	for _, w := range g.weights {
		r.constants[Value(w.Name)] = w
		r.shapes[Value(w.Name)] = Sizes(w.Shape...)
	}
	for _, in := range g.inputs {
		r.shapes[Value(in.Name)] = in.Dims
	}
	forward := slices.Clone(g.nodes)
	onTheWay := map[Value]bool{} // values that depend on wrt
	for _, v := range wrt {
		onTheWay[v] = true
	}
	for _, n := range forward {
		r.follow(n)
		if !stops(n.Op) && slices.ContainsFunc(n.Inputs, func(v Value) bool { return onTheWay[v] }) {
			for _, out := range n.Outputs {
				onTheWay[out] = true
			}
		}
	}
	r.wanted = onTheWay

	one := g.Weight(Floats(r.fresh("one"), []int64{1}, []float32{1}))
	r.parts[loss] = []Value{g.Op("Expand", []Value{one, g.Op("Shape", []Value{loss})})}
	for _, n := range slices.Backward(forward) {
		if !onTheWay[n.Outputs[0]] {
			continue
		}
		dy, ok := r.sum(n.Outputs[0])
		if !ok {
			continue // the loss does not depend on it
		}
		if err := r.backward(n, dy); err != nil {
			return nil, fmt.Errorf("%w %q: gradient of node %q (%s): %w", ErrInvalid, g.name, n.Name, n.Op, err)
		}
	}
	grads := make([]Value, len(wrt))
	for i, v := range wrt {
		var ok bool
		if grads[i], ok = r.sum(v); !ok {
			return nil, fmt.Errorf("%w %q: gradient: the loss %q does not depend on %q", ErrInvalid, g.name, loss, v)
		}
		if slices.Contains(grads[:i], grads[i]) { // two outputs of a model need two names
			grads[i] = g.Op("Identity", []Value{grads[i]})
		}
	}
	return grads, nil
}

// stops tells operators whose outputs have no derivative.
func stops(op string) bool {
	switch op {
	case "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "Not", "And", "Or", "Shape", "Size", "Sign", "ArgMax", "IsNaN":
		return true
	}
	return false
}

// reverse is the state of one backward walk.
type reverse struct {
	g         *Graph
	shapes    map[Value][]Dim // of the forward values; absent when it could not be followed
	constants map[Value]Tensor
	parts     map[Value][]Value // derivatives that have arrived at a value, to be added
	wanted    map[Value]bool
	names     int
}

// give adds a derivative to those that have arrived at a value. make is not called when nobody needs it.
func (r *reverse) give(to Value, make func() Value) {
	if to != "" && r.wanted[to] {
		r.parts[to] = append(r.parts[to], make())
	}
}

// sum is the whole derivative of a value; ok is false when none has arrived.
func (r *reverse) sum(v Value) (Value, bool) {
	parts := r.parts[v]
	switch len(parts) {
	case 0:
		return "", false
	case 1:
		return parts[0], true
	}
	total := r.op("Sum", parts)
	r.parts[v] = []Value{total}
	return total, true
}

func (r *reverse) op(op string, inputs []Value, attrs ...Attr) Value {
	return r.g.Op(op, inputs, attrs...)
}

func (r *reverse) fresh(what string) string {
	for {
		name := fmt.Sprintf("%sgradient.%s.%d", WeightPrefix, what, r.names)
		r.names++
		if !r.g.defined[Value(name)] {
			return name
		}
	}
}

func (r *reverse) number(x float32) Value { return r.g.Weight(Scalar(r.fresh("number"), x)) }

func (r *reverse) integers(x ...int64) Value {
	return r.g.Weight(Ints(r.fresh("integers"), []int64{int64(len(x))}, x))
}

func (r *reverse) shapeOf(v Value) Value { return r.op("Shape", []Value{v}) }

func (r *reverse) shape(v Value) ([]Dim, error) {
	s, ok := r.shapes[v]
	if !ok {
		return nil, fmt.Errorf("the shape of %q is not known", v)
	}
	return s, nil
}

// unbroadcast sums a derivative of the shape of an output down to the shape of an input that was stretched to it.
func (r *reverse) unbroadcast(dy Value, out, in []Dim) Value {
	var axes, lead []int64
	extra := len(out) - len(in)
	for i := range out {
		if i < extra {
			lead = append(lead, int64(i))
		}
		if i < extra || in[i-extra].Size == 1 && out[i].Size != 1 {
			axes = append(axes, int64(i))
		}
	}
	if len(axes) == 0 {
		return dy
	}
	dy = r.op("ReduceSum", []Value{dy, r.integers(axes...)}, AttrInt("keepdims", 1))
	if len(lead) > 0 {
		dy = r.op("Squeeze", []Value{dy, r.integers(lead...)})
	}
	return dy
}
