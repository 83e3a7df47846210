package profile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/profile"
)

const day = int64(86_400_000)

var start = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// shop is a small catalogue: lanterns, mugs and one bicycle.
var shop = map[string]profile.Fact{
	"l1": {Title: "Red Paper Lantern", Category: "lights", Price: ptr(10.0)},
	"l2": {Title: "Brass Lantern, small", Category: "lights", Price: ptr(20.0)},
	"m1": {Title: "Blue Mug", Category: "kitchen", Price: ptr(5.0)},
	"m2": {Title: "Red Mug", Category: "kitchen", Price: ptr(6.0)},
	"b1": {Title: "City Bicycle", Category: "bicycles", Price: ptr(400.0)},
	"x1": {Title: "No Price"},
	"x2": {Title: "Broken Price", Price: ptr(math.NaN())},
}

func facts(id string) (profile.Fact, bool) { f, ok := shop[id]; return f, ok }

func catalogue() *profile.Catalogue {
	return profile.NewCatalogue(func(yield func(profile.Fact) bool) {
		for _, f := range shop {
			if !yield(f) {
				return
			}
		}
	})
}

func event(id, kind, product string, days float64) behaviour.Event {
	return behaviour.Event{ID: id, User: "anna", Type: kind, Product: product, Time: start.UnixMilli() + int64(days*float64(day))}
}

func anna() profile.Input {
	bought := event("e3", behaviour.Purchase, "l2", 10)
	bought.Value = ptr(40.0)
	search := event("e5", behaviour.Search, "", 11)
	search.Query = "garden lantern"
	return profile.Input{
		User: behaviour.User{ID: "anna", Attributes: `{"age":34,"city":"Bath","interests":["Tea","lantern"],"vip":true,"none":null}`,
			Imputed: []string{"age"}, Time: start.UnixMilli(), Source: "http"},
		Events: []behaviour.Event{
			event("e1", behaviour.View, "l1", 0), event("e2", behaviour.View, "l2", 9.99), bought,
			event("e4", behaviour.Purchase, "l1", 10), search,
			event("e6", behaviour.View, "m1", 11), event("e7", behaviour.Dislike, "m1", 11),
			event("e8", behaviour.View, "gone", 11.5),
		},
		Reviews: []behaviour.Review{
			{ID: "r1", User: "anna", Product: "l2", Rating: ptr(5.0), Time: start.UnixMilli()},
			{ID: "r2", User: "anna", Product: "l1", Rating: ptr(4.0), Time: start.UnixMilli() + day},
			{ID: "r3", User: "anna", Product: "l1", Time: start.UnixMilli() + 2*day},
		},
		Facts: facts, Catalogue: catalogue(), Now: start.Add(20 * 24 * time.Hour),
	}
}

func TestOf(t *testing.T) {
	p, err := profile.Of(anna())
	if err != nil {
		t.Fatal(err)
	}
	if p.Profiling != "default" || p.Bot {
		t.Errorf("profiling %q, bot %v", p.Profiling, p.Bot)
	}
	if len(p.Categories) != 1 || p.Categories[0].Name != "lights" || p.Categories[0].Weight != 1 {
		t.Errorf("categories %+v: want lights alone, what is disliked is no favourite", p.Categories)
	}
	if got := p.Categories[0].Evidence; !slices.Equal(got.Products, []string{"l2", "l1"}) || got.Events[0] != "e3" && got.Events[0] != "e4" || got.Rows != 4 {
		t.Errorf("evidence of lights %+v", got)
	}
	first := p.Interests[0]
	if first.Tag != "lantern" || first.Weight != 1 || !first.Stated || !slices.Contains(first.Evidence.Products, "l2") || first.Evidence.Rows != 5 {
		t.Errorf("first interest %+v", first)
	}
	var tags []string
	for _, i := range p.Interests {
		tags = append(tags, i.Tag)
		if !(i.Weight > 0 && i.Weight <= 1) {
			t.Errorf("%s weighs %v", i.Tag, i.Weight)
		}
	}
	slices.Sort(tags)
	if want := []string{"garden", "lantern", "tea"}; !slices.Equal(tags, want) {
		t.Errorf("tags %v, want %v: a word of one product is none, and mugs were disliked", tags, want)
	}
	// Lanterns cost 10 and 20; the catalogue's usable prices are 5, 6, 10, 20, 400.
	if b := p.Price; b == nil || b.Of != "purchase" || b.Low != 12.5 || b.Median != 15 || b.High != 17.5 || b.Band != "middle" || *b.Rank != 0.6 || b.Products != 2 {
		t.Errorf("price band %+v", b)
	}
	a := p.Activity
	if a.Events != 8 || a.Days != 3 || a.Products != 4 || a.Unknown != 1 || a.Types["view"] != 4 || a.Hours[9] != 7 || a.Hours[21] != 1 || a.Evidence.Events[0] != "e8" {
		t.Errorf("activity %+v", a)
	}
	v := p.Value
	if *v.RecencyDays != 8.5 || v.RecencyGrade != 3 || v.Baskets != 1 || v.FrequencyGrade != 1 || v.Money != 50 || v.Estimated != 1 || *v.MoneyGrade != 1 || v.Evidence.Events[0] != "e3" {
		t.Errorf("value %+v", v)
	}
	if r := p.Reviews; r.Written != 3 || r.Rated != 2 || *r.MeanRating != 4.5 || !slices.Equal(r.Evidence.Reviews, []string{"r3", "r2", "r1"}) {
		t.Errorf("reviews %+v", r)
	}
	want := []profile.Attribute{
		{Name: "age", Value: "34", Imputed: true, Time: start, Source: "http"}, {Name: "city", Value: "Bath", Time: start, Source: "http"},
		{Name: "interests", Value: "Tea, lantern", Time: start, Source: "http"}, {Name: "vip", Value: "yes", Time: start, Source: "http"},
	}
	if !reflect.DeepEqual(p.Attributes, want) {
		t.Errorf("attributes %+v", p.Attributes)
	}
}

func TestConsent(t *testing.T) {
	for _, c := range []struct {
		profiling string
		decline   bool
		want      string
		declined  bool
	}{{"no", false, "no", true}, {"yes", true, "yes", false}, {"", false, "default", false}, {"", true, "default", true}} {
		in := anna()
		in.User.Profiling, in.DeclineByDefault = c.profiling, c.decline
		p, err := profile.Of(in)
		if errors.Is(err, profile.ErrDeclined) != c.declined || p.Profiling != c.want {
			t.Errorf("%+v: %q, %v", c, p.Profiling, err)
		}
		if !c.declined {
			continue
		}
		raw, _ := json.Marshal(p)
		for _, said := range []string{"lantern", "Bath", "e3", "lights", "r1", "l2"} {
			if bytes.Contains(raw, []byte(said)) {
				t.Errorf("%+v: a refused profile tells %s: %s", c, said, raw)
			}
		}
		var text bytes.Buffer
		if err := p.WriteText(&text); err != nil || !strings.Contains(text.String(), "not agreed") || strings.Count(text.String(), "\n") != 1 {
			t.Errorf("%+v: %s", c, &text)
		}
	}
}

func TestLittleIsKnown(t *testing.T) {
	bad := event("e1", behaviour.Purchase, "x2", 0)
	bad.Value = ptr(math.NaN())
	for name, in := range map[string]profile.Input{
		"nothing":        {User: behaviour.User{ID: "anna"}},
		"no facts":       {User: behaviour.User{ID: "anna"}, Events: []behaviour.Event{event("e1", behaviour.Purchase, "l1", 0)}},
		"no number":      {User: behaviour.User{ID: "anna"}, Events: []behaviour.Event{bad}, Facts: facts, Catalogue: catalogue()},
		"deleted":        {User: behaviour.User{ID: "anna"}, Reviews: []behaviour.Review{{User: "anna", ID: "r"}}, Events: []behaviour.Event{event("e", "view", "", 0)}},
		"only disliked":  {User: behaviour.User{ID: "anna"}, Events: []behaviour.Event{event("e1", behaviour.Dislike, "l1", 0)}, Facts: facts},
		"empty shop":     {User: behaviour.User{ID: "anna"}, Events: anna().Events, Facts: facts, Catalogue: profile.NewCatalogue(func(func(profile.Fact) bool) {})},
		"a far past":     {User: behaviour.User{ID: "anna"}, Events: []behaviour.Event{event("e1", behaviour.View, "l1", -40_000), event("e2", behaviour.View, "l2", 27_000)}, Facts: facts},
		"a clock behind": {User: behaviour.User{ID: "anna"}, Events: anna().Events, Now: start.Add(-time.Hour)},
	} {
		p, err := profile.Of(in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		raw, err := json.Marshal(p) // NaN and infinities would fail here
		if err != nil || bytes.Contains(raw, []byte(`"interests":null`)) || bytes.Contains(raw, []byte(`"categories":null`)) {
			t.Errorf("%s: %v %s", name, err, raw)
		}
		var text bytes.Buffer
		if err := p.WriteText(&text); err != nil || text.Len() == 0 || strings.Contains(text.String(), "NaN") {
			t.Errorf("%s: %v: %s", name, err, &text)
		}
	}
}

func TestBadInput(t *testing.T) {
	for name, change := range map[string]func(*profile.Input){
		"no id":             func(in *profile.Input) { in.User.ID = "" },
		"a bad id":          func(in *profile.Input) { in.User.ID = "a/b" },
		"another's event":   func(in *profile.Input) { in.Events[2].User = "bert" },
		"another's review":  func(in *profile.Input) { in.Reviews[1].User = "bert" },
		"broken attributes": func(in *profile.Input) { in.User.Attributes = `{"age":` },
		"attributes a list": func(in *profile.Input) { in.User.Attributes = `[1]` },
	} {
		in := anna()
		change(&in)
		if _, err := profile.Of(in); !errors.Is(err, profile.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBot(t *testing.T) {
	in := anna()
	in.Events = nil
	for i := range clean.MostRows + 1 {
		in.Events = append(in.Events, event(fmt.Sprint(i), behaviour.View, "l1", float64(i)/10))
	}
	p, err := profile.Of(in)
	if err != nil || !p.Bot || len(p.Interests)+len(p.Categories) != 0 || p.Price != nil {
		t.Errorf("a bot has %+v, %v", p, err)
	}
}

// The order of rows makes no difference, and the input stays as it was.
func TestOrderOfRows(t *testing.T) {
	in := anna()
	want, err := profile.Of(in)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		r.Shuffle(len(in.Events), func(i, j int) { in.Events[i], in.Events[j] = in.Events[j], in.Events[i] })
		r.Shuffle(len(in.Reviews), func(i, j int) { in.Reviews[i], in.Reviews[j] = in.Reviews[j], in.Reviews[i] })
		before := slices.Clone(in.Events)
		got, err := profile.Of(in)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: %v\n%+v\nwant\n%+v", seed, err, got, want)
		}
		if !reflect.DeepEqual(in.Events, before) {
			t.Fatal("the input was changed")
		}
	}
}

// Old events fade: what was bought a year ago counts less than what was seen now.
func TestTasteFades(t *testing.T) {
	in := anna()
	in.Events = []behaviour.Event{
		event("e1", behaviour.Purchase, "l1", 0), event("e2", behaviour.View, "m1", 365), event("e3", behaviour.View, "m2", 365),
	}
	p, err := profile.Of(in)
	if err != nil || len(p.Categories) != 2 || p.Categories[0].Name != "kitchen" {
		t.Errorf("%v %+v", err, p.Categories)
	}
}

func TestReturnsTakeMoneyBack(t *testing.T) {
	for _, value := range []float64{30, -30} {
		in := anna()
		bought, back := event("e1", behaviour.Purchase, "l2", 0), event("e2", behaviour.Return, "l2", 1)
		bought.Value, back.Value = ptr(40.0), &value
		in.Events = []behaviour.Event{bought, back, event("e3", behaviour.View, "m1", 1), event("e4", behaviour.View, "m1", 1)}
		p, err := profile.Of(in)
		// A purchase that was sent back says less than two looks.
		if err != nil || p.Value.Money != 10 || p.Categories[0].Name != "kitchen" {
			t.Errorf("a return of %v leaves %v and %+v, %v", value, p.Value.Money, p.Categories, err)
		}
	}
}

func TestOneScreen(t *testing.T) {
	in := anna()
	for i := range 3_000 {
		e := event(fmt.Sprintf("n%d", i), []string{"view", "custom-\x1b[2J", behaviour.Purchase}[i%3], fmt.Sprintf("p%d", i%40), float64(i)/8)
		in.Events = append(in.Events, e)
	}
	in.User.ID = "anna"
	in.Facts = func(id string) (profile.Fact, bool) {
		return profile.Fact{Title: "Wide lantern " + strings.Repeat("wörter ", 30) + id + "\x1b[31m", Category: "c\n" + id[len(id)-1:], Price: ptr(3.0)}, true
	}
	p, err := profile.Of(in)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := p.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
	if len(lines) > 28 || strings.ContainsAny(text.String(), "\x1b\r") {
		t.Errorf("%d lines: %s", len(lines), &text)
	}
	for _, l := range lines {
		if n := len([]rune(l)); n > 100 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	t.Logf("\n%s", &text)
}

func BenchmarkOf(b *testing.B) {
	for _, n := range []int{20, 200, 20_000} {
		in := anna()
		in.Events = nil
		for i := range n {
			in.Events = append(in.Events, event(fmt.Sprint(i), "view", []string{"l1", "l2", "m1", "m2"}[i%4], float64(i)/10))
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := profile.Of(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
