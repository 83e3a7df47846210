package graph

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// follow finds the shapes of a node's outputs, where the operator is one that gradients are known for. A dimension that
// only the run will tell is the zero Dim.
func (r *reverse) follow(n Node) {
	ins := make([][]Dim, len(n.Inputs))
	for i, in := range n.Inputs {
		s, ok := r.shapes[in]
		if !ok && in != "" {
			return
		}
		ins[i] = s
	}
	if len(ins) == 0 {
		return
	}
	if out, ok := r.outputShape(n, ins); ok {
		r.shapes[n.Outputs[0]] = out
	}
}

func (r *reverse) outputShape(n Node, in [][]Dim) ([]Dim, bool) {
	switch n.Op {
	case "Add", "Sub", "Mul", "Div", "Pow", "Where", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "And", "Or", "Sum":
		out := in[0]
		for _, s := range in[1:] {
			var ok bool
			if out, ok = broadcast(out, s); !ok {
				return nil, false
			}
		}
		return out, true
	case "MatMul":
		return matmulShape(in[0], in[1])
	case "Gemm":
		if len(in[0]) != 2 || len(in[1]) != 2 {
			return nil, false
		}
		return []Dim{in[0][n.flag("transA")], in[1][1-n.flag("transB")]}, true
	case "ReduceSum", "ReduceMean", "ReduceMax", "ReduceLogSumExp":
		axes, ok := r.reduced(n, len(in[0]))
		if !ok {
			return nil, false
		}
		var out []Dim
		for i, d := range in[0] {
			switch {
			case !slices.Contains(axes, i):
				out = append(out, d)
			case n.attr("keepdims").Int(1) == 1:
				out = append(out, Dim{Size: 1})
			}
		}
		return out, true
	case "Transpose":
		out := make([]Dim, len(in[0]))
		for i, p := range permutation(n, len(in[0])) {
			out[i] = in[0][p]
		}
		return out, true
	case "Reshape":
		return r.reshaped(n, in[0])
	case "Unsqueeze", "Squeeze":
		return r.squeezed(n, in[0])
	case "Gather":
		axis := n.axis(0, len(in[0]))
		return slices.Concat(in[0][:axis], in[1], in[0][axis+1:]), true
	case "GatherElements":
		return in[1], true
	case "Concat":
		axis := n.axis(0, len(in[0]))
		out := slices.Clone(in[0])
		for _, s := range in[1:] {
			if len(s) != len(out) {
				return nil, false
			}
			if out[axis].Size == 0 || s[axis].Size == 0 {
				out[axis] = r.unknown()
			} else {
				out[axis] = Dim{Size: out[axis].Size + s[axis].Size}
			}
		}
		return out, true
	case "Slice":
		out := slices.Clone(in[0])
		cuts, err := r.cuts(n, in[0])
		if err != nil {
			return nil, false
		}
		for _, c := range cuts {
			out[c.axis] = Dim{Size: c.end - c.start}
		}
		return out, true
	case "Neg", "Sqrt", "Exp", "Log", "Tanh", "Relu", "Sigmoid", "Erf", "Abs", "Softmax", "LogSoftmax", "Identity", "Cast", "Not", "Sign", "Clip":
		return in[0], true
	}
	return nil, false
}

// broadcast is the shape of an elementwise operator over two shapes; ok is false when it cannot be told.
func broadcast(a, b []Dim) (out []Dim, ok bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out = slices.Clone(a)
	for i := range b {
		x, y := a[len(a)-len(b)+i], b[i]
		switch {
		case x.Size == 1:
			out[len(a)-len(b)+i] = y
		case y.Size == 1 || x == y:
		default:
			return nil, false
		}
	}
	return out, true
}

func matmulShape(a, b []Dim) ([]Dim, bool) {
	if len(a) < 2 || len(b) < 2 {
		return nil, false
	}
	lead, ok := broadcast(a[:len(a)-2], b[:len(b)-2])
	return append(slices.Clone(lead), a[len(a)-2], b[len(b)-1]), ok
}

func (r *reverse) reshaped(n Node, in []Dim) ([]Dim, bool) {
	want, ok := r.integersOf(n.Inputs[1])
	if !ok {
		return nil, false
	}
	out := make([]Dim, len(want))
	for i, w := range want {
		switch {
		case w > 0:
			out[i] = Dim{Size: w}
		case w == 0 && i < len(in):
			out[i] = in[i]
		case w == -1: // known when all others are
			rest, known := int64(1), true
			for _, d := range in {
				rest, known = rest*d.Size, known && d.Size > 0
			}
			for j, o := range want {
				if j != i {
					rest, known = rest/max(o, 1), known && o > 0
				}
			}
			out[i] = Dim{Size: rest}
			if !known {
				out[i] = r.unknown()
			}
		}
	}
	return out, true
}

func (r *reverse) squeezed(n Node, in []Dim) ([]Dim, bool) {
	if len(n.Inputs) < 2 {
		return nil, false
	}
	axes, ok := r.integersOf(n.Inputs[1])
	if !ok {
		return nil, false
	}
	if n.Op == "Squeeze" {
		var out []Dim
		for i, d := range in {
			if !slices.Contains(axes, int64(i)) && !slices.Contains(axes, int64(i-len(in))) {
				out = append(out, d)
			}
		}
		return out, true
	}
	rank := len(in) + len(axes)
	out := make([]Dim, 0, rank)
	for i, next := 0, 0; i < rank; i++ {
		if slices.Contains(axes, int64(i)) || slices.Contains(axes, int64(i-rank)) {
			out = append(out, Dim{Size: 1})
		} else if next < len(in) {
			out, next = append(out, in[next]), next+1
		}
	}
	return out, true
}

func (r *reverse) unknown() Dim {
	r.names++
	return Dim{Name: fmt.Sprintf("?%d", r.names)}
}

// cut is what Slice takes of one axis: the elements from start to before end.
type cut struct{ axis, start, end int64 }

// cuts reads the constants of a Slice with steps of 1 over axes of fixed size.
func (r *reverse) cuts(n Node, in []Dim) ([]cut, error) {
	var lists [3][]int64 // starts, ends, axes
	for i := range lists {
		if len(n.Inputs) <= i+1 {
			return nil, errSlice
		}
		var ok bool
		if lists[i], ok = r.integersOf(n.Inputs[i+1]); !ok || len(lists[i]) != len(lists[0]) {
			return nil, errSlice
		}
	}
	if len(n.Inputs) > 4 {
		steps, ok := r.integersOf(n.Inputs[4])
		if !ok || slices.ContainsFunc(steps, func(s int64) bool { return s != 1 }) {
			return nil, errSlice
		}
	}
	var cuts []cut
	for i, axis := range lists[2] {
		if axis < 0 {
			axis += int64(len(in))
		}
		if axis < 0 || axis >= int64(len(in)) || in[axis].Size == 0 {
			return nil, errSlice
		}
		size := in[axis].Size
		at := func(x int64) int64 {
			if x < 0 {
				x += size
			}
			return min(max(x, 0), size)
		}
		cuts = append(cuts, cut{axis, at(lists[0][i]), at(lists[1][i])})
	}
	return cuts, nil
}

// integersOf reads a constant list of integers.
func (r *reverse) integersOf(v Value) ([]int64, bool) {
	t, ok := r.constants[v]
	if !ok || t.Type != Int64 {
		return nil, false
	}
	list := make([]int64, len(t.Raw)/8)
	for i := range list {
		list[i] = int64(binary.LittleEndian.Uint64(t.Raw[8*i:]))
	}
	return list, true
}

// reduced are the axes that a reduction sums over: an input for ReduceSum, an attribute for the others, all when absent.
func (r *reverse) reduced(n Node, rank int) ([]int, bool) {
	axes := n.attr("axes").Ints()
	if n.Op == "ReduceSum" && len(n.Inputs) > 1 {
		var ok bool
		if axes, ok = r.integersOf(n.Inputs[1]); !ok {
			return nil, false
		}
	}
	out := make([]int, 0, rank)
	for i := range rank {
		if len(axes) == 0 || slices.Contains(axes, int64(i)) || slices.Contains(axes, int64(i-rank)) {
			out = append(out, i)
		}
	}
	return out, true
}

// permutation is that of a Transpose; the default turns the axes round.
func permutation(n Node, rank int) []int {
	p := make([]int, rank)
	given := n.attr("perm").Ints()
	for i := range p {
		p[i] = rank - 1 - i
		if len(given) == rank {
			p[i] = int(given[i])
		}
	}
	return p
}

// attr finds an attribute of a node, the zero Attr if it has none of that name.
func (n Node) attr(name string) Attr {
	for _, a := range n.Attrs {
		if a.Name == name {
			return a
		}
	}
	return Attr{}
}

// flag is an integer attribute that is 0 or 1, 0 by default.
func (n Node) flag(name string) int { return int(n.attr(name).Int(0) & 1) }

// axis is the attribute of that name, counted from the front.
func (n Node) axis(absent int64, rank int) int {
	a := int(n.attr("axis").Int(absent))
	if a < 0 {
		a += rank
	}
	return min(max(a, 0), rank-1)
}
