package serve_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"weft/behaviour"
	"weft/client"
	"weft/serve"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
)

func TestScore(t *testing.T) {
	a, b, c := []float32{1, 2, 3}, []float32{4, 5, 6}, []float32{7, 8, 9}
	for _, tc := range []struct {
		user, anchor, product []float32
		want                  float64
	}{
		{a, nil, b, 0.9746}, {b, nil, c, 0.9982},
		{a, b, c, 0.97287},                  // the product of the two
		{a, nil, []float32{-1, -2, -3}, -1}, // without an anchor nothing is clamped
		{[]float32{-1, -2, -3}, b, c, 0},
		{a, b, []float32{-7, -8, -9}, 0},
		{[]float32{-1, -2, -3}, b, []float32{-7, -8, -9}, 0}, // two negatives make no positive
		{[]float32{0, 0, 0}, nil, c, 0},
		{a, []float32{0, 0, 0}, c, 0},
	} {
		if got := serve.Score(tc.user, tc.anchor, tc.product); math.Abs(got-tc.want) > 5e-5 {
			t.Errorf("Score(%v, %v, %v) = %.4f, want %.4f", tc.user, tc.anchor, tc.product, got, tc.want)
		}
	}
}

// people is a lake with rows of shoppers.
type people struct {
	t      testing.TB
	tables *behaviour.Tables
	n      int
	events []behaviour.Event
}

func newPeople(t testing.TB, store objects.Store) *people {
	t.Helper()
	l, err := lake.Open(t.Context(), lake.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	tables, err := behaviour.Open(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return &people{t: t, tables: tables}
}

// did is an event some days ago, which store stores.
func (p *people) did(user, kind, product string, days int) {
	p.t.Helper()
	p.n++
	id := fmt.Sprintf("e%05d", p.n)
	at := time.Now().Add(-time.Duration(days) * 24 * time.Hour).UnixMilli()
	p.events = append(p.events, behaviour.Event{Row: lake.Row{Key: behaviour.RowKey(tasks.UserID(user), id), Version: at},
		ID: id, User: user, Product: product, Type: kind, Time: at, Source: "test"})
}

func (p *people) store() {
	p.t.Helper()
	if err := p.tables.Events.Append(p.t.Context(), p.events...); err != nil {
		p.t.Fatal(err)
	}
	p.events = nil
}

func (p *people) said(user, profiling string) {
	p.t.Helper()
	if err := p.tables.Users.Append(p.t.Context(), behaviour.User{Row: lake.Row{Key: user, Version: 1}, ID: user, Profiling: profiling, Time: 1,
		Attributes: `{"city":"Turku","interests":["linen"]}`, Source: "test"}); err != nil {
		p.t.Fatal(err)
	}
}

func randomUnit(r *rand.Rand, dim int) []float32 {
	v := make([]float32, dim)
	var sum float64
	for i := range v {
		v[i] = float32(r.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
	return v
}

// counter is a recommender over random products in ten categories, with some
// shoppers.
type counter struct {
	*serve.Recommender
	*people
	products map[string]vectors.Record
	users    map[tasks.UserID]vectors.Record
}

// newCounter makes ranking vectors of their own, of another length, if apart.
func newCounter(t *testing.T, products int, apart bool) *counter {
	t.Helper()
	dir, err := objects.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{people: newPeople(t, dir), products: map[string]vectors.Record{}, users: map[tasks.UserID]vectors.Record{}}
	c.Recommender = &serve.Recommender{Shelf: serve.NewShelf(gen), Behaviour: c.tables, Consent: true,
		UserVector: func(_ context.Context, id tasks.UserID) (vectors.Record, error) {
			if r, ok := c.users[id]; ok {
				return r, nil
			}
			return vectors.Record{}, vectors.ErrNotFound
		}}
	r := rand.New(rand.NewPCG(1, 9))
	for i := range products {
		p := vectors.Record{ID: fmt.Sprintf("p%04d", i), Category: fmt.Sprint("c", i%10), Title: fmt.Sprint("linen product ", i), Content: randomUnit(r, 16),
			Image: "media/x.jpg", UpdatedAt: int64(i + 1)}
		if p.Vector = p.Content; apart {
			p.Vector = randomUnit(r, 17)
		}
		if err := c.Shelf.Set(p); err != nil {
			t.Fatal(err)
		}
		c.products[p.ID] = p
	}
	for _, id := range []tasks.UserID{"known", "shy"} {
		c.users[id] = vectors.Record{ID: string(id), Vector: randomUnit(r, len(c.products["p0000"].Vector)), Modalities: []string{"behaviour"}, UpdatedAt: 5, SourceVersion: 4, Sources: "s"}
	}
	return c
}

func (c *counter) ask(t *testing.T, a serve.Ask) client.Recommendations {
	t.Helper()
	c.store()
	var err error
	if c.Snapshot, err = serve.TakeSnapshot(t.Context(), c.Shelf, c.tables, c.Consent); err != nil {
		t.Fatal(err)
	}
	got, err := c.Recommend(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func ids(r client.Recommendations) []string {
	var all []string
	for _, item := range r.Items {
		all = append(all, item.ID)
	}
	return all
}

// expected ranks everything by Score and takes from the top what the limit leaves
// room for.
func (c *counter) expected(score func(vectors.Record) float64, k, perCategory int, without ...string) []string {
	all := make([]vectors.Record, 0, len(c.products))
	for _, p := range c.products {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b vectors.Record) int { return cmp.Or(cmp.Compare(score(b), score(a)), cmp.Compare(a.ID, b.ID)) })
	taken, out := map[string]int{}, []string{}
	for _, p := range all {
		if len(out) < k && !slices.Contains(without, p.ID) && taken[p.Category] < perCategory {
			taken[p.Category]++
			out = append(out, p.ID)
		}
	}
	return out
}

func TestPersonalAndAnchoredListsAreThoseOfScore(t *testing.T) {
	for _, apart := range []bool{false, true} {
		c := newCounter(t, 400, apart)
		c.did("known", "purchase", "p0003", 3)
		c.did("known", "return", "p0003", 2) // it came back, and stays out
		c.did("known", "view", "p0005", 1)
		user := c.users["known"].Vector
		personal := func(p vectors.Record) float64 { return serve.Score(user, nil, p.Vector) }
		best := c.expected(personal, 30, 1000)
		for _, id := range best[:4] { // of those that would lead the list
			c.did("known", "purchase", id, 1)
		}
		without := append(best[:4:4], "p0003")

		got := c.ask(t, serve.Ask{User: "known", K: 20})
		if want := c.expected(personal, 20, 16, without...); got.Road != client.RoadPersonal || got.Why != "" || got.Excluded != 5 || !slices.Equal(ids(got), want) {
			t.Errorf("%s, %q, %d bought: %v\nwant %v", got.Road, got.Why, got.Excluded, ids(got), want)
		}
		for _, item := range got.Items {
			p := c.products[item.ID]
			if math.Abs(item.Score-personal(p)) > 1e-6 || item.Title != p.Title || item.Category != p.Category || item.Image != p.Image {
				t.Errorf("%+v scores %v", item, personal(p))
			}
		}
		if got, want := ids(c.ask(t, serve.Ask{User: "known", K: 10, PerCategory: 1})), c.expected(personal, 10, 1, without...); !slices.Equal(got, want) {
			t.Errorf("one of each category: %v\nwant %v", got, want)
		}
		// Ten categories cannot fill 25 places with two each: the rest follows.
		got = c.ask(t, serve.Ask{User: "known", K: 25, PerCategory: 2})
		if want := c.expected(personal, 25, 2, without...); len(got.Items) != 25 || !slices.Equal(ids(got)[:20], want) {
			t.Errorf("a limit that leaves too few: %v\nwant first %v", ids(got), want)
		}
		if all := c.ask(t, serve.Ask{User: "known", K: 1000}); len(all.Items) != 395 {
			t.Errorf("%d of 400 products, 5 of them bought", len(all.Items))
		}

		anchor := c.products["p0042"]
		affinity := serve.Score(user, nil, anchor.Vector)
		likeness := func(p vectors.Record) float64 { return serve.Score(anchor.Content, nil, p.Content) }
		got = c.ask(t, serve.Ask{User: "known", K: 12, Anchor: "p0042"})
		if want := c.expected(likeness, 12, 1000, append(without, "p0042")...); got.Road != client.RoadAnchor || !slices.Equal(ids(got), want) {
			t.Errorf("%s: %v\nwant %v", got.Road, ids(got), want)
		}
		for _, item := range got.Items {
			want := max(0, affinity) * max(0, likeness(c.products[item.ID]))
			if math.Abs(item.Score-want) > 1e-6 || math.Abs(*got.Affinity-max(0, affinity)) > 1e-6 {
				t.Errorf("%s scores %v, want %v", item.ID, item.Score, want)
			}
		}
		if !apart && math.Abs(got.Items[0].Score-serve.Score(user, anchor.Content, c.products[got.Items[0].ID].Content)) > 1e-6 {
			t.Error("the first item's score is not Score")
		}
	}
}

func TestWhoIsNotKnownGetsWhatIsPopular(t *testing.T) {
	c := newCounter(t, 200, false)
	got := c.ask(t, serve.Ask{User: "nobody", K: 5})
	if want := []string{"p0199", "p0198", "p0197", "p0196", "p0195"}; got.Road != client.RoadNewest || got.Why == "" || got.AsOf != nil || !slices.Equal(ids(got), want) {
		t.Fatalf("in a shop without events: %s, %q, %v", got.Road, got.Why, ids(got))
	}
	if got := c.ask(t, serve.Ask{User: "nobody", K: 5, Anchor: "p0042"}); got.Road != client.RoadSimilar || len(got.Items) != 5 {
		t.Fatalf("beside a product in a shop without events: %+v", got)
	}

	for i := range 30 { // one shopper's hundred views are one shopper's
		c.did("eager", "view", "p0012", i)
	}
	for i, n := range []int{9, 7, 5, 3} { // p0002 is bought by most, all of one category
		for u := range n {
			c.did(fmt.Sprint("buyer", u), "purchase", fmt.Sprintf("p00%d2", i), 1)
		}
	}
	c.did("buyer0", "purchase", "p0005", 1)
	c.did("buyer0", "dislike", "p0006", 1)
	c.did("buyer0", "view", "gone", 1) // of a product that is not on the shelf

	got = c.ask(t, serve.Ask{User: "nobody", K: 6, PerCategory: 6})
	if want := []string{"p0002", "p0012", "p0022", "p0032", "p0005", "p0199"}; got.Road != client.RoadPopular || got.AsOf == nil || !slices.Equal(ids(got), want) {
		t.Errorf("%s: %v, want %v", got.Road, ids(got), want)
	}
	if s := got.Items[0].Score; s != 1 || got.Items[1].Score >= 1 || got.Items[5].Score != 0 {
		t.Errorf("scores %+v", got.Items)
	}
	if got := ids(c.ask(t, serve.Ask{User: "nobody", K: 4, PerCategory: 2})); !slices.Equal(got, []string{"p0002", "p0012", "p0005", "p0199"}) {
		t.Errorf("two of a category: %v", got)
	}
	got = c.ask(t, serve.Ask{User: "nobody", K: 5, Anchor: "p0022"})
	if want := []string{"p0002", "p0012", "p0032", "p0192", "p0182"}; got.Road != client.RoadPopularInCategory || !slices.Equal(ids(got), want) {
		t.Errorf("%s: %v, want %v", got.Road, ids(got), want)
	}
	if got := c.ask(t, serve.Ask{User: "nobody", K: 5, Anchor: "p0043"}); got.Road != client.RoadSimilar {
		t.Errorf("in a category where nothing is popular: %s", got.Road)
	}
	// A shopper without a vector has still bought.
	got = c.ask(t, serve.Ask{User: "buyer8", K: 2, PerCategory: 2})
	if got.Road != client.RoadPopular || !slices.Equal(ids(got), []string{"p0012", "p0022"}) || got.Excluded != 1 || got.Why == "" {
		t.Errorf("a buyer without a vector: %+v", got)
	}
}

func TestWhoDeclinedIsNotLookedAt(t *testing.T) {
	c := newCounter(t, 50, false)
	c.said("shy", "no")
	c.did("shy", "purchase", "p0001", 1)
	c.did("known", "purchase", "p0001", 1)
	got := c.ask(t, serve.Ask{User: "shy", K: 3})
	if got.Road != client.RoadPopular || got.Excluded != 0 || got.Items[0].ID != "p0001" || got.Why == "" {
		t.Errorf("%+v", got)
	}
	if u, err := c.Shopper(t.Context(), "shy"); !errors.Is(err, serve.ErrDeclined) || u.Vector != nil || u.Profile.User != "" {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := c.Shopper(t.Context(), "nobody"); !errors.Is(err, serve.ErrUnknownUser) {
		t.Error(err)
	}
	c.Consent = false                                                                   // of the tenant: who said nothing is not profiled
	if got := c.ask(t, serve.Ask{User: "known", K: 3}); got.Road != client.RoadNewest { // nor is it counted for others
		t.Errorf("%+v", got)
	}
	c.said("known", "yes")
	if got := c.ask(t, serve.Ask{User: "known", K: 3}); got.Road != client.RoadPersonal {
		t.Errorf("%+v", got)
	}
	if got := c.ask(t, serve.Ask{User: "nobody", K: 3}); got.Road != client.RoadPopular {
		t.Errorf("%+v", got)
	}
}

func TestAnchorThatIsNotThere(t *testing.T) {
	c := newCounter(t, 5, false)
	c.Snapshot, _ = serve.TakeSnapshot(t.Context(), c.Shelf, nil, true)
	if _, err := c.Recommend(t.Context(), serve.Ask{User: "known", K: 3, Anchor: "p9999"}); !errors.Is(err, serve.ErrAnchor) {
		t.Error(err)
	}
	c.users["other"] = vectors.Record{Vector: []float32{1, 0}}
	for _, anchor := range []tasks.ProductID{"", "p0001"} {
		if _, err := c.Recommend(t.Context(), serve.Ask{User: "other", K: 3, Anchor: anchor}); !errors.Is(err, serve.ErrVector) {
			t.Errorf("a vector of another generation: %v", err)
		}
	}
}

func TestShelfKeepsTheSpacesApart(t *testing.T) {
	s := serve.NewShelf(gen)
	one := func(v ...float32) []float32 { return v }
	if err := s.Set(vectors.Record{ID: "a", Vector: one(1, 0)}); err != nil || s.Ranking() != s.Content() {
		t.Fatal(err)
	}
	if err := s.Set(vectors.Record{ID: "b", Vector: one(1, 0), Content: one(0, 1)}); !errors.Is(err, serve.ErrVector) || s.Len() != 1 {
		t.Errorf("a product that ranks by a vector of its own among those that do not: %v, %d products", err, s.Len())
	}
	s = serve.NewShelf(gen)
	if err := s.Set(vectors.Record{ID: "b", Vector: one(1, 0, 0), Content: one(0, 1)}); err != nil || s.Ranking() == s.Content() {
		t.Fatal(err)
	}
	if v, _ := s.Ranking().Vector("b"); !slices.Equal(v, one(1, 0, 0)) {
		t.Errorf("ranks by %v", v)
	}
	if s.Remove("b"); s.Len() != 0 || s.Ranking().Len() != 0 {
		t.Error("removed from one space only")
	}
}
