package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

var (
	errSlice = errors.New("it needs constant starts, ends and axes, steps of 1, and axes of fixed size")
	errRule  = errors.New("no rule for its gradient")
)

// backward hands dy, the derivative of a node's first output, on to the node's inputs.
func (r *reverse) backward(n Node, dy Value) error {
	y := n.Outputs[0]
	if len(n.Inputs) == 0 {
		return errRule
	}
	x := n.Inputs[0]
	switch n.Op {
	case "Add", "Sub", "Mul", "Div", "Where", "Sum":
		return r.elementwise(n, dy)
	case "MatMul":
		return r.matmul(n, dy)
	case "Gemm":
		return r.gemm(n, dy)
	case "ReduceSum", "ReduceMean", "ReduceLogSumExp":
		return r.reduction(n, dy)
	case "Concat", "Slice", "Gather", "GatherElements", "Transpose":
		return r.movement(n, dy)
	case "Reshape", "Squeeze", "Unsqueeze":
		r.give(x, func() Value { return r.op("Reshape", []Value{dy, r.shapeOf(x)}) })
	case "Identity":
		r.give(x, func() Value { return dy })
	case "Neg":
		r.give(x, func() Value { return r.op("Neg", []Value{dy}) })
	case "Exp":
		r.give(x, func() Value { return r.op("Mul", []Value{dy, y}) })
	case "Log":
		r.give(x, func() Value { return r.op("Div", []Value{dy, x}) })
	case "Sqrt":
		r.give(x, func() Value { return r.op("Div", []Value{dy, r.op("Mul", []Value{y, r.number(2)})}) })
	case "Pow":
		return r.power(n, dy)
	case "Tanh":
		r.give(x, func() Value {
			return r.op("Mul", []Value{dy, r.op("Sub", []Value{r.number(1), r.op("Mul", []Value{y, y})})})
		})
	case "Sigmoid":
		r.give(x, func() Value {
			slope := r.op("Mul", []Value{y, r.op("Sub", []Value{r.number(1), y})})
			return r.op("Mul", []Value{dy, slope})
		})
	case "Relu":
		r.give(x, func() Value {
			zero := r.number(0)
			return r.op("Where", []Value{r.op("Greater", []Value{x, zero}), dy, zero})
		})
	case "Abs":
		r.give(x, func() Value { return r.op("Mul", []Value{dy, r.op("Sign", []Value{x})}) })
	case "Erf": // 2/√π · e^(-x²)
		r.give(x, func() Value {
			bell := r.op("Exp", []Value{r.op("Neg", []Value{r.op("Mul", []Value{x, x})})})
			return r.op("Mul", []Value{dy, r.op("Mul", []Value{bell, r.number(float32(2 / math.Sqrt(math.Pi)))})})
		})
	case "Softmax", "LogSoftmax":
		return r.softmax(n, dy)
	default:
		return errRule
	}
	return nil
}

// elementwise serves operators whose inputs stretch to the shape of the output.
func (r *reverse) elementwise(n Node, dy Value) error {
	out, err := r.shape(n.Outputs[0])
	if err != nil {
		return err
	}
	back := func(i int, make func() Value) {
		r.give(n.Inputs[i], func() Value { return r.unbroadcast(make(), out, r.shapes[n.Inputs[i]]) })
	}
	same := func() Value { return dy }
	a, b := n.Inputs[0], n.Inputs[min(1, len(n.Inputs)-1)]
	switch n.Op {
	case "Add", "Sum":
		for i := range n.Inputs {
			back(i, same)
		}
	case "Sub":
		back(0, same)
		back(1, func() Value { return r.op("Neg", []Value{dy}) })
	case "Mul":
		back(0, func() Value { return r.op("Mul", []Value{dy, b}) })
		back(1, func() Value { return r.op("Mul", []Value{dy, a}) })
	case "Div":
		back(0, func() Value { return r.op("Div", []Value{dy, b}) })
		back(1, func() Value {
			ratio := r.op("Div", []Value{n.Outputs[0], b})
			return r.op("Neg", []Value{r.op("Mul", []Value{dy, ratio})})
		})
	case "Where":
		back(1, func() Value { return r.op("Where", []Value{a, dy, r.number(0)}) })
		back(2, func() Value { return r.op("Where", []Value{a, r.number(0), dy}) })
	}
	return nil
}

// power is x^p for a constant p: p · x^(p-1).
func (r *reverse) power(n Node, dy Value) error {
	x, p := n.Inputs[0], n.Inputs[1]
	if r.wanted[p] {
		return errors.New("its exponent is trained; only its base may be")
	}
	out, err := r.shape(n.Outputs[0])
	if err != nil {
		return err
	}
	r.give(x, func() Value {
		slope := r.op("Mul", []Value{p, r.op("Pow", []Value{x, r.op("Sub", []Value{p, r.number(1)})})})
		return r.unbroadcast(r.op("Mul", []Value{dy, slope}), out, r.shapes[x])
	})
	return nil
}

// softmax, s = Softmax(x): s·(dy - Σ dy·s). LogSoftmax: dy - s·Σ dy.
func (r *reverse) softmax(n Node, dy Value) error {
	in, err := r.shape(n.Inputs[0])
	if err != nil {
		return err
	}
	axis := r.integers(int64(n.axis(-1, len(in))))
	y := n.Outputs[0]
	total := func(v Value) Value { return r.op("ReduceSum", []Value{v, axis}, AttrInt("keepdims", 1)) }
	r.give(n.Inputs[0], func() Value {
		if n.Op == "Softmax" {
			return r.op("Mul", []Value{y, r.op("Sub", []Value{dy, total(r.op("Mul", []Value{dy, y}))})})
		}
		return r.op("Sub", []Value{dy, r.op("Mul", []Value{r.op("Exp", []Value{y}), total(dy)})})
	})
	return nil
}

func (r *reverse) reduction(n Node, dy Value) error {
	x := n.Inputs[0]
	in, err := r.shape(x)
	if err != nil {
		return err
	}
	axes, ok := r.reduced(n, len(in))
	if !ok {
		return errors.New("its axes are not constant")
	}
	y := n.Outputs[0]
	kept := func(v Value) Value { // v with the reduced axes put back as 1
		if n.attr("keepdims").Int(1) == 1 {
			return v
		}
		list := make([]int64, len(axes))
		for i, a := range axes {
			list[i] = int64(a)
		}
		return r.op("Unsqueeze", []Value{v, r.integers(list...)})
	}
	r.give(x, func() Value {
		switch n.Op {
		case "ReduceLogSumExp":
			if len(axes) == 1 { // one pass over x instead of two
				return r.op("Mul", []Value{kept(dy), r.op("Softmax", []Value{x}, AttrInt("axis", int64(axes[0])))})
			}
			return r.op("Mul", []Value{kept(dy), r.op("Exp", []Value{r.op("Sub", []Value{x, kept(y)})})})
		case "ReduceMean":
			to := AttrInt("to", int64(Float32))
			of := func(v Value) Value { return r.op("Cast", []Value{r.op("Size", []Value{v})}, to) }
			dy = r.op("Mul", []Value{dy, r.op("Div", []Value{of(y), of(x)})})
		}
		return r.op("Expand", []Value{kept(dy), r.shapeOf(x)})
	})
	return nil
}

// movement serves operators that put elements elsewhere.
func (r *reverse) movement(n Node, dy Value) error {
	x := n.Inputs[0]
	in, err := r.shape(x)
	if err != nil {
		return err
	}
	zeros := func() Value { return r.op("ConstantOfShape", []Value{r.shapeOf(x)}) }
	switch n.Op {
	case "Transpose":
		inverse := make([]int64, len(in))
		for i, p := range permutation(n, len(in)) {
			inverse[p] = int64(i)
		}
		r.give(x, func() Value { return r.op("Transpose", []Value{dy}, AttrInts("perm", inverse...)) })
	case "Gather": // rows named more than once add up
		if n.axis(0, len(in)) != 0 {
			return errors.New("only rows (axis 0) can be gathered")
		}
		r.give(x, func() Value {
			at := r.op("Unsqueeze", []Value{n.Inputs[1], r.integers(-1)})
			return r.op("ScatterND", []Value{zeros(), at, dy}, AttrString("reduction", "add"))
		})
	case "GatherElements":
		axis := AttrInt("axis", int64(n.axis(0, len(in))))
		r.give(x, func() Value {
			return r.op("ScatterElements", []Value{zeros(), n.Inputs[1], dy}, axis, AttrString("reduction", "add"))
		})
	case "Slice":
		cuts, err := r.cuts(n, in)
		if err != nil {
			return err
		}
		pads := make([]int64, 2*len(in))
		for _, c := range cuts {
			pads[c.axis], pads[int(c.axis)+len(in)] = c.start, in[c.axis].Size-c.end
		}
		r.give(x, func() Value { return r.op("Pad", []Value{dy, r.integers(pads...)}) })
	case "Concat":
		axis := n.axis(0, len(in))
		start := int64(0)
		for _, v := range n.Inputs {
			s, err := r.shape(v)
			if err != nil {
				return err
			}
			size := s[axis].Size
			if size == 0 {
				return fmt.Errorf("%q has no fixed size along axis %d", v, axis)
			}
			from := start
			r.give(v, func() Value {
				return r.op("Slice", []Value{dy, r.integers(from), r.integers(from + size), r.integers(int64(axis))})
			})
			start += size
		}
	}
	return nil
}

// matmul, Y = A·B: dA = dY·Bᵀ, dB = Aᵀ·dY, over the last two axes. Gemm turns matrices without copying them.
func (r *reverse) matmul(n Node, dy Value) error {
	a, b := n.Inputs[0], n.Inputs[1]
	in, err := r.shape(a)
	if err != nil {
		return err
	}
	other, err := r.shape(b)
	if err != nil {
		return err
	}
	out, err := r.shape(n.Outputs[0])
	if err != nil {
		return err
	}
	if len(in) == 2 && len(other) == 2 {
		r.give(a, func() Value { return r.op("Gemm", []Value{dy, b}, AttrInt("transB", 1)) })
		r.give(b, func() Value { return r.op("Gemm", []Value{a, dy}, AttrInt("transA", 1)) })
		return nil
	}
	turned := func(v Value, rank int) Value {
		perm := make([]int64, rank)
		for i := range perm {
			perm[i] = int64(i)
		}
		perm[rank-1], perm[rank-2] = perm[rank-2], perm[rank-1]
		return r.op("Transpose", []Value{v}, AttrInts("perm", perm...))
	}
	r.give(a, func() Value {
		return r.unbroadcast(r.op("MatMul", []Value{dy, turned(b, len(other))}), leading(out, in), in)
	})
	r.give(b, func() Value {
		if len(other) == 2 { // one product over all rows instead of a sum of products
			flat := func(v Value, d Dim) Value {
				return r.op("Reshape", []Value{v, r.integers(-1, d.Size)})
			}
			if k, m := in[len(in)-1], out[len(out)-1]; k.Size > 0 && m.Size > 0 {
				return r.op("Gemm", []Value{flat(a, k), flat(dy, m)}, AttrInt("transA", 1))
			}
		}
		return r.unbroadcast(r.op("MatMul", []Value{turned(a, len(in)), dy}), leading(out, other), other)
	})
	return nil
}

// leading is the shape of a matrix product's derivative before it is summed: the leading axes of the output, then those
// of the factor.
func leading(out, factor []Dim) []Dim {
	return append(slices.Clone(out[:len(out)-2]), factor[len(factor)-2:]...)
}

// gemm, Y = α·A'·B' + β·C, where ' is an optional transpose.
func (r *reverse) gemm(n Node, dy Value) error {
	out, err := r.shape(n.Outputs[0])
	if err != nil {
		return err
	}
	a, b := n.Inputs[0], n.Inputs[1]
	ta, tb := n.flag("transA"), n.flag("transB")
	alpha := AttrFloat("alpha", n.attr("alpha").Float(1))
	product := func(x Value, tx int, y Value, ty int) Value {
		return r.op("Gemm", []Value{x, y}, alpha, AttrInt("transA", int64(tx)), AttrInt("transB", int64(ty)))
	}
	r.give(a, func() Value {
		if ta == 1 {
			return product(b, tb, dy, 1)
		}
		return product(dy, 0, b, 1-tb)
	})
	r.give(b, func() Value {
		if tb == 1 {
			return product(dy, 1, a, ta)
		}
		return product(a, 1-ta, dy, 0)
	})
	if len(n.Inputs) > 2 && n.Inputs[2] != "" {
		c := n.Inputs[2]
		in, err := r.shape(c)
		if err != nil {
			return err
		}
		r.give(c, func() Value {
			scaled := dy
			if beta := n.attr("beta").Float(1); beta != 1 {
				scaled = r.op("Mul", []Value{dy, r.number(beta)})
			}
			return r.unbroadcast(scaled, out, in)
		})
	}
	return nil
}
