package towers_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weft/fusion"
	"weft/fusion/dataset"
	"weft/fusion/towers"
	"weft/fusion/towers/towerstest"
	"weft/onnx/onnxtest"
)

var dims = map[string]int{"image": 8, "text": 6}

func concat(t testing.TB) *fusion.Concat {
	t.Helper()
	f, err := fusion.NewConcat(fusion.DefaultConfig(dims["image"], dims["text"]))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func open(t testing.TB, dir string) *towers.Model {
	t.Helper()
	m, err := towers.Open(towers.Config{Runtime: onnxtest.Open(t), Dir: dir, Concat: concat(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// productsOf are the items of a data set as they are gathered.
func productsOf(d *dataset.Dataset) []fusion.ProductParts {
	all := make([]fusion.ProductParts, len(d.Items))
	for i, id := range d.Items {
		all[i].ID = id
		for k := range d.Modalities {
			if m := &d.Modalities[k]; m.Present[i] {
				all[i].Parts = append(all[i].Parts, fusion.Part{Modality: m.Name, Weight: 1, Vector: m.Row(int32(i))})
			}
		}
	}
	return all
}

// usersOf are the users of a data set as they are gathered, knowing the products of made.
func usersOf(d *dataset.Dataset, made []fusion.ProductVectors) []fusion.UserParts {
	all := make([]fusion.UserParts, len(d.Users))
	for u, own := range dataset.ByUser(d.TrainVal, len(d.Users)) {
		for _, r := range own {
			all[u].Choices = append(all[u].Choices, fusion.Choice{Product: d.Items[r.Item], Source: made[r.Item].Source, Last: r.Last, Weight: float64(r.Weight)})
		}
	}
	return all
}

func worst(t *testing.T, what string, dir, file string, n int, vector func(int) []float32) float64 {
	t.Helper()
	want, rows, dim, err := dataset.ReadNPY(filepath.Join(dir, file))
	if err != nil || rows != n {
		t.Fatalf("%s: %d rows, %v", what, rows, err)
	}
	worst := 0.
	for i := range rows {
		got := vector(i)
		if len(got) != dim {
			t.Fatalf("%s %d has %d values, want %d", what, i, len(got), dim)
		}
		for k := range dim {
			worst = max(worst, math.Abs(float64(got[k]-want[i*dim+k])))
		}
	}
	return worst
}

// What serves is what training wrote: the same vectors, for all products and users, whatever the batch they come in.
func TestModelMakesTheRowsOfTraining(t *testing.T) {
	t.Run("interactions of one kind", func(t *testing.T) { makesTheRowsOfTraining(t, towerstest.Shop(60, 80, dims)) })
	t.Run("looks and purchases", func(t *testing.T) { makesTheRowsOfTraining(t, towerstest.Kinds(towerstest.Shop(60, 80, dims))) })
}

func makesTheRowsOfTraining(t *testing.T, d *dataset.Dataset) {
	t.Helper()
	dir := towerstest.Train(t, d)
	m := open(t, dir)
	if got := m.Manifest().Strength.Full; got != d.Full {
		t.Errorf("the manifest's full weight is %g, the data's %g", got, d.Full)
	}
	products, err := m.Products(t.Context(), productsOf(d))
	if err != nil {
		t.Fatal(err)
	}
	users, err := m.Users(t.Context(), usersOf(d, products))
	if err != nil {
		t.Fatal(err)
	}
	p := worst(t, "item", dir, "items.npy", len(d.Items), func(i int) []float32 { return products[i].Vector })
	u := worst(t, "user", dir, "users.npy", len(d.Users), func(i int) []float32 { return users[i].Vector })
	t.Logf("largest difference: products %.2g, users %.2g", p, u)
	if p > 1e-6 || u > 1e-6 {
		t.Errorf("products differ by up to %g from those of training, users by %g", p, u)
	}
	cold := 0
	sources, _, width, err := dataset.ReadNPY(filepath.Join(dir, "sources.npy"))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range products {
		if m.Knows(d.Items[i]) {
			if v.Source != nil {
				t.Errorf("%s has a row of its own, although the model has one", d.Items[i])
			}
			continue
		}
		cold++
		for k, x := range v.Source {
			if math.Abs(float64(x-sources[i*width+k])) > 1e-5 {
				t.Fatalf("cold item %s: number %d of its row for histories is %g, training had %g", d.Items[i], k, x, sources[i*width+k])
			}
		}
	}
	if cold < len(d.Items)/10 {
		t.Errorf("%d cold items: the test shows less than it should", cold)
	}
	for i := range 7 { // one by one, as a quiet worker has them
		one, err := m.Products(t.Context(), productsOf(d)[i*11:i*11+1])
		if err != nil {
			t.Fatal(err)
		}
		for k, x := range one[0].Vector {
			if math.Abs(float64(x-products[i*11].Vector[k])) > 1e-6 {
				t.Fatalf("product %d alone: number %d is %g, in a batch %g", i*11, k, x, products[i*11].Vector[k])
			}
		}
	}
}

// A later product, a shopper of later products, one of none, one of a product that nothing is known of.
func TestModelMeetsWhatItNeverSaw(t *testing.T) {
	d := towerstest.Shop(60, 80, dims)
	m := open(t, towerstest.Train(t, d))
	parts := productsOf(d)
	later := []fusion.ProductParts{{ID: "later", Parts: parts[0].Parts}, {ID: "words", Parts: parts[1].Parts[len(parts[1].Parts)-1:]},
		{ID: "review", Parts: []fusion.Part{{Modality: fusion.ReviewModality, Weight: 1, Vector: make([]float32, 6)}}}}
	later[2].Parts[0].Vector[0] = 1
	made, err := m.Products(t.Context(), later)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range made {
		for what, x := range map[string][]float32{"vector": v.Vector, "content": v.Content} {
			if n := norm(x); math.Abs(n-1) > 1e-4 {
				t.Errorf("%s: its %s has length %g", later[i].ID, what, n)
			}
		}
	}
	if !slices.Equal(made[0].Modalities, []string{"image", "text"}) || !slices.Equal(made[1].Modalities, []string{"text"}) || made[2].Modalities != nil {
		t.Errorf("modalities %v, %v, %v", made[0].Modalities, made[1].Modalities, made[2].Modalities)
	}
	if made[0].Source == nil || made[2].Source != nil {
		t.Error("a product has a row for histories exactly if features give it one")
	}
	users, err := m.Users(t.Context(), []fusion.UserParts{
		{ID: "nobody"}, {ID: "new things", Choices: []fusion.Choice{{Product: "later", Source: made[0].Source, Last: 1}}},
		{ID: "unknown things", Choices: []fusion.Choice{{Product: "review", Last: 1}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if users[0].Vector != nil || users[2].Vector != nil || norm(users[1].Vector) < .999 {
		t.Errorf("vectors of lengths %g, %g, %g; want none, one, none", norm(users[0].Vector), norm(users[1].Vector), norm(users[2].Vector))
	}
	_, err = m.Products(t.Context(), []fusion.ProductParts{{ID: "p", Parts: []fusion.Part{{Modality: "text", Weight: 1, Vector: []float32{1, 2}}}}})
	if !errors.Is(err, fusion.ErrDim) || !strings.Contains(err.Error(), "text has 2 values, the model reads 6") {
		t.Errorf("features of another length: %v", err)
	}
}

// A shopper who has chosen nothing is known by words, which find what they describe, else by those followed; not by words
// against something, nor by attributes.
func TestModelHearsOfShoppers(t *testing.T) {
	d := towerstest.Shop(60, 80, dims)
	m := open(t, towerstest.Train(t, d))
	products, err := m.Products(t.Context(), productsOf(d))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := d.Modality("text")
	words := func(item int32, weight float64) fusion.UserPart {
		return fusion.UserPart{Group: fusion.Words, Kind: "search", Weight: weight, Vector: text.Row(item)}
	}
	followed := fusion.UserPart{Group: fusion.Social, Weight: 5, Product: d.Items[6], Vector: products[6].Vector}
	attributes := fusion.UserPart{Group: fusion.Attributes, Weight: 1, Vector: text.Row(1)}
	users, err := m.Users(t.Context(), []fusion.UserParts{
		{ID: "seeks", Parts: []fusion.UserPart{words(1, 1), attributes, followed}}, {ID: "follows", Parts: []fusion.UserPart{followed}},
		{ID: "complains", Parts: []fusion.UserPart{words(1, -1)}}, {ID: "states", Parts: []fusion.UserPart{attributes}},
		{ID: "chose", Parts: []fusion.UserPart{words(1, 1)}, Choices: []fusion.Choice{{Product: d.Items[2], Last: 1, Weight: 1}}},
		{ID: "chose alone", Choices: []fusion.Choice{{Product: d.Items[2], Last: 1, Weight: 1}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const groups = 4 // of the shop
	for u, want := range map[int]int{0: 1 % groups, 1: 6 % groups} {
		best, most := -1, math.Inf(-1)
		for i, p := range products {
			score := 0.
			for k, x := range users[u].Vector {
				score += float64(x * p.Vector[k])
			}
			if score > most {
				best, most = i, score
			}
		}
		if math.Abs(norm(users[u].Vector)-1) > 1e-5 || best%groups != want {
			t.Errorf("user %d gets product %d, of group %d, want one of %d", u, best, best%groups, want)
		}
	}
	if users[2].Vector != nil || users[3].Vector != nil {
		t.Error("a complaint or attributes alone make a vector")
	}
	if furthest(t, users[4].Vector, users[5].Vector) > 1e-6 || !slices.Equal(users[0].Modalities, []string{"words"}) || !slices.Equal(users[1].Modalities, []string{"social"}) {
		t.Errorf("words count beside choices, or %v and %v", users[0].Modalities, users[1].Modalities)
	}
}

func norm(x []float32) float64 {
	sum := 0.
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// Damage of any file that serving reads is told before anything is made of it.
func TestOpenRefuses(t *testing.T) {
	dir := towerstest.Train(t, towerstest.Shop(60, 80, dims))
	needed, _ := towers.Files()
	for _, name := range append(needed, towers.ManifestFile) {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for how, broken := range map[string][]byte{"cut": whole[:len(whole)/2], "a bit turned": flip(whole), "empty": nil} {
			if err := os.WriteFile(path, broken, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := towers.Open(towers.Config{Runtime: onnxtest.Open(t), Dir: dir, Concat: concat(t)})
			if name == towers.ManifestFile && how == "a bit turned" {
				continue // it may still be a manifest: another model's, whose files are not these
			}
			if !errors.Is(err, towers.ErrModel) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s, %s: %v", name, how, err)
			}
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m := open(t, dir)
	man := m.Manifest()
	for want, given := range map[string]map[string]int{"": dims, "it reads 8 values of image, the generation's encoder gives 1280": {"image": 1280, "text": 6}, `"image", which nothing here makes`: {"text": 6}} {
		err := man.Fits(given)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v: %v", given, err)
		}
	}
}

func flip(b []byte) []byte {
	b = slices.Clone(b)
	b[len(b)/2] ^= 1
	return b
}

// A model whose outputs are not those that were recorded must not make vectors.
func TestGoldens(t *testing.T) {
	dir := towerstest.Train(t, towerstest.Shop(60, 80, dims))
	m := open(t, dir)
	g, err := m.Goldens(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	write := func() {
		text, err := json.Marshal(g)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, towers.GoldensFile), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write()
	if err := m.Verify(t.Context(), dir); err != nil {
		t.Error(err)
	}
	g.Users[1][3] += .1
	write()
	if err := m.Verify(t.Context(), dir); !errors.Is(err, towers.ErrModel) || !strings.Contains(err.Error(), "golden user vector 1") {
		t.Errorf("another golden: %v", err)
	}
}
