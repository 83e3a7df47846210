package towers_test

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"weft/fusion"
	"weft/fusion/dataset"
	"weft/fusion/towers"
	"weft/fusion/towers/towerstest"
)

func furthest(t *testing.T, a, b []float32) float64 {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%d and %d numbers", len(a), len(b))
	}
	d := 0.
	for i := range a {
		d = max(d, math.Abs(float64(a[i]-b[i])))
	}
	return d
}

// Without anything withheld a model gives what training wrote; without a modality, what it gives for products that lack
// it, and in histories the same; without choices, what it gives for strangers of the same looks.
func TestAblate(t *testing.T) {
	d := towerstest.Shop(60, 80, dims)
	dir := towerstest.Train(t, d)
	m := open(t, dir)
	catalogue := towers.Catalogue{IDs: d.Items, Features: d.Modalities}
	histories := dataset.ByUser(d.TrainVal, len(d.Users))
	ablate := func(w towers.Withheld) (products, users []float32) {
		t.Helper()
		a, err := m.Ablate(t.Context(), catalogue, w)
		if err == nil {
			users, err = a.Users(t.Context(), histories)
		}
		if err != nil {
			t.Fatal(err)
		}
		return a.Vectors, users
	}
	items, _, _, err := dataset.ReadNPY(filepath.Join(dir, "items.npy"))
	if err != nil {
		t.Fatal(err)
	}
	shoppers, _, _, err := dataset.ReadNPY(filepath.Join(dir, "users.npy"))
	if err != nil {
		t.Fatal(err)
	}
	whole, wholeUsers := ablate(towers.Withheld{})
	if p, u := furthest(t, whole, items), furthest(t, wholeUsers, shoppers); p > 1e-6 || u > 1e-6 {
		t.Errorf("nothing withheld: products differ by %g from those of training, users by %g", p, u)
	}

	lacking := productsOf(d)
	for i := range lacking {
		lacking[i].Parts = slices.DeleteFunc(slices.Clone(lacking[i].Parts), func(p fusion.Part) bool { return p.Modality == "image" })
	}
	made, err := m.Products(t.Context(), lacking)
	if err != nil {
		t.Fatal(err)
	}
	blind, blindUsers := ablate(towers.Withheld{Modalities: []string{"image"}})
	for i := range made {
		if x := furthest(t, blind[i*m.Dim():(i+1)*m.Dim()], made[i].Vector); x > 1e-6 {
			t.Fatalf("without image: %s differs by %g from the product without one", d.Items[i], x)
		}
	}
	if furthest(t, blind, whole) < .01 || furthest(t, blindUsers, wholeUsers) < .001 {
		t.Error("without image: products or users are as before")
	}

	for i := range lacking {
		lacking[i] = productsOf(d)[i]
		lacking[i].ID = "stranger " + lacking[i].ID
	}
	if made, err = m.Products(t.Context(), lacking); err != nil {
		t.Fatal(err)
	}
	told := make([]fusion.UserParts, len(d.Users))
	for u, own := range histories {
		for _, r := range own {
			told[u].Choices = append(told[u].Choices, fusion.Choice{Product: lacking[r.Item].ID, Source: made[r.Item].Source, Last: r.Last})
		}
	}
	strangers, err := m.Users(t.Context(), told)
	if err != nil {
		t.Fatal(err)
	}
	content, contentUsers := ablate(towers.Withheld{Choices: true})
	for i := range made {
		if x := furthest(t, content[i*m.Dim():(i+1)*m.Dim()], made[i].Vector); x > 1e-6 {
			t.Fatalf("without choices: %s differs by %g from a new product like it", d.Items[i], x)
		}
	}
	for u := range strangers {
		if x := furthest(t, contentUsers[u*m.Dim():(u+1)*m.Dim()], strangers[u].Vector); x > 1e-6 {
			t.Fatalf("without choices: user %d differs by %g from one who had new products like theirs", u, x)
		}
	}

	choices, _ := ablate(towers.Withheld{Modalities: []string{"image", "text"}})
	var cold []float32 // of one of whom nothing is left
	for i, id := range d.Items {
		if row := choices[i*m.Dim() : (i+1)*m.Dim()]; !m.Knows(id) {
			if cold == nil {
				cold = row
			}
			if furthest(t, row, cold) > 1e-6 {
				t.Fatal("without features new products are not all alike")
			}
		}
	}
	if _, err := m.Ablate(t.Context(), towers.Catalogue{IDs: d.Items, Features: d.Modalities[:1]}, towers.Withheld{}); !errors.Is(err, towers.ErrModel) {
		t.Errorf("a catalogue without a modality that is read: %v", err)
	}
}
