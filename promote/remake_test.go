package promote_test

import (
	"testing"

	"weft/behaviour"
	"weft/fusion"
	"weft/gather"
	"weft/promote"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// Vectors are made anew of the same parts under the same version; a repeated call finds them there; what has changed since
// is left to the workers; what was deleted is deleted.
func TestRemake(t *testing.T) {
	const next = tasks.Generation("g000000000002")
	dir, l := openLake(t)
	tables, err := behaviour.Open(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	before, err := fusion.NewConcat(fusion.DefaultConfig(4, 3))
	if err != nil {
		t.Fatal(err)
	}
	other := fusion.DefaultConfig(4, 3)
	other.Blocks[0].Out, other.Blocks[0].Seed = 3, 99
	after, err := fusion.NewConcat(other)
	if err != nil {
		t.Fatal(err)
	}
	reader := func(g tasks.Generation) *gather.Reader {
		return &gather.Reader{Objects: dir, Lake: l, Behaviour: tables, Generation: g, Consent: true, Recipes: map[tasks.Modality]string{tasks.Image: "ri", tasks.Text: "rt"}}
	}
	photo := func(id string, v ...float32) {
		t.Helper()
		key := tasks.ProductPrefix(tasks.ProductID(id)) + "1.jpg"
		info, err := dir.Put(t.Context(), key, []byte("photo of "+id), objects.Condition{})
		if err == nil {
			err = l.Objects.Append(t.Context(), lake.Object{Row: lake.Row{Key: key, Version: info.Size}, ETag: info.ETag, ContentSHA256: id, Product: id, Modality: string(tasks.Image), Recipe: "ri"})
		}
		if err == nil {
			err = l.Features.Append(t.Context(), lake.Feature{Row: lake.Row{Key: lake.FeatureKey(id, "ri"), Version: 1}, ContentSHA256: id, Recipe: "ri", Modality: string(tasks.Image), Vector: v})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	publish := func(id string) {
		t.Helper()
		r := reader(live)
		media, err := r.Media(t.Context(), tasks.ProductID(id))
		if err != nil {
			t.Fatal(err)
		}
		p, err := r.Product(t.Context(), tasks.ProductID(id), media)
		if err != nil || !p.Settled {
			t.Fatal(p.Settled, err)
		}
		made, err := before.Products(t.Context(), []fusion.ProductParts{p.Parts()})
		if err == nil {
			err = l.Products.Append(t.Context(), p.Row(live, 77, made[0]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, id := range []string{"a", "b", "changed", "gone"} {
		photo(id, 1, float32(i), 0, 2)
		publish(id)
	}
	if err := l.Products.Delete(t.Context(), lake.ProductKey(string(live), "gone"), 78); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Put(t.Context(), tasks.ProductPrefix("changed")+"2.jpg", []byte("another"), objects.Condition{}); err != nil {
		t.Fatal(err)
	}
	remake := func() promote.Progress {
		t.Helper()
		p, err := promote.Remake(t.Context(), promote.Remaking{From: live, Reader: reader(next), Model: after})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := remake(); p.Products != 4 || p.Made != 2 || p.Left != 1 || p.Current != 1 {
		t.Errorf("the first time %+v, want 2 of 4 made, 1 left, 1 that is gone", p)
	}
	if p := remake(); p.Made != 0 || p.Left != 1 || p.Current != 3 {
		t.Errorf("the second time %+v, want nothing made", p)
	}
	for _, id := range []string{"a", "b"} {
		was, _, err := l.Products.Get(t.Context(), lake.ProductKey(string(live), id))
		if err != nil {
			t.Fatal(err)
		}
		is, ok, err := l.Products.Get(t.Context(), lake.ProductKey(string(next), id))
		if err != nil || !ok {
			t.Fatal(id, ok, err)
		}
		if is.Version != was.Version || is.Sources != was.Sources || len(is.Vector) != after.Dim() || len(is.Vector) == len(was.Vector) {
			t.Errorf("%s: version %d of %d, sources %s of %s, or the vector is the former one", id, is.Version, was.Version, is.Sources, was.Sources)
		}
	}
	if _, ok, err := l.Products.Get(t.Context(), lake.ProductKey(string(next), "changed")); ok || err != nil {
		t.Errorf("a product with other parts than its vector was remade: %v", err)
	}
}
