package graph_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weft/onnx"
	"weft/onnx/graph"
	"weft/onnx/onnxtest"
)

type values = []graph.Value

// operand is an input of a gradient test: its shape as given, its shape as declared (the same unless named), its least value.
type operand struct {
	shape []int64
	dims  []graph.Dim
	least float32 // values are spread over [least, least+2); 0 means [-1, 1)
}

func of(shape ...int64) operand { return operand{shape: shape, dims: graph.Sizes(shape...)} }

// atLeast keeps values away from the poles of Log, Sqrt and Div.
func (o operand) atLeast(x float32) operand { o.least = x; return o }

func (o operand) named(names ...string) operand {
	o.dims = slices.Clone(o.dims)
	for i, n := range names {
		if n != "" {
			o.dims[i] = graph.Dim{Name: n}
		}
	}
	return o
}

func axes(g *graph.Graph, name string, x ...int64) graph.Value {
	return g.Weight(graph.Ints("w."+name, []int64{int64(len(x))}, x))
}

var operandNames = []string{"a", "b", "c"}

// forward begins a graph with the operands and ints as inputs, and the value under test.
func forward(operands []operand, build func(*graph.Graph, values) graph.Value, ints map[string]onnx.Tensor) (g *graph.Graph, in values, y graph.Value) {
	g = graph.New("gradient")
	for i, o := range operands {
		in = append(in, g.Input(operandNames[i], graph.Float32, o.dims))
	}
	for _, name := range slices.Sorted(maps.Keys(ints)) {
		g.Input(name, graph.Int64, graph.Sizes(ints[name].Shape...))
	}
	return g, in, build(g, in)
}

// checkGradients compares the derivative of Σ z·(y + .3y²), z random, for all inputs with central differences.
func checkGradients(t *testing.T, operands []operand, build func(g *graph.Graph, in values) graph.Value, ints map[string]onnx.Tensor) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, uint64(len(operands))))
	inputs := maps.Clone(ints)
	if inputs == nil {
		inputs = map[string]onnx.Tensor{}
	}
	for i, o := range operands {
		n := int64(1)
		for _, d := range o.shape {
			n *= d
		}
		data := make([]float32, n)
		for j := range data {
			data[j] = o.least + 2*rng.Float32()
			if o.least == 0 {
				data[j]--
			}
		}
		inputs[operandNames[i]] = onnx.Floats(data, o.shape...)
	}
	probe, _, size := forward(operands, build, ints)
	probe.Output(probe.Op("Reshape", values{size, axes(probe, "count", -1)}), graph.Float32, graph.Batch("elements"))
	out, err := onnxtest.Session(t, model(t, probe), onnx.SessionConfig{}).Run(context.Background(), inputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	elements := 0
	for _, flat := range out {
		elements = len(flat.F32)
	}

	g, in, y := forward(operands, build, ints)
	// Flat, bent a little, and weighed by an input of as many numbers as y has.
	flat := g.Op("Reshape", values{y, axes(g, "flat", 1, -1)})
	square := g.Op("Mul", values{flat, flat})
	bent := g.Op("Add", values{flat, g.Op("Mul", values{square, g.Weight(graph.Scalar("w.bend", 0.3))})})
	z := g.Input("z", graph.Float32, []graph.Dim{{Name: "elements"}, {Size: 1}})
	loss := g.Op("Reshape", values{g.Op("MatMul", values{bent, z}), axes(g, "loss", 1)})
	g.Output(loss, graph.Float32, graph.Sizes(1))
	grads, err := g.Gradients(loss, in...)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range operands {
		g.Output(grads[i], graph.Float32, o.dims)
	}
	s := onnxtest.Session(t, model(t, g), onnx.SessionConfig{})

	weights := make([]float32, elements)
	for i := range weights {
		weights[i] = rng.Float32()*2 - 1
	}
	inputs["z"] = onnx.Floats(weights, int64(elements), 1)
	run := func() map[string]onnx.Tensor {
		t.Helper()
		out, err := s.Run(context.Background(), inputs, nil)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := run()
	nonzero := false
	for i, o := range operands {
		got := first[string(grads[i])]
		if !slices.Equal(got.Shape, o.shape) {
			t.Fatalf("gradient of %s has shape %v, want %v", operandNames[i], got.Shape, o.shape)
		}
		data := inputs[operandNames[i]].F32
		for j := range data {
			const h = 1.0 / 128
			was := data[j]
			data[j] = was + h
			up := run()[string(loss)].F32[0]
			data[j] = was - h
			down := run()[string(loss)].F32[0]
			data[j] = was
			want := float64(up-down) / (2 * h)
			if diff := math.Abs(want - float64(got.F32[j])); diff > 2e-3+1e-2*math.Abs(want) {
				t.Errorf("d/d%s[%d] = %.5f, differences say %.5f", operandNames[i], j, got.F32[j], want)
			}
			nonzero = nonzero || math.Abs(want) > 0.01
		}
	}
	if !nonzero {
		t.Error("every derivative is zero: the test shows nothing")
	}
}

func TestGradientOfOperators(t *testing.T) {
	unary := func(op string, attrs ...graph.Attr) func(*graph.Graph, values) graph.Value {
		return func(g *graph.Graph, in values) graph.Value { return g.Op(op, in, attrs...) }
	}
	keep, drop := graph.AttrInt("keepdims", 1), graph.AttrInt("keepdims", 0)
	picks := onnx.Int64s([]int64{2, 0, 2, 1}, 4)
	cases := map[string]struct {
		in    []operand
		build func(*graph.Graph, values) graph.Value
		ints  map[string]onnx.Tensor
	}{
		"add":               {[]operand{of(2, 3), of(2, 3)}, unary("Add"), nil},
		"add, stretched":    {[]operand{of(2, 3), of(3)}, unary("Add"), nil},
		"add, named":        {[]operand{of(2, 3).named("N"), of(2, 1).named("N")}, unary("Add"), nil},
		"sub, both stretch": {[]operand{of(2, 1), of(1, 3)}, unary("Sub"), nil},
		"mul":               {[]operand{of(2, 3), of(1, 3)}, unary("Mul"), nil},
		"mul with itself":   {[]operand{of(3)}, func(g *graph.Graph, in values) graph.Value { return g.Op("Mul", values{in[0], in[0]}) }, nil},
		"div":               {[]operand{of(2, 3), of(2, 1).atLeast(1)}, unary("Div"), nil},
		"sum of three":      {[]operand{of(2, 2), of(2), of(1)}, unary("Sum"), nil},
		"neg":               {[]operand{of(4)}, unary("Neg"), nil},
		"exp":               {[]operand{of(4)}, unary("Exp"), nil},
		"log":               {[]operand{of(4).atLeast(.5)}, unary("Log"), nil},
		"sqrt":              {[]operand{of(4).atLeast(.5)}, unary("Sqrt"), nil},
		"pow": {[]operand{of(4).atLeast(.5)}, func(g *graph.Graph, in values) graph.Value {
			return g.Op("Pow", values{in[0], g.Weight(graph.Scalar("w.p", 2.5))})
		}, nil},
		"tanh":                    {[]operand{of(4)}, unary("Tanh"), nil},
		"sigmoid":                 {[]operand{of(4)}, unary("Sigmoid"), nil},
		"relu":                    {[]operand{of(9)}, unary("Relu"), nil},
		"abs":                     {[]operand{of(5)}, unary("Abs"), nil},
		"erf":                     {[]operand{of(4)}, unary("Erf"), nil},
		"identity":                {[]operand{of(4)}, unary("Identity"), nil},
		"softmax":                 {[]operand{of(2, 4)}, unary("Softmax", graph.AttrInt("axis", -1)), nil},
		"softmax, first axis":     {[]operand{of(3, 2)}, unary("Softmax", graph.AttrInt("axis", 0)), nil},
		"log softmax":             {[]operand{of(2, 4)}, unary("LogSoftmax", graph.AttrInt("axis", 1)), nil},
		"log sum exp":             {[]operand{of(2, 4)}, unary("ReduceLogSumExp", graph.AttrInts("axes", 1), drop), nil},
		"log sum exp, two axes":   {[]operand{of(2, 4)}, unary("ReduceLogSumExp", keep), nil},
		"mean":                    {[]operand{of(2, 4)}, unary("ReduceMean", graph.AttrInts("axes", -1), drop), nil},
		"mean of all":             {[]operand{of(2, 4).named("N")}, unary("ReduceMean", keep), nil},
		"transpose":               {[]operand{of(2, 3)}, unary("Transpose"), nil},
		"transpose of three axes": {[]operand{of(2, 3, 2)}, unary("Transpose", graph.AttrInts("perm", 1, 2, 0)), nil},
		"matmul":                  {[]operand{of(2, 3), of(3, 4)}, unary("MatMul"), nil},
		"matmul, batch by matrix": {[]operand{of(2, 2, 3).named("N"), of(3, 2)}, unary("MatMul"), nil},
		"matmul, batches":         {[]operand{of(2, 2, 3), of(2, 3, 2)}, unary("MatMul"), nil},
		"matmul, batch of one":    {[]operand{of(2, 2, 3), of(1, 3, 2)}, unary("MatMul"), nil},
		"gemm":                    {[]operand{of(2, 3), of(3, 4), of(4)}, unary("Gemm", graph.AttrFloat("alpha", .5), graph.AttrFloat("beta", 2)), nil},
		"gemm, A turned":          {[]operand{of(3, 2), of(3, 4), of(2, 4)}, unary("Gemm", graph.AttrInt("transA", 1)), nil},
		"gemm, B turned":          {[]operand{of(2, 3), of(4, 3)}, unary("Gemm", graph.AttrInt("transB", 1)), nil},
		"gemm, both turned":       {[]operand{of(3, 2), of(4, 3)}, unary("Gemm", graph.AttrInt("transA", 1), graph.AttrInt("transB", 1)), nil},
		"sum": {[]operand{of(2, 3)}, func(g *graph.Graph, in values) graph.Value {
			return g.Op("ReduceSum", values{in[0], axes(g, "axes", 0)}, drop)
		}, nil},
		"sum, kept": {[]operand{of(2, 3)}, func(g *graph.Graph, in values) graph.Value {
			return g.Op("ReduceSum", values{in[0], axes(g, "axes", -1)}, keep)
		}, nil},
		"reshape": {[]operand{of(2, 6)}, func(g *graph.Graph, in values) graph.Value {
			return g.Op("Softmax", values{g.Op("Reshape", values{in[0], axes(g, "to", 0, 3, -1)})}, graph.AttrInt("axis", 1))
		}, nil},
		"squeeze and unsqueeze": {[]operand{of(2, 1, 3), of(2, 1)}, func(g *graph.Graph, in values) graph.Value {
			flat := g.Op("Squeeze", values{in[0], axes(g, "out", 1)})
			wide := g.Op("Unsqueeze", values{in[1], axes(g, "in", -1)})
			return g.Op("Mul", values{g.Op("Unsqueeze", values{flat, axes(g, "in2", 1)}), wide})
		}, nil},
		"gather rows": {[]operand{of(3, 2)}, func(g *graph.Graph, in values) graph.Value {
			return g.Op("Gather", values{in[0], "i"})
		}, map[string]onnx.Tensor{"i": picks}},
		"gather elements": {[]operand{of(4, 3)}, func(g *graph.Graph, in values) graph.Value {
			at := g.Op("Unsqueeze", values{"i", axes(g, "one", 1)})
			return g.Op("GatherElements", values{in[0], at}, graph.AttrInt("axis", 1))
		}, map[string]onnx.Tensor{"i": picks}},
		"concat": {[]operand{of(2, 3).named("N"), of(2, 2).named("N")}, unary("Concat", graph.AttrInt("axis", 1)), nil},
		"slice": {[]operand{of(2, 5).named("N")}, func(g *graph.Graph, in values) graph.Value {
			return g.Op("Slice", values{in[0], axes(g, "from", 1), axes(g, "to", -1), axes(g, "axis", 1)})
		}, nil},
		"where": {[]operand{of(2, 3), of(3), of(2, 1)}, func(g *graph.Graph, in values) graph.Value {
			return g.Op("Where", values{g.Op("Greater", values{in[0], g.Weight(graph.Scalar("w.zero", 0))}), g.Op("Mul", values{in[0], in[1]}), in[2]})
		}, nil},
		"a value used twice": {[]operand{of(2, 2)}, func(g *graph.Graph, in values) graph.Value {
			return g.Op("Add", values{g.Op("Exp", in), g.Op("MatMul", values{in[0], in[0]})})
		}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { checkGradients(t, c.in, c.build, c.ints) })
	}
}

func TestGradientsRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		build func(g *graph.Graph, x, other graph.Value) graph.Value
		want  string
	}{
		"no rule":         {func(g *graph.Graph, x, _ graph.Value) graph.Value { return g.Op("Cosh", values{x}) }, "Cosh"},
		"not dependent":   {func(g *graph.Graph, _, other graph.Value) graph.Value { return g.Op("Exp", values{other}) }, "does not depend"},
		"only compared":   {func(g *graph.Graph, x, other graph.Value) graph.Value { return g.Op("Greater", values{x, other}) }, "does not depend"},
		"not defined":     {func(*graph.Graph, graph.Value, graph.Value) graph.Value { return "nowhere" }, "not defined"},
		"shape not known": {func(g *graph.Graph, x, other graph.Value) graph.Value { return g.Op("Add", values{x, other}) }, "shape"},
		"exponent":        {func(g *graph.Graph, x, _ graph.Value) graph.Value { return g.Op("Pow", values{x, x}) }, "exponent"},
	} {
		t.Run(name, func(t *testing.T) {
			g := graph.New("refused")
			x := g.Input("x", graph.Float32, graph.Batch("N"))
			other := g.Input("other", graph.Float32, graph.Batch("M"))
			_, err := g.Gradients(c.build(g, x, other), x)
			if !errors.Is(err, graph.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want ErrInvalid with %q", err, c.want)
			}
		})
	}
}
