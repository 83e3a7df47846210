package train

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/fusion/content"
	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/onnx"
	"weft/onnx/onnxtest"
)

// twoSided is shop with photos that tell the group too, though less, and categories.
func twoSided() *dataset.Dataset {
	d := shop(60, 100, false)
	text, items := d.Modalities[0], len(d.Items)
	image := dataset.Modality{Name: "image", Dim: 9, Present: make([]bool, items), Rows: make([]float32, items*9)}
	for i := range items {
		image.Present[i] = i%11 != 2
		for k := range 9 {
			if image.Present[i] {
				image.Row(int32(i))[k] = .2 + float32((i*7+k*k*5)%13)/20
			}
		}
		if image.Present[i] {
			image.Row(int32(i))[i%4] += 1
		}
		d.Categories = append(d.Categories, fmt.Sprint("group ", i%4))
	}
	d.Modalities = []dataset.Modality{image, text, d.Modalities[1]}
	return d
}

// The content output of product.onnx is the head's, whatever is missing; words alone find photos of their kind.
func TestContentOfModel(t *testing.T) {
	d, out, c := twoSided(), filepath.Join(t.TempDir(), "model"), small(false)
	c.Epochs = 1
	s, err := Train(context.Background(), Options{Runtime: onnxtest.Open(t), Data: d, Config: c, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	if s.Content == nil || s.Content.Precision == nil || s.Content.Precision.Mean <= s.Content.RandomPrecision.Mean {
		t.Fatalf("on products left out: %+v", s.Content)
	}
	card, err := os.ReadFile(filepath.Join(out, "model-card.md"))
	if err != nil || !strings.Contains(string(card), "## Content") || !strings.Contains(string(card), "its text finds others of its category") {
		t.Errorf("%v: %s", err, card)
	}
	var from []int32
	for i, n := range dataset.Counts(d.Train, len(d.Items)) {
		if n > 0 {
			from = append(from, int32(i))
		}
	}
	native := linear.NewNative(onnxtest.Open(t))
	defer func() { _ = native.Close() }()
	head, err := content.Fit(context.Background(), native, d.Modalities, d.Categories, from)
	if err != nil {
		t.Fatal(err)
	}
	product := session(t, out, "product.onnx")
	_, _, tower := readNPY(t, out, "identity.npy")
	_, _, rank := readNPY(t, out, "residual.npy")
	n := len(d.Items)
	contents := func(only string) linear.Matrix {
		zeros := func(dim int) onnx.Tensor { return onnx.Floats(make([]float32, n*dim), int64(n), int64(dim)) }
		in := map[string]onnx.Tensor{"identity": zeros(tower), "warm": zeros(1), "bias": zeros(1), "residual": zeros(rank)}
		for _, m := range d.Modalities {
			has := zeros(1)
			for i, on := range m.Present {
				if on && (only == "" || only == m.Name) {
					has.F32[i] = 1
				}
			}
			in["x."+m.Name], in["has."+m.Name] = onnx.Floats(m.Rows, int64(n), int64(m.Dim)), has
		}
		got, err := product.Run(context.Background(), in, nil)
		if err != nil {
			t.Fatal(err)
		}
		return linear.Matrix{Rows: n, Cols: len(got["content"].F32) / n, Data: got["content"].F32}
	}
	for _, only := range []string{"", "image", "text", "price"} {
		got, want := contents(only), head.Items(d.Modalities, func(name string) bool { return only == "" || name == only })
		if got.Cols != want.Cols {
			t.Fatalf("%d numbers, the head has %d", got.Cols, want.Cols)
		}
		for i, x := range got.Data {
			if math.Abs(float64(x-want.Data[i])) > 1e-3 {
				t.Fatalf("only %q: product %d, number %d is %g, the head has %g", only, i/got.Cols, i%got.Cols, x, want.Data[i])
			}
		}
	}
	words, photos := contents("text"), contents("image")
	same, other := 0., 0.
	for i := range n {
		same += dot(words.Row(i), photos.Row((i+4)%n))
		other += dot(words.Row(i), photos.Row((i+1)%n))
	}
	if same < 1.5*max(other, 0) || same <= 0 {
		t.Errorf("words lie no nearer to photos of their kind (%.2f) than to others (%.2f)", same, other)
	}
}
