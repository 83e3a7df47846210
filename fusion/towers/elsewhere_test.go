package towers_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/fusion"
	"weft/fusion/towers"
	"weft/onnx/graph"
	"weft/onnx/onnxtest"
)

const day = 24 * 3600 * 1000 // ms

// expected is what the model's maker gives for the model in the folder of the same name.
type expected struct {
	Features                map[string][][]float32
	Vector, Content, Source [][]float32
	Histories               [][]int
	Ages                    [][]int64 // days
	Users                   [][]float32
}

// Models of another kind serve as weft's own: the same vectors as where they were made, in batches and one by one, for products
// that they know and for later ones. One was written with Python's onnx package (testdata/make_elsewhere.py), one exported by
// PyTorch 2.11 (testdata/make_pytorch.py).
func TestModelMadeElsewhere(t *testing.T) {
	for _, name := range []string{"elsewhere", "pytorch"} {
		t.Run(name, func(t *testing.T) { checkElsewhere(t, filepath.Join("testdata", name)) })
	}
}

func checkElsewhere(t *testing.T, dir string) {
	t.Helper()
	m := open(t, dir)
	text, err := os.ReadFile(dir + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var want expected
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	id := func(i int) string { return "p" + string(rune('0'+i)) } // the eleventh is "p:", which the model lacks
	all := make([]fusion.ProductParts, len(want.Vector))
	for i := range all {
		all[i].ID = id(i)
		for _, name := range []string{"image", "text"} {
			if x := want.Features[name][i]; x != nil {
				all[i].Parts = append(all[i].Parts, fusion.Part{Modality: name, Weight: 1, Vector: x})
			}
		}
	}
	products, err := m.Products(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range products {
		if furthest(t, p.Vector, want.Vector[i]) > 1e-5 || furthest(t, p.Content, want.Content[i]) > 1e-5 {
			t.Errorf("product %s differs from what its maker gives", id(i))
		}
		if (p.Source != nil) == m.Knows(id(i)) || p.Source != nil && furthest(t, p.Source, want.Source[i]) > 1e-5 {
			t.Errorf("product %s: row for histories %v, its maker gives %v", id(i), p.Source, want.Source[i])
		}
		one, err := m.Products(t.Context(), all[i:i+1])
		if err != nil || furthest(t, one[0].Vector, p.Vector) > 1e-6 {
			t.Errorf("product %s alone: %v", id(i), err)
		}
	}
	now := m.Manifest().Now
	shoppers := make([]fusion.UserParts, len(want.Histories))
	for u, history := range want.Histories {
		for k, i := range history {
			shoppers[u].Choices = append(shoppers[u].Choices, fusion.Choice{Product: id(i), Source: products[i].Source, Last: now - want.Ages[u][k]*day, Weight: 1})
		}
	}
	users, err := m.Users(t.Context(), shoppers)
	if err != nil {
		t.Fatal(err)
	}
	for u, v := range users {
		one, err := m.Users(t.Context(), shoppers[u:u+1])
		if err != nil || furthest(t, v.Vector, want.Users[u]) > 1e-5 || furthest(t, one[0].Vector, want.Users[u]) > 1e-5 {
			t.Errorf("user %d differs from what its maker gives: %v", u, err)
		}
	}
}

// What does not fit the manifest is refused when it is opened, with the place and what is wanted.
func TestModelMadeElsewhereRefused(t *testing.T) {
	product, err := os.ReadFile(filepath.Join("testdata", "elsewhere", "product.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New("fixed")
	g.Output(g.Add(graph.Node{Op: "Identity", Name: "vector", Inputs: []graph.Value{g.Input("age", graph.Float32, graph.Sizes(3, 16))}})[0], graph.Float32, graph.Sizes(3, 16))
	fixed, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		old, new string // in the manifest
		instead  []byte // of user.onnx
		want     string
	}{
		"another length of a modality": {`"dim": 8`, `"dim": 9`, nil, `product.onnx: input "x.image" is float32 [batch, 8], want float32 [N, 9]`},
		"a modality that is not given": {`"image"`, `"photo"`, nil, `product.onnx reads "x.image", which is not given; there are bias [N, 1], has.photo [N, 1]`},
		"another length of vectors":    {`"dim": 16`, `"dim": 32`, nil, `product.onnx: output "vector" is float32 [batch, 16], want float32 [N, 32]`},
		"another tower's tables":       {`"tower_dim": 4`, `"tower_dim": 5`, nil, `identity.npy is 10 × 4, want 10 × 5`},
		"a batch of fixed size":        {"", "", fixed, `user.onnx: input "age" is float32 [3, 16], want float32 [N, L]: dimension 0 must not be fixed`},
		"the wrong tower":              {"", "", product, `user.onnx reads "identity", which is not given; there are age [N, L], mask [N, L], sources [N, L, 5]`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "elsewhere"))); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, towers.ManifestFile)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(string(text), c.old, c.new, 1)
			if c.instead != nil {
				if err := os.WriteFile(filepath.Join(dir, "user.onnx"), c.instead, 0o600); err != nil {
					t.Fatal(err)
				}
				var manifest towers.Manifest
				if err := json.Unmarshal(text, &manifest); err != nil {
					t.Fatal(err)
				}
				changed = strings.Replace(changed, manifest.Files["user.onnx"], fmt.Sprintf("%x", sha256.Sum256(c.instead)), 1)
			}
			if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = towers.Open(towers.Config{Runtime: onnxtest.Open(t), Dir: dir, Concat: concat(t)})
			if !errors.Is(err, towers.ErrModel) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
