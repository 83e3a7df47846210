package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/storage/lake"
	"weft/tasks"
)

// dead are the reasons of the dead letters, by their keys.
func (s shop) dead() map[string]tasks.Reason {
	s.t.Helper()
	cat, err := place{Tenant: "default", Data: s.dir}.openCatalogue(context.Background(), &app{})
	must(s.t, err)
	defer cat.close(context.Background())
	all := map[string]tasks.Reason{}
	for row, err := range cat.lake.Dead.Select(context.Background(), lake.Query{}) {
		must(s.t, err)
		if row.Message == "" || row.Stage == "" || row.Worker == "" || row.Attempts < 1 || row.Time == 0 || !tasks.Reason(row.Reason).Known() {
			s.t.Errorf("a dead letter that does not tell all: %+v", row)
		}
		all[row.Key] = tasks.Reason(row.Reason)
	}
	return all
}

func same(t *testing.T, want, got map[string]tasks.Reason) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
}

// TestBadTexts has listings of every kind, each beside a photo and alone.
func TestBadTexts(t *testing.T) {
	s := newShop(t)
	photo := samplePhoto(t, samples(t, 1)[0])
	long := strings.Repeat("a", 1<<20)
	cases := map[string]struct {
		body   string
		reason tasks.Reason
	}{
		"good":      {`{"title":"Red summer dress"}`, ""},
		"no-bytes":  {"", tasks.ReasonEmpty},
		"no-fields": {"{}", tasks.ReasonEmptyText},
		"blank":     {`{"title":"  \t ","description":""}`, tasks.ReasonEmptyText},
		"price":     {`{"price":3}`, tasks.ReasonEmptyText},
		"long":      {`{"title":"` + long + `"}`, ""},
		"too-long":  {`{"title":"` + long + long + `"}`, tasks.ReasonTooManyBytes},
		"not-utf8":  {"{\"title\":\"caf\xff\xfe red\"}", ""},
		"nul":       {`{"title":"a\u0000b"}`, ""},
		"raw-nul":   {"{\"title\":\"a\x00b\"}", tasks.ReasonBadJSON},
		"special":   {`{"title":"[CLS] [SEP] [PAD] [MASK]"}`, ""},
		"emoji":     {`{"title":"👗👗👗"}`, ""},
		"not-json":  {"title: dress", tasks.ReasonBadJSON},
		"cut-off":   {`{"title":"dr`, tasks.ReasonBadJSON},
		"array":     {`[{"title":"dress"}]`, tasks.ReasonBadJSON},
		"number":    {`{"title":7}`, tasks.ReasonBadListing},
		"negative":  {`{"title":"dress","price":-1}`, tasks.ReasonBadListing},
		"deep":      {`{"title":"dress","attributes":` + strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000) + `}`, tasks.ReasonBadJSON},
	}
	want := map[string]tasks.Reason{}
	for name, c := range cases {
		s.put("alone."+name, "product.json", []byte(c.body))
		s.put("beside."+name, "product.json", []byte(c.body))
		s.put("beside."+name, "photo.jpg", photo)
		if c.reason != "" {
			want["media/alone."+name+"/product.json"], want["media/beside."+name+"/product.json"] = c.reason, c.reason
		}
	}
	r := s.up()
	same(t, want, s.dead())
	if r.Encoded["image"] != 1 {
		t.Errorf("%d photos were encoded, want the one that all share", r.Encoded["image"])
	}
	for name, c := range cases {
		if s.has("alone."+name) != (c.reason == "") {
			t.Errorf("%s alone: has a vector %v", name, s.has("alone."+name))
		}
		made := []string{"image", "text"}
		if c.reason != "" {
			made = made[:1]
		}
		if got := slices.Sorted(slices.Values(s.product("beside." + name).Modalities)); !slices.Equal(got, made) {
			t.Errorf("%s beside a photo is made of %v, want %v", name, got, made)
		}
	}
	if a := s.audit(); a.Objects.Dead != len(want) || a.Products.Vectors != 2*len(cases)-len(want)/2 {
		t.Errorf("audit: %+v, of %v", a, slices.Sorted(maps.Keys(want)))
	}
}
