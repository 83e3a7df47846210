package serve_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"weft/client"
	"weft/fusion"
	"weft/serve"
	"weft/storage/vectors"
)

func filtered(t *testing.T, text string) serve.Filter {
	t.Helper()
	f, err := serve.ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func boosted(t *testing.T, text string) []serve.Boost {
	t.Helper()
	b, err := serve.ParseBoosts(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dress gives the counter's products prices and attributes.
func (c *counter) dress(t *testing.T) {
	t.Helper()
	for id, p := range c.products {
		var n int
		if _, err := fmt.Sscanf(id, "p%d", &n); err != nil {
			t.Fatal(err)
		}
		price := float64(n % 97)
		p.Price, p.Attributes = &price, fmt.Sprintf(`{"brand":"b%d","stock":%d,"season":"%s"}`, n%7, n%3, []string{"summer", "winter"}[n%2])
		if err := c.Shelf.Set(p); err != nil {
			t.Fatal(err)
		}
		c.products[id] = p
	}
}

// Whatever the options, a list is that of comparing every product.
func TestListsWithOptionsAreExact(t *testing.T) {
	for _, apart := range []bool{false, true} {
		c := newCounter(t, 700, apart)
		c.dress(t)
		user := c.users["known"].Vector
		plain := func(p vectors.Record) float64 { return serve.Score(user, nil, p.Vector) }
		out := func(keep func(vectors.Record) bool) (ids []string) {
			for id, p := range c.products {
				if !keep(p) {
					ids = append(ids, id)
				}
			}
			return ids
		}
		got := c.ask(t, serve.Ask{User: "known", K: 12, PerCategory: 1000, Filter: filtered(t, "price<20;stock>0;brand:b1,b2,b3;colr:red"), IncludeBought: true})
		if len(got.Items) != 0 || !slices.Equal(got.Filter.Unknown, []string{"colr"}) {
			t.Errorf("a name that no product has: %+v", got)
		}
		got = c.ask(t, serve.Ask{User: "known", K: 12, PerCategory: 1000, Filter: filtered(t, "price<20;stock>0;brand:b1,b2,b3")})
		want := c.expected(plain, 12, 1000, out(func(p vectors.Record) bool {
			return *p.Price < 20 && !strings.Contains(p.Attributes, `"stock":0`) && (strings.Contains(p.Attributes, `"b1"`) || strings.Contains(p.Attributes, `"b2"`) || strings.Contains(p.Attributes, `"b3"`))
		})...)
		if len(want) != 12 || !slices.Equal(ids(got), want) || got.Filter == nil || got.Items[0].Adjusted != nil {
			t.Errorf("filtered: %v\nwant %v", ids(got), want)
		}

		factor := func(p vectors.Record) float64 {
			f := 1.0
			if p.Category == "c3" {
				f *= 3
			}
			if strings.Contains(p.Attributes, `"b1"`) {
				f *= .2
			}
			return f
		}
		weighed := func(p vectors.Record) float64 {
			if s := plain(p); s < 0 {
				return s / factor(p)
			}
			return plain(p) * factor(p)
		}
		got = c.ask(t, serve.Ask{User: "known", K: 40, PerCategory: 1000, Boosts: boosted(t, "category:c3*3;brand:b1*.2")})
		if want := c.expected(weighed, 40, 1000); !slices.Equal(ids(got), want) || len(got.Boosts) != 2 || got.Boosts[0].Rule != "category:c3" || got.Boosts[0].Items < 10 {
			t.Errorf("boosted: %v\nwant %v\n%+v", ids(got), want, got.Boosts)
		}
		for _, item := range got.Items {
			p := c.products[item.ID]
			if math.Abs(item.Score-plain(p)) > 1e-5 || math.Abs(item.Adjusted.Score-weighed(p)) > 1e-5 || math.Abs(item.Adjusted.Factor-factor(p)) > 1e-9 ||
				(p.Category == "c3") != slices.Contains(item.Adjusted.Reasons, "boost category:c3 x3") {
				t.Errorf("%+v of %+v", item.Adjusted, p.ID)
			}
		}
		if got, want := ids(c.ask(t, serve.Ask{User: "known", K: 12, PerCategory: 2, Boosts: boosted(t, "category:c3*3;brand:b1*.2")})), c.expected(weighed, 12, 2); !slices.Equal(got, want) {
			t.Errorf("boosted, two of a category: %v\nwant %v", got, want)
		}
	}
}

func TestBoostsOfPopularLists(t *testing.T) {
	c := newCounter(t, 100, false)
	c.dress(t)
	for u := range 4 {
		c.did(fmt.Sprint("u", u), "view", "p0011", 1)
	}
	for u := range 3 {
		c.did(fmt.Sprint("u", u), "view", "p0012", 1)
	}
	got := c.ask(t, serve.Ask{User: "nobody", K: 3, Boosts: boosted(t, "id:p0012*2;id:p0003*5")})
	if !slices.Equal(ids(got), []string{"p0012", "p0011", "p0003"}) || got.Road != client.RoadPopular || got.Items[0].Score != .75 || got.Items[0].Adjusted.Score != 1.5 {
		t.Errorf("%v: %+v", ids(got), got)
	}
}

// The order by diversity is the greedy one, and never puts more of a category than may
// share it.
func TestDiversity(t *testing.T) {
	c := newCounter(t, 300, false)
	user := c.users["known"].Vector
	pool := c.expected(func(p vectors.Record) float64 { return serve.Score(user, nil, p.Vector) }, 50, 1000)
	score := func(id string) float64 { return serve.Score(user, nil, c.products[id].Vector) }
	low, high := score(pool[49]), score(pool[0])
	for _, lambda := range []float64{0, .3, .7, 1} {
		var want []string
		for len(want) < 10 {
			best, most := "", math.Inf(-1)
			for _, id := range pool {
				if slices.Contains(want, id) {
					continue
				}
				likeness := 0.0
				for _, w := range want {
					likeness = max(likeness, serve.Score(c.products[w].Content, nil, c.products[id].Content))
				}
				if worth := (1-lambda)*(score(id)-low)/(high-low) - lambda*likeness; worth > most+1e-9 {
					best, most = id, worth
				}
			}
			want = append(want, best)
		}
		got := c.ask(t, serve.Ask{User: "known", K: 10, PerCategory: 1000, Diversity: lambda})
		if !slices.Equal(ids(got), want) || got.Diversity != lambda {
			t.Errorf("λ=%g: %v\nwant %v", lambda, ids(got), want)
		}
	}
	got := c.ask(t, serve.Ask{User: "known", K: 10, PerCategory: 1, Diversity: .5})
	seen := map[string]int{}
	for _, item := range got.Items {
		if seen[item.Category]++; seen[item.Category] > 1 {
			t.Errorf("%d of %s", seen[item.Category], item.Category)
		}
	}
	if len(got.Items) != 10 {
		t.Errorf("%d items", len(got.Items))
	}
}

// reader is a text encoder that reads every text as the same direction.
type reader struct{ feature []float32 }

func (r reader) Tokenize(text string) ([]int32, error) { return make([]int32, len(text)), nil }
func (r reader) Encode(_ context.Context, ids [][]int32) ([][]float32, error) {
	return [][]float32{r.feature}, nil
}

// placer puts features where they are.
type placer struct{}

func (placer) Dim() int { return 16 }
func (placer) Products(_ context.Context, batch []fusion.ProductParts) ([]fusion.ProductVectors, error) {
	return []fusion.ProductVectors{{Vector: batch[0].Parts[0].Vector, Content: batch[0].Parts[0].Vector}}, nil
}
func (placer) Users(_ context.Context, batch []fusion.UserParts) ([]fusion.UserVector, error) {
	return []fusion.UserVector{{Vector: batch[0].Parts[0].Vector}}, nil
}

func TestContext(t *testing.T) {
	c := newCounter(t, 300, false)
	c.dress(t)
	winter := client.Context{Season: "winter", Device: "mobile"}
	got := c.ask(t, serve.Ask{User: "known", K: 20, Context: winter})
	e := got.Context
	if e == nil || e.Encoded || e.Share != 0 || e.Fields["season"] != "winter" || !slices.Contains(e.Words, "winter") || len(e.Moved) == 0 {
		t.Fatalf("%+v", e)
	}
	for _, item := range got.Items { // of two fields, one fits: half of the lift
		want := 1.0
		if strings.Contains(c.products[item.ID].Attributes, "winter") {
			want = 1.125
		}
		if math.Abs(item.Adjusted.Factor-want) > 1e-9 || math.Abs(item.Adjusted.Score-want*item.Score) > 1e-5 && item.Score > 0 {
			t.Errorf("%s, %s: %+v", item.ID, c.products[item.ID].Attributes, item.Adjusted)
		}
	}
	// What is told to have moved is what has moved.
	before := ids(c.ask(t, serve.Ask{User: "known", K: 20}))
	for _, m := range e.Moved {
		if ids(got)[m.To-1] != m.ID || slices.Index(before, m.ID)+1 != m.From {
			t.Errorf("%+v; before %v, after %v", m, before, ids(got))
		}
	}
	if len(before)-len(e.Left) != len(got.Items)-len(slices.DeleteFunc(slices.Clone(e.Moved), func(m client.Move) bool { return m.From > 0 })) {
		t.Errorf("%d left", len(e.Left))
	}

	// Where an encoder reads the text, the list is that of the vector turned towards it.
	feature := c.products["p0123"].Vector
	c.Texts, c.Model = reader{feature}, placer{}
	got = c.ask(t, serve.Ask{User: "known", K: 20, Context: client.Context{Text: "something for the garden"}})
	user := c.users["known"].Vector
	turned := make([]float32, len(user))
	for i := range user {
		turned[i] = .8*user[i] + .2*feature[i]
	}
	if angle := math.Acos(serve.Score(turned, nil, user)) * 180 / math.Pi; angle > 14.5 {
		t.Errorf("turned by %.1f°", angle)
	}
	want := c.expected(func(p vectors.Record) float64 { return serve.Score(turned, nil, p.Vector) }, 20, 16)
	if !slices.Equal(ids(got), want) || !got.Context.Encoded || got.Context.Share != .2 || len(got.Context.Words) != 0 {
		t.Errorf("%+v: %v\nwant %v", got.Context, ids(got), want)
	}
	for _, item := range got.Items {
		if math.Abs(item.Score-serve.Score(user, nil, c.products[item.ID].Vector)) > 1e-5 {
			t.Errorf("%s: the score is not the plain one: %+v", item.ID, item)
		}
	}
	for _, a := range []serve.Ask{{User: "nobody", K: 5, Context: winter}, {User: "known", K: 5, Anchor: "p0001", Context: winter}, {User: "nobody", K: 5, Anchor: "p0001", Context: winter}} {
		if got := c.ask(t, a); len(got.Items) != 5 || got.Context == nil || got.Context.Encoded != (got.Road != client.RoadNewest) {
			t.Errorf("%s: %+v", got.Road, got.Context)
		}
	}
}

func TestShoppersAlike(t *testing.T) {
	c := newCounter(t, 300, false)
	user := c.users["known"].Vector
	worst := c.expected(func(p vectors.Record) float64 { return -serve.Score(user, nil, p.Vector) }, 300, 1000)
	ranked := slices.Clone(worst)
	slices.Reverse(ranked)
	shared, theirs, refused := ranked[200], ranked[6], ranked[7]
	c.did("known", "view", shared, 1)
	for u := range 3 {
		c.did(fmt.Sprint("twin", u), "view", shared, 1)
		c.did(fmt.Sprint("twin", u), "purchase", theirs, 1)
	}
	c.said("shy", "no")
	c.did("shy", "view", shared, 1)
	c.did("shy", "purchase", refused, 1)
	plain := c.ask(t, serve.Ask{User: "known", K: 20, PerCategory: 1000})
	got := c.ask(t, serve.Ask{User: "known", K: 20, PerCategory: 1000, Social: client.SocialAlike})
	at := func(r client.Recommendations, id string) int { return slices.Index(ids(r), id) }
	if got.Social != client.SocialAlike || plain.Social != client.SocialFollowed || at(got, theirs) >= at(plain, theirs) {
		t.Errorf("%s at %d, without the others at %d", theirs, at(got, theirs), at(plain, theirs))
	}
	for _, item := range got.Items {
		if lifted := item.Adjusted.Factor > 1; lifted != (item.ID == theirs) || lifted != slices.ContainsFunc(item.Adjusted.Reasons, func(r string) bool { return strings.Contains(r, "alike") }) {
			t.Errorf("%s: %+v", item.ID, item.Adjusted)
		}
	}
	want := slices.Clone(plain.Items)
	slices.SortStableFunc(want, func(a, b client.Item) int {
		of := func(i client.Item) float64 {
			if i.ID == theirs {
				return 1.25 * i.Score
			}
			return i.Score
		}
		return cmp.Compare(of(b), of(a))
	})
	for i := range want {
		if want[i].ID != got.Items[i].ID {
			t.Fatalf("%v, want %+v", ids(got), want)
		}
	}
	if _, err := c.Recommend(t.Context(), serve.Ask{User: "known", K: 3, Social: client.SocialOff}); err == nil {
		t.Error("a vector is made anew without a model")
	}
}
