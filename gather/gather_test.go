package gather_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"weft/behaviour"
	"weft/gather"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// shop is one tenant's bucket with what the worker has stored about it.
type shop struct {
	t      *testing.T
	dir    *objects.Dir
	lake   *lake.Lake
	reader gather.Reader
}

const gen = tasks.Generation("g000000000001")

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t}
	var err error
	if s.dir, err = objects.OpenDir(t.TempDir()); err == nil {
		s.lake, err = lake.Open(t.Context(), lake.Config{Store: s.dir})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.lake.Close(context.Background()) })
	tables, err := behaviour.Open(t.Context(), s.lake)
	if err != nil {
		t.Fatal(err)
	}
	s.reader = gather.Reader{Objects: s.dir, Lake: s.lake, Behaviour: tables, Generation: gen, Consent: true, Recipes: map[tasks.Modality]string{tasks.Image: "ri", tasks.Text: "rt"}}
	return s
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// put stores an object and, with a vector, its feature.
func (s *shop) put(product, name, body string, vector []float32) {
	s.t.Helper()
	key := tasks.ProductPrefix(tasks.ProductID(product)) + name
	info, err := s.dir.Put(s.t.Context(), key, []byte(body), objects.Condition{})
	s.must(err)
	if vector == nil {
		return
	}
	modality, recipe := tasks.Image, "ri"
	if name == tasks.ListingName {
		modality, recipe = tasks.Text, "rt"
	}
	sha := gather.NewWords(body).SHA256
	s.must(s.lake.Objects.Append(s.t.Context(), lake.Object{Row: lake.Row{Key: key, Version: 1}, ETag: info.ETag, ContentSHA256: sha, Product: product, Modality: string(modality), Recipe: recipe}))
	s.must(s.lake.Features.Append(s.t.Context(), lake.Feature{Row: lake.Row{Key: lake.FeatureKey(sha, recipe), Version: 1}, ContentSHA256: sha, Recipe: recipe, Modality: string(modality), Vector: vector}))
}

func (s *shop) product(id tasks.ProductID) (gather.Product, error) {
	s.t.Helper()
	media, err := s.reader.Media(s.t.Context(), id)
	s.must(err)
	return s.reader.Product(s.t.Context(), id, media)
}

// A product is settled when each of its parts has a feature; its photos come in the order of its listing.
func TestProduct(t *testing.T) {
	s := newShop(t)
	s.put("p", "a.jpg", "first by name", []float32{1, 0})
	s.put("p", "b.jpg", "the main one", []float32{0, 1})
	listing := `{"title":"Coat","price":30,"images":["` + tasks.ProductPrefix("p") + `b.jpg"]}`
	s.put("p", tasks.ListingName, listing, nil)
	p, err := s.product("p")
	if err != nil || p.Settled {
		t.Fatalf("without a feature of its listing: settled %t, %v", p.Settled, err)
	}
	s.put("p", tasks.ListingName, listing, []float32{1, 1, 0})
	if p, err = s.product("p"); err != nil || !p.Settled || p.Listing.Title != "Coat" {
		t.Fatalf("settled %t, listing %+v, %v", p.Settled, p.Listing, err)
	}
	parts := p.Parts()
	if len(parts.Parts) != 3 || !slices.Equal(parts.Parts[0].Vector, []float32{0, 1}) || parts.Parts[2].Modality != string(tasks.Text) || *parts.Price != 30 {
		t.Errorf("parts %+v", parts)
	}
	// The listing is replaced after it was listed.
	media, err := s.reader.Media(t.Context(), "p")
	s.must(err)
	s.put("p", tasks.ListingName, `{"title":"Another coat"}`, nil)
	if _, err := s.reader.Product(t.Context(), "p", media); !errors.Is(err, gather.ErrGone) {
		t.Errorf("a listing that was replaced meanwhile: %v, want ErrGone", err)
	}
}

// What speaks for a shopper is known products, all acts of each together; who has declined is not known at all.
func TestUser(t *testing.T) {
	s := newShop(t)
	s.must(s.lake.Products.Append(t.Context(),
		lake.Product{Row: lake.Row{Key: lake.ProductKey(string(gen), "p"), Version: 1}, ID: "p", Generation: string(gen), Vector: []float32{1, 0}, Sources: "sp"},
		lake.Product{Row: lake.Row{Key: lake.ProductKey(string(gen), "later"), Version: 1}, ID: "later", Generation: string(gen), Vector: []float32{0, 1}, Source: []float32{7}, Sources: "sl"}))
	event := func(id, kind, product, query string, at int64) behaviour.Event {
		return behaviour.Event{Row: lake.Row{Key: behaviour.RowKey("u", id), Version: at}, ID: id, User: "u", Type: kind, Product: product, Query: query, Time: at, Digest: "d" + id}
	}
	s.must(s.reader.Behaviour.Events.Append(t.Context(), event("e1", behaviour.View, "p", "", 1000), event("e2", behaviour.Purchase, "p", "", 2000),
		event("e3", behaviour.View, "later", "", 3000), event("e4", behaviour.View, "unknown", "", 4000), event("e5", behaviour.Search, "", "red coat", 5000)))
	h, err := s.reader.History(t.Context(), "u")
	s.must(err)
	u, err := s.reader.User(t.Context(), "u", h)
	s.must(err)
	all := u.Parts()
	if len(all.Choices) != 2 || all.Choices[0].Product != "later" || !slices.Equal(all.Choices[0].Source, []float32{7}) || all.Choices[1].Weight != 6 || all.Choices[1].Last != 2000 {
		t.Errorf("choices %+v: want the known products, all acts of each together", all.Choices)
	}
	missing := slices.Collect(u.Missing())
	if len(all.Parts) != 3 || len(missing) != 1 || missing[0].Text != "red coat" || u.Taken != 5000 {
		t.Errorf("%d parts, missing %+v, taken in at %d", len(all.Parts), missing, u.Taken)
	}
	missing[0].Vector = []float32{1, 2, 3}
	if all = u.Parts(); len(all.Parts) != 4 {
		t.Errorf("a text that got its feature takes no part: %+v", all.Parts)
	}
	s.must(s.reader.Behaviour.Users.Append(t.Context(), behaviour.User{Row: lake.Row{Key: "u", Version: 9}, ID: "u", Profiling: "no", Digest: "u"}))
	if h, err = s.reader.History(t.Context(), "u"); err != nil || !h.Declined {
		t.Fatalf("%+v, %v", h, err)
	}
	if u, err = s.reader.User(t.Context(), "u", h); err != nil || len(u.All) > 0 || u.Sources != "" || len(u.Parts().Choices) > 0 {
		t.Errorf("something is known of one who has declined: %+v, %v", u, err)
	}
}
