package onnx_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"weft/onnx"
	"weft/onnx/graph"
	"weft/onnx/onnxtest"
)

// mixed gives sum = a + float(b) + float(c) + float(d) and twice = 2b, one for each element type.
func mixed(t testing.TB) []byte {
	t.Helper()
	g := graph.New("mixed")
	dims := graph.Batch("N", 2)
	sum := g.Input("a", graph.Float32, dims)
	b := g.Input("b", graph.Int64, dims)
	for _, v := range []graph.Value{b, g.Input("c", graph.Int32, dims), g.Input("d", graph.Uint8, dims)} {
		sum = g.Op("Add", []graph.Value{sum, g.Op("Cast", []graph.Value{v}, graph.AttrInt("to", int64(graph.Float32)))})
	}
	sum = g.Add(graph.Node{Op: "Identity", Name: "sum", Inputs: []graph.Value{sum}})[0]
	twice := g.Add(graph.Node{Op: "Add", Name: "twice", Inputs: []graph.Value{b, b}})[0]
	g.Output(sum, graph.Float32, dims)
	g.Output(twice, graph.Int64, dims)
	return bytesOf(t, g)
}

// chain multiplies an n×n input by itself, steps times: as long a run as a test wants.
func chain(t testing.TB, n int64, steps int) []byte {
	t.Helper()
	g := graph.New("chain")
	x := g.Input("x", graph.Float32, graph.Sizes(n, n))
	y := x
	for range steps {
		y = g.Op("MatMul", []graph.Value{y, x})
	}
	g.Output(g.Add(graph.Node{Op: "Identity", Name: "y", Inputs: []graph.Value{y}})[0], graph.Float32, graph.Sizes(n, n))
	return bytesOf(t, g)
}

func bytesOf(t testing.TB, g *graph.Graph) []byte {
	t.Helper()
	b, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mixedInputs(rows int) map[string]onnx.Tensor {
	a, b, c, d := make([]float32, 2*rows), make([]int64, 2*rows), make([]int32, 2*rows), make([]byte, 2*rows)
	for i := range a {
		a[i], b[i], c[i], d[i] = float32(i)/2, int64(i), int32(-i), byte(i%200)
	}
	n := int64(rows)
	return map[string]onnx.Tensor{
		"a": onnx.Floats(a, n, 2), "b": onnx.Int64s(b, n, 2), "c": onnx.Int32s(c, n, 2), "d": onnx.Bytes(d, n, 2),
	}
}

func TestRunGivesEveryElementType(t *testing.T) {
	s := onnxtest.Session(t, mixed(t), onnx.SessionConfig{})
	out, err := s.Run(context.Background(), mixedInputs(2), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := out["sum"].F32, []float32{0, 1.5, 3, 4.5}; !slices.Equal(got, want) {
		t.Errorf("sum = %v, want %v", got, want)
	}
	if got, want := out["twice"].I64, []int64{0, 2, 4, 6}; !slices.Equal(got, want) {
		t.Errorf("twice = %v, want %v", got, want)
	}
	if got, want := out["sum"].Row(1), []float32{3, 4.5}; !slices.Equal(got, want) {
		t.Errorf("row 1 = %v, want %v", got, want)
	}
	if out["sum"].Row(2) != nil || out["twice"].Row(0) != nil {
		t.Error("a row that does not exist, or is not float32, is not nil")
	}
}

func TestOutputsAreChosen(t *testing.T) {
	s := onnxtest.Session(t, mixed(t), onnx.SessionConfig{})
	out, err := s.Run(context.Background(), mixedInputs(1), []string{"twice"})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 1 || out["twice"].I64 == nil {
		t.Errorf("outputs %v, want twice alone", out)
	}
	one := onnxtest.Session(t, mixed(t), onnx.SessionConfig{Outputs: []string{"sum"}})
	if outs := one.Outputs(); len(outs) != 1 || outs[0].Name != "sum" {
		t.Errorf("Outputs() = %v, want sum alone", outs)
	}
	if _, err := one.Run(context.Background(), mixedInputs(1), []string{"twice"}); !errors.Is(err, onnx.ErrInput) {
		t.Errorf("asking for an output that the session leaves out: %v, want ErrInput", err)
	}
}

func TestWrongInputsAreRefused(t *testing.T) {
	s := onnxtest.Session(t, mixed(t), onnx.SessionConfig{})
	cases := map[string]struct {
		change func(map[string]onnx.Tensor)
		want   string
	}{
		"missing":       {func(in map[string]onnx.Tensor) { delete(in, "c") }, `"c" is missing`},
		"unknown":       {func(in map[string]onnx.Tensor) { in["z"] = in["a"] }, `"z"`},
		"element type":  {func(in map[string]onnx.Tensor) { in["a"] = in["b"] }, "elements are int64, want float32"},
		"no slice":      {func(in map[string]onnx.Tensor) { in["a"] = onnx.Tensor{Shape: []int64{2, 2}} }, "0 of the slices"},
		"two slices":    {func(in map[string]onnx.Tensor) { a := in["a"]; a.U8 = in["d"].U8; in["a"] = a }, "2 of the slices"},
		"rank":          {func(in map[string]onnx.Tensor) { in["a"] = onnx.Floats(in["a"].F32, 4) }, "has 1 dimensions, want 2"},
		"fixed size":    {func(in map[string]onnx.Tensor) { in["a"] = onnx.Floats(make([]float32, 6), 2, 3) }, "dimension 1 must be 2"},
		"too few":       {func(in map[string]onnx.Tensor) { in["a"] = onnx.Floats(make([]float32, 3), 2, 2) }, "needs 4 elements, got 3"},
		"too many":      {func(in map[string]onnx.Tensor) { in["a"] = onnx.Floats(make([]float32, 5), 2, 2) }, "needs 4 elements, got 5"},
		"no rows":       {func(in map[string]onnx.Tensor) { in["a"] = onnx.Floats([]float32{}, 0, 2) }, "dimension 0 cannot be 0"},
		"negative":      {func(in map[string]onnx.Tensor) { in["a"] = onnx.Floats(make([]float32, 4), -2, -2) }, "dimension 0 cannot be -2"},
		"overflow":      {func(in map[string]onnx.Tensor) { in["a"] = onnx.Floats(make([]float32, 4), 1<<62+1, 2) }, "dimension 1 cannot be 2"},
		"rows disagree": {func(in map[string]onnx.Tensor) { in["a"] = onnx.Floats(make([]float32, 6), 3, 2) }, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := mixedInputs(2)
			c.change(in)
			out, err := s.Run(context.Background(), in, nil)
			want := onnx.ErrInput
			if c.want == "" { // only the library can know
				want = onnx.ErrRun
			}
			if out != nil || !errors.Is(err, want) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, error %v; want %v with %q", out, err, want, c.want)
			}
		})
	}
	if _, err := s.Run(context.Background(), mixedInputs(2), nil); err != nil {
		t.Errorf("a good run after the bad ones: %v", err)
	}
}

func TestModelsThatCannotRunAreRefused(t *testing.T) {
	r := onnxtest.Open(t)
	whole := mixed(t)
	unknown := graph.New("unknown operator")
	unknown.Output(unknown.Op("Relux", []graph.Value{unknown.Input("x", graph.Float32, graph.Sizes(1))}), graph.Float32, graph.Sizes(1))
	half := graph.New("half")
	x := half.Input("x", graph.Float32, graph.Sizes(1))
	half.Output(half.Op("Cast", []graph.Value{x}, graph.AttrInt("to", int64(graph.Float16))), graph.Float16, graph.Sizes(1))
	scalar := graph.New("scalar")
	x = scalar.Input("x", graph.Float32, graph.Sizes(2))
	scalar.Output(scalar.Op("ReduceSum", []graph.Value{x}, graph.AttrInt("keepdims", 0)), graph.Float32, nil)

	for name, c := range map[string]struct {
		model []byte
		want  string
	}{
		"empty":            {nil, "0 bytes"},
		"truncated":        {whole[:len(whole)/2], ""},
		"unknown operator": {bytesOf(t, unknown), "Relux"},
		"float16 output":   {bytesOf(t, half), "float16"},
		"scalar output":    {bytesOf(t, scalar), "no dimensions"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := r.NewSession(c.model, onnx.SessionConfig{})
			if s != nil || !errors.Is(err, onnx.ErrModel) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("session %v, error %v; want ErrModel with %q", s, err, c.want)
			}
		})
	}
	for _, c := range []onnx.SessionConfig{{IntraThreads: -1}, {Outputs: []string{}}, {Outputs: []string{"nothing"}}} {
		if _, err := r.NewSession(whole, c); !errors.Is(err, onnx.ErrConfig) {
			t.Errorf("%+v: error %v, want ErrConfig", c, err)
		}
	}
}

func TestConcurrentRunsDoNotMix(t *testing.T) {
	s := onnxtest.Session(t, mixed(t), onnx.SessionConfig{})
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for i := range 200 {
				in := mixedInputs(1 + (g+i)%5)
				out, err := s.Run(context.Background(), in, nil)
				if err != nil {
					t.Error(err)
					return
				}
				for j, x := range out["sum"].F32 {
					if want := in["a"].F32[j] + float32(in["b"].I64[j]) + float32(in["c"].I32[j]) + float32(in["d"].U8[j]); x != want {
						t.Errorf("goroutine %d, run %d: sum[%d] = %v, want %v", g, i, j, x, want)
						return
					}
				}
			}
		})
	}
	wait.Wait()
}

func TestLibraryThatCannotBeUsed(t *testing.T) {
	good := onnxtest.Library(t)
	dir := t.TempDir()
	missing := filepath.Join(dir, "libonnxruntime.so")
	if _, err := onnx.Open(onnx.Config{Library: missing}); !errors.Is(err, onnx.ErrLibrary) || !errors.Is(err, os.ErrNotExist) ||
		!strings.Contains(err.Error(), missing) || !strings.Contains(err.Error(), "weft models pull") {
		t.Errorf("missing library: %v; want ErrLibrary with the path and what to do", err)
	}
	onnxtest.Open(t)
	if r, err := onnx.Open(onnx.Config{Library: good}); err != nil || r.Provider() != onnx.CPU || r.Version() == "" {
		t.Errorf("the same library twice: %v, %v", r, err)
	}
	link := filepath.Join(dir, "link.so")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	if _, err := onnx.Open(onnx.Config{Library: link}); err != nil {
		t.Errorf("a link to the same library: %v", err)
	}
	other := filepath.Join(dir, "other.so")
	if err := os.WriteFile(other, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := onnx.Open(onnx.Config{Library: other}); !errors.Is(err, onnx.ErrLibrary) || !strings.Contains(err.Error(), "only one") {
		t.Errorf("a second library: %v, want ErrLibrary", err)
	}
}

func TestProviderIsNeverAnother(t *testing.T) {
	library := onnxtest.Library(t)
	for _, provider := range []string{onnx.CUDA, onnx.TensorRT} {
		_, err := onnx.Open(onnx.Config{Library: library, Provider: provider})
		if !errors.Is(err, onnx.ErrProvider) || !strings.Contains(err.Error(), "onnxruntime-gpu") || !strings.Contains(err.Error(), fmt.Sprintf("%q", provider)) {
			t.Errorf("%s with a library for the CPU: %v; want ErrProvider that says what to install", provider, err)
		}
	}
	for _, c := range []onnx.Config{{}, {Library: library, Provider: "tpu"}, {Library: library, DeviceID: 1}, {Library: library, Provider: onnx.CUDA, DeviceID: -1}} {
		if _, err := onnx.Open(c); !errors.Is(err, onnx.ErrConfig) {
			t.Errorf("%+v: error %v, want ErrConfig", c, err)
		}
	}
}
