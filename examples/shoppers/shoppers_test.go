package shoppers

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"
)

func sample(t testing.TB) []Product {
	t.Helper()
	products, err := ReadCatalogue("../catalogue")
	if err != nil {
		t.Fatal(err)
	}
	return products
}

func simulated(t testing.TB, c Config) *Simulation {
	t.Helper()
	if c.Products == nil {
		c.Products = sample(t)
	}
	s, err := Generate(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReadCatalogue(t *testing.T) {
	products := sample(t)
	var bare int
	for _, p := range products {
		if p.Category == "" {
			bare++
		} else if Family(p.Colour) == "" || p.Price <= 0 {
			t.Errorf("%+v: the sample's colours and prices are known to the tables", p)
		}
	}
	if len(products) != 240 || bare != 10 {
		t.Errorf("%d products, %d of them without a listing; the sample has 240 and 10", len(products), bare)
	}
	if _, err := ReadCatalogue(t.TempDir()); !errors.Is(err, ErrCatalogue) {
		t.Errorf("an empty folder: %v", err)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "p1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "p1", "product.json"), []byte(`{"price":"cheap"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCatalogue(dir); !errors.Is(err, ErrCatalogue) {
		t.Errorf("a broken listing: %v", err)
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	files := func(seed uint64) map[string][]byte {
		dir := t.TempDir()
		if err := simulated(t, Config{Seed: seed, Shoppers: 60}).Write(dir); err != nil {
			t.Fatal(err)
		}
		contents := map[string][]byte{}
		for _, name := range []string{"rows/users.jsonl", "rows/events.jsonl", "rows/reviews.jsonl", "hidden/truth.jsonl", "hidden/future.jsonl"} {
			body, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if len(body) == 0 {
				t.Errorf("%s is empty", name)
			}
			contents[name] = body
		}
		return contents
	}
	one, again, other := files(7), files(7), files(8)
	for name, body := range one {
		if !bytes.Equal(body, again[name]) {
			t.Errorf("%s: the same seed gave other bytes", name)
		}
		if bytes.Equal(body, other[name]) {
			t.Errorf("%s: another seed gave the same bytes", name)
		}
	}
}

func TestRows(t *testing.T) {
	start := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	s := simulated(t, Config{Seed: 3, Shoppers: 500, Start: start, Days: 50, Holdout: 10})
	if want := start.AddDate(0, 0, 40); !s.Cut.Equal(want) {
		t.Errorf("cut at %v, want %v", s.Cut, want)
	}
	id := regexp.MustCompile(`^sim-[a-z0-9-]{1,60}$`)
	products, users, events := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, p := range sample(t) {
		products[p.ID] = true
	}
	for _, u := range s.Users {
		users[u.ID] = true
	}
	types := map[string]int{}
	check := func(list []Event, from, to time.Time) {
		for i, e := range list {
			switch {
			case !id.MatchString(e.ID) || events[e.ID] || !users[e.User] || !e.Context.Simulated:
				t.Fatalf("event %+v: bad or repeated id, unknown user, or not marked as simulated", e)
			case e.Time.Before(from) || !e.Time.Before(to) || i > 0 && e.Time.Before(list[i-1].Time):
				t.Fatalf("event %+v is out of order or out of [%v, %v)", e, from, to)
			case (e.Type == "search") != (e.Query != "") || (e.Type == "follow") != (e.TargetUser != "") || e.TargetUser == e.User:
				t.Fatalf("event %+v has fields of another type", e)
			case (e.Type == "search" || e.Type == "follow") == products[e.Product]:
				t.Fatalf("event %+v: product does not fit its type", e)
			}
			events[e.ID] = true
			types[e.Type]++
		}
	}
	check(s.Events, start, s.Cut)
	check(s.Future, s.Cut, start.AddDate(0, 0, 50))
	for _, want := range []string{"view", "click", "cart", "purchase", "return", "wishlist", "dislike", "share", "search", "follow"} {
		if types[want] == 0 {
			t.Errorf("no event of type %s", want)
		}
	}
	for _, r := range s.Reviews {
		if r.Rating < 1 || r.Rating > 5 || !r.Time.Before(s.Cut) || !products[r.Product] || !r.Simulated || r.Text == "" {
			t.Fatalf("review %+v", r)
		}
	}
	var row map[string]any
	body, err := json.Marshal(s.Users[0])
	if err == nil {
		err = json.Unmarshal(body, &row)
	}
	if err != nil || row["id"] != s.Users[0].ID || row["attributes"] == nil || row["consent"].(map[string]any)["profiling"] == nil {
		t.Errorf("user row %s: %v", body, err)
	}
}

func TestSharesOfShoppers(t *testing.T) {
	s := simulated(t, Config{Seed: 5, Shoppers: 2000, Cold: 0.2, NoConsent: 0.1, Missing: 0.3})
	var cold, refused, ageless, adult float64
	seen := map[string]int{}
	for _, e := range s.Events {
		seen[e.User]++
	}
	for i, u := range s.Users {
		truth := s.Truth[i]
		if truth.Cold {
			cold++
			if seen[u.ID] == 0 || seen[u.ID] > 14 {
				t.Errorf("the cold shopper %s has %d events before the cut", u.ID, seen[u.ID])
			}
		}
		if !u.Consent.Profiling {
			refused++
		}
		if u.Attributes.Age == 0 {
			ageless++
		} else if u.Attributes.Age != truth.Age {
			t.Errorf("%s: the shop was told the age %d, the truth is %d", u.ID, u.Attributes.Age, truth.Age)
		}
		if truth.AgeBand == "25-34" {
			adult++
		}
	}
	for _, share := range []struct {
		name      string
		got, want float64
	}{{"cold", cold, 0.2}, {"without consent", refused, 0.1}, {"without age", ageless, 0.3}, {"aged 25 to 34", adult, 0.27}} {
		if got := share.got / 2000; math.Abs(got-share.want) > 4*math.Sqrt(share.want*(1-share.want)/2000) {
			t.Errorf("%.3f of the shoppers are %s, want %.3f", got, share.name, share.want)
		}
	}
}

// Buyers follow the stated chances: the mean over shoppers of the truth's shares is what the click events show.
func TestChoicesFollowTruth(t *testing.T) {
	s := simulated(t, Config{Seed: 11, Shoppers: 1500})
	category := map[string]string{}
	for _, p := range sample(t) {
		category[p.ID] = p.Category
	}
	bought := map[string]bool{} // sessions and products of purchases, whose clicks are sharper
	for _, e := range s.Events {
		if e.Type == "purchase" {
			bought[e.Context.Session+e.Product] = true
		}
	}
	got, want := map[string]float64{}, map[string]float64{}
	var clicks float64
	truth := map[string]Truth{}
	for _, tr := range s.Truth {
		truth[tr.User] = tr
	}
	for _, e := range s.Events {
		if e.Type != "click" || category[e.Product] == "" || bought[e.Context.Session+e.Product] {
			continue
		}
		clicks++
		got[category[e.Product]]++
		for c, share := range truth[e.User].Categories {
			want[c] += share
		}
	}
	for c := range want {
		if d := math.Abs(got[c]-want[c]) / clicks; d > 0.015 {
			t.Errorf("%s: %.3f of the clicks, %.3f by the truth", c, got[c]/clicks, want[c]/clicks)
		}
	}
}

func TestForeignCatalogue(t *testing.T) {
	products := []Product{{ID: "a", Category: "Lamps", Colour: "umber"}, {ID: "b", Category: "Sofas", Price: 900}, {ID: "c", Category: "Lamps", Price: 20}}
	s := simulated(t, Config{Seed: 1, Products: products, Shoppers: 300})
	differ := false
	for _, truth := range s.Truth[1:] {
		differ = differ || math.Abs(truth.Categories["Lamps"]-s.Truth[0].Categories["Lamps"]) > 0.1
	}
	if !differ {
		t.Error("over categories that the tables do not know all shoppers have the same taste")
	}
}

func TestBadConfig(t *testing.T) {
	good := []Product{{ID: "a"}, {ID: "b"}}
	for name, c := range map[string]Config{
		"one product":      {Products: good[:1]},
		"same id twice":    {Products: []Product{{ID: "a"}, {ID: "a"}}},
		"no id":            {Products: []Product{{ID: "a"}, {}}},
		"price not finite": {Products: []Product{{ID: "a"}, {ID: "b", Price: math.NaN()}}},
		"shoppers":         {Products: good, Shoppers: -1},
		"days":             {Products: good, Days: 3},
		"holdout":          {Products: good, Days: 20, Holdout: 18},
		"share":            {Products: good, Missing: 1.5},
		"share not finite": {Products: good, Cold: math.NaN()},
	} {
		if _, err := Generate(c); !errors.Is(err, ErrConfig) && !errors.Is(err, ErrCatalogue) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, err := Generate(Config{Products: good, Shoppers: 1}); err != nil || len(s.Users) != 1 {
		t.Errorf("one shopper and two products: %v", err)
	}
}

func TestHitRates(t *testing.T) {
	s := simulated(t, Config{Seed: 2, Shoppers: 1000})
	random, popular, best := s.HitRate(10, s.Random()), s.HitRate(10, s.Popular()), s.HitRate(10, s.Best())
	t.Logf("hit rate at 10 of %d simulated shoppers: random %.3f, popular %.3f, best %.3f (± %.3f)", best.Users, random.Rate, popular.Rate, best.Rate, best.Error)
	if random.Rate+3*random.Error > popular.Rate || popular.Rate*3 > best.Rate {
		t.Errorf("random %+v, popular %+v, best %+v: tastes must matter more than popularity, and that more than chance", random, popular, best)
	}
	wanted := s.Wanted()
	all := s.HitRate(10, func(user string) []string { return wanted[user] })
	if all.Rate != 1 || all.Users != len(wanted) {
		t.Errorf("lists of what is wanted hit %+v", all)
	}
	if none := s.HitRate(10, func(string) []string { return nil }); none.Rate != 0 {
		t.Errorf("empty lists hit %+v", none)
	}
	owned, list := s.owned(), s.Best()
	for _, u := range s.Users {
		if slices.ContainsFunc(list(u.ID), func(id string) bool { return owned[u.ID][id] }) {
			t.Fatalf("%s is shown what it has", u.ID)
		}
	}
}
