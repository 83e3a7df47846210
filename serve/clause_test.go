package serve_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"weft/serve"
	"weft/storage/vectors"
)

func TestFilter(t *testing.T) {
	price := func(p float64) *float64 { return &p }
	shelf := serve.NewShelf(gen)
	for i, r := range []vectors.Record{
		{ID: "boot", Category: "Shoes", Price: price(49.5), Attributes: `{"brand":"Acme","stock":3,"colour":["Red","blue"],"size":"41","new":true}`},
		{ID: "hat", Category: "Hats, caps", Price: price(50), Attributes: `{"brand":"Other; Co","stock":0}`},
		{ID: "thing"},
	} {
		r.Vector, r.UpdatedAt = []float32{1, float32(i)}, int64(i+1)
		if err := shelf.Set(r); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"":                               "boot hat thing",
		" ; ":                            "boot hat thing",
		"category:shoes":                 "boot",
		"category:SHOES,none":            "boot",
		`category:shoes,"hats, caps"`:    "boot hat",
		"!category:shoes":                "hat thing",
		"category:*":                     "boot hat",
		"!category:*":                    "thing",
		"price<50":                       "boot",
		"price<=50":                      "boot hat",
		"price>=49.5;price<49.6":         "boot",
		"price>0":                        "boot hat", // a product without a price is out
		"!price>0":                       "thing",
		"price:50":                       "hat",
		"stock>0":                        "boot",
		"stock:*":                        "boot hat",
		"size>=40":                       "boot", // a number stated as text
		"brand>1":                        "",
		"colour:blue":                    "boot",
		"Colour:RED":                     "boot",
		"new:true":                       "boot",
		`brand:"other; co"`:              "hat",
		"id:boot,thing":                  "boot thing",
		"nosuch:1":                       "",
		"!nosuch:1":                      "boot hat thing",
		" category : shoes ; price < 50": "boot",
	} {
		f, err := serve.ParseFilter(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		var got []string
		for _, e := range shelf.Content().Entries() {
			if f.Keep(e) {
				got = append(got, e.ID)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%q keeps %v, want %s", text, got, want)
		}
	}
	for text, says := range map[string]string{
		"shoes": "name:value", "price<cheap": "cheap", "price<": "price", "price<NaN": "NaN", "category:": "empty", "category:a,,b": "empty", ":x": "name",
		"category<3": "no number", `brand:"open`: "quotes", `brand:a"b"`: "quotes", strings.Repeat("a:b;", 40): "32", strings.Repeat("x", 1<<20): "limit",
		"brand:" + strings.Repeat("x,", 300) + "x": "256",
	} {
		if _, err := serve.ParseFilter(text); !errors.Is(err, serve.ErrClause) || !strings.Contains(err.Error(), says) || len(err.Error()) > 400 {
			t.Errorf("%.60q: %v, want it to say %q", text, err, says)
		}
	}
	for text, says := range map[string]string{
		"category:shoes": "factor", "category:shoes*": "factor", "category:shoes*0": "0.1 to 10", "category:shoes*-2": "0.1 to 10", "category:shoes*1e9": "0.1 to 10", "*2": "name", "shoes*2": "name:value",
	} {
		if _, err := serve.ParseBoosts(text); !errors.Is(err, serve.ErrClause) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want it to say %q", text, err, says)
		}
	}
	if b, err := serve.ParseBoosts(`category:**1.5; !brand:"a*b"*.5;`); err != nil || len(b) != 2 || b[0].Factor != 1.5 || b[1].Factor != .5 {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestParseContext(t *testing.T) {
	hour := 18
	for text, want := range map[string]string{
		`{"season":"winter","hour":24}`: "hour", `{"season":3}`: "season", `{"moon":"full"}`: "moon", `{"season":"winter"`: "context", `{} {}`: "more",
		`{"place":"` + strings.Repeat("x", 101) + `"}`: "place", strings.Repeat("x", 1<<20): "limit", strings.Repeat("x", 2001): "text", "{\"device\":\"a\\u0000b\"}": "device", "\xff": "UTF-8",
	} {
		if _, err := serve.ParseContext(text); !errors.Is(err, serve.ErrContext) || !strings.Contains(err.Error(), want) || len(err.Error()) > 600 {
			t.Errorf("%.60q: %v, want it to name %q", text, err, want)
		}
	}
	c, err := serve.ParseContext(` {"text":"a walk","place":"Turku","hour":18} `)
	if err != nil || c.Text != "a walk" || c.Place != "Turku" || *c.Hour != hour {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := serve.ParseContext("rain in Turku"); err != nil || c.Text != "rain in Turku" {
		t.Errorf("%+v, %v", c, err)
	}
}
