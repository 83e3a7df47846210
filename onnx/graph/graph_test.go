package graph_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"weft/onnx"
	"weft/onnx/graph"
	"weft/onnx/onnxtest"
)

// affine is y = (x × m + b) · k over rows of two, with k held by an attribute.
func affine() *graph.Graph {
	g := graph.New("affine")
	g.Metadata("b", "second")
	g.Metadata("a", "first")
	x := g.Input("x", graph.Float32, graph.Batch("N", 2))
	m := g.Weight(graph.Floats("w.m", []int64{2, 3}, []float32{1, 2, 3, 4, 5, 6}))
	b := g.Weight(graph.Floats("w.b", []int64{3}, []float32{10, 20, 30}))
	k := g.Op("Constant", nil, graph.AttrTensor("value", graph.Scalar("", 0.5)))
	y := g.Op("MatMul", []graph.Value{x, m})
	y = g.Op("Add", []graph.Value{y, b})
	y = g.Add(graph.Node{Op: "Mul", Name: "y", Inputs: []graph.Value{y, k}})[0]
	g.Output(y, graph.Float32, graph.Batch("N", 3))
	return g
}

func model(t *testing.T, g *graph.Graph) []byte {
	t.Helper()
	b, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestModelRuns(t *testing.T) {
	s := onnxtest.Session(t, model(t, affine()), onnx.SessionConfig{})
	out, err := s.Run(context.Background(), map[string]onnx.Tensor{"x": onnx.Floats([]float32{1, 0, 1, 1}, 2, 2)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{5.5, 11, 16.5, 7.5, 13.5, 19.5}; !slices.Equal(out["y"].F32, want) {
		t.Errorf("y = %v, want %v", out["y"].F32, want)
	}
	if want := []int64{2, 3}; !slices.Equal(out["y"].Shape, want) {
		t.Errorf("shape %v, want %v", out["y"].Shape, want)
	}
}

// TestAttributes runs an operator for each kind of attribute, one with several outputs, and one with an optional input left out.
func TestAttributes(t *testing.T) {
	g := graph.New("attributes")
	x := g.Input("x", graph.Float32, graph.Sizes(1, 4))
	soft := g.Op("LeakyRelu", []graph.Value{x}, graph.AttrFloat("alpha", 0.5))
	parts := g.Add(graph.Node{Op: "Split", Name: "split", Inputs: []graph.Value{soft}, Outputs: []graph.Value{"left", "right"},
		Attrs: []graph.Attr{graph.AttrInt("axis", 1)}})
	turned := g.Op("Transpose", []graph.Value{parts[1]}, graph.AttrInts("perm", 1, 0))
	padded := g.Op("Pad", []graph.Value{turned, g.Weight(graph.Ints("w.pads", []int64{4}, []int64{0, 0, 0, 1}))}, graph.AttrString("mode", "edge"))
	high := g.Weight(graph.Scalar("w.high", 1))
	capped := g.Add(graph.Node{Op: "Clip", Name: "capped", Inputs: []graph.Value{padded, "", high}})[0]
	g.Output(capped, graph.Float32, graph.Sizes(2, 2))
	g.Output(parts[0], graph.Float32, graph.Sizes(1, 2))
	list := g.Add(graph.Node{Op: "Constant", Name: "list", Attrs: []graph.Attr{graph.AttrFloats("value_floats", 7, 8)}})[0]
	g.Output(list, graph.Float32, graph.Sizes(2))

	s := onnxtest.Session(t, model(t, g), onnx.SessionConfig{})
	out, err := s.Run(context.Background(), map[string]onnx.Tensor{"x": onnx.Floats([]float32{-2, 3, -4, 5}, 1, 4)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float32{"left": {-1, 3}, "capped": {-2, -2, 1, 1}, "list": {7, 8}} {
		if !slices.Equal(out[name].F32, want) {
			t.Errorf("%s = %v, want %v", name, out[name].F32, want)
		}
	}
}

func TestBytesAreTheSameEachTime(t *testing.T) {
	first := model(t, affine())
	for range 20 { // often enough to notice a map's order
		if !bytes.Equal(first, model(t, affine())) {
			t.Fatal("two models of the same calls differ")
		}
	}
}

func TestInspect(t *testing.T) {
	s, err := graph.Inspect(model(t, affine()))
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b graph.Info) bool {
		return a.Name == b.Name && a.Type == b.Type && slices.Equal(a.Dims, b.Dims)
	}
	if want := (graph.Info{Name: "x", Type: graph.Float32, Dims: graph.Batch("N", 2)}); len(s.Inputs) != 1 || !same(s.Inputs[0], want) {
		t.Errorf("inputs %+v, want %+v", s.Inputs, want)
	}
	if want := (graph.Info{Name: "y", Type: graph.Float32, Dims: graph.Batch("N", 3)}); len(s.Outputs) != 1 || !same(s.Outputs[0], want) {
		t.Errorf("outputs %+v, want %+v", s.Outputs, want)
	}
	if s.Metadata["a"] != "first" || s.Metadata["b"] != "second" {
		t.Errorf("metadata %v", s.Metadata)
	}
}

func TestInspectRefuses(t *testing.T) {
	whole := model(t, affine())
	for name, b := range map[string][]byte{
		"nothing":   nil,
		"a page":    []byte("<!doctype html><title>404</title>"),
		"truncated": whole[:len(whole)-7],
		"no graph":  {8, 8},
	} {
		if _, err := graph.Inspect(b); !errors.Is(err, graph.ErrNotModel) {
			t.Errorf("%s: error %v, want ErrNotModel", name, err)
		}
	}
}

func FuzzInspect(f *testing.F) {
	b, err := affine().Model()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := graph.Inspect(b)
		if err == nil && len(s.Outputs) == 0 {
			t.Error("a model without outputs was accepted")
		}
	})
}

func TestMistakesAreNamed(t *testing.T) {
	one := graph.Sizes(1)
	cases := map[string]struct {
		build func(*graph.Graph)
		want  string
	}{
		"no output":        {func(g *graph.Graph) {}, "no output"},
		"unknown input":    {func(g *graph.Graph) { g.Op("Relu", []graph.Value{"y"}) }, `reads "y"`},
		"unknown output":   {func(g *graph.Graph) { g.Output("y", graph.Float32, one) }, `output "y" is not defined`},
		"input twice":      {func(g *graph.Graph) { g.Input("x", graph.Float32, one) }, `"x" is taken`},
		"weight unmarked":  {func(g *graph.Graph) { g.Weight(graph.Scalar("k", 1)) }, `"k" must begin with "w."`},
		"input as weight":  {func(g *graph.Graph) { g.Input("w.x", graph.Float32, one) }, `"w.x" begins with`},
		"weight too short": {func(g *graph.Graph) { g.Weight(graph.Floats("w.k", []int64{2}, []float32{1})) }, "needs 8 bytes, got 4"},
		"weight shape":     {func(g *graph.Graph) { g.Weight(graph.Floats("w.k", []int64{-1}, nil)) }, "dimension 0 is -1"},
		"weight overflow": {func(g *graph.Graph) {
			g.Weight(graph.Floats("w.k", []int64{1 << 40, 1 << 40}, nil))
		}, "too large"},
		"dimension":   {func(g *graph.Graph) { g.Input("z", graph.Float32, graph.Sizes(0)) }, `dimension 0 needs a size`},
		"no operator": {func(g *graph.Graph) { g.Op("", []graph.Value{"x"}) }, "no operator"},
		"node name twice": {func(g *graph.Graph) {
			for _, out := range []graph.Value{"a", "b"} {
				g.Add(graph.Node{Op: "Relu", Name: "n", Inputs: []graph.Value{"x"}, Outputs: []graph.Value{out}})
			}
		}, `node name "n" is used twice`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := graph.New("wrong")
			x := g.Input("x", graph.Float32, one)
			if name != "no output" {
				g.Output(x, graph.Float32, one)
			}
			c.build(g)
			_, err := g.Model()
			if !errors.Is(err, graph.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want ErrInvalid with %q", err, c.want)
			}
		})
	}
}
