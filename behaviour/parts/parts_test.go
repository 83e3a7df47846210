package parts_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"weft/behaviour"
	"weft/behaviour/parts"
	"weft/storage/lake"
	"weft/tasks"
)

const day = int64(24 * 3600 * 1000)

func event(id, kind, product string, at int64) behaviour.Event {
	return behaviour.Event{ID: id, User: "u", Type: kind, Product: product, Time: at, Digest: "d" + id}
}

func knows(ids ...tasks.ProductID) parts.Known {
	return func(id tasks.ProductID) uint64 { return uint64(slices.Index(ids, id) + 1) }
}

func rating(r float64) *float64 { return &r }

// some is one shopper with a bit of everything.
func some() parts.Rows {
	return parts.Rows{
		User: &behaviour.User{ID: "u", Attributes: `{"interests":["wool"]}`, Profiling: "yes", Digest: "u1"},
		Events: []behaviour.Event{event("e1", behaviour.View, "p1", day), event("e2", behaviour.Purchase, "p2", 2*day), event("e3", behaviour.Search, "", 3*day),
			{ID: "e4", User: "u", Type: behaviour.Follow, TargetUser: "friend", Time: day, Digest: "de4"}},
		Reviews: []behaviour.Review{{ID: "r1", User: "u", Product: "p3", Rating: rating(5), Time: day, Digest: "dr1"}},
	}
}

func sources(rows parts.Rows, known parts.Known, passed uint64) string {
	h := parts.Of(rows, true)
	return parts.Sources(h.Own(known), h.Followed, func(tasks.UserID) uint64 { return passed })
}

// Whatever a vector depends on is in its sources, and nothing else: not the order in
// which rows are read.
func TestSources(t *testing.T) {
	known := knows("p1", "p2", "p3")
	base := sources(some(), known, 1)
	for range 20 {
		rows := some()
		rand.Shuffle(len(rows.Events), func(i, j int) { rows.Events[i], rows.Events[j] = rows.Events[j], rows.Events[i] })
		if got := sources(rows, known, 1); got != base {
			t.Fatal("another order of rows, other sources")
		}
	}
	for name, change := range map[string]func(*parts.Rows){
		"an event more":            func(r *parts.Rows) { r.Events = append(r.Events, event("e9", "scan", "", day)) },
		"another content":          func(r *parts.Rows) { r.Events[0].Digest = "other" },
		"an event less":            func(r *parts.Rows) { r.Events = r.Events[1:] },
		"a review more":            func(r *parts.Rows) { r.Reviews = append(r.Reviews, behaviour.Review{ID: "r2", Digest: "x"}) },
		"another review":           func(r *parts.Rows) { r.Reviews[0].Digest = "other" },
		"another statement":        func(r *parts.Rows) { r.User.Digest = "u2" },
		"no statement":             func(r *parts.Rows) { r.User = nil },
		"someone else is followed": func(r *parts.Rows) { r.Events[3].TargetUser = "other" },
	} {
		rows := some()
		change(&rows)
		if sources(rows, known, 1) == base {
			t.Errorf("%s: the same sources", name)
		}
	}
	if sources(some(), knows("p1", "p2"), 1) == base {
		t.Error("a product is unknown: the same sources")
	}
	if sources(some(), known, 2) == base {
		t.Error("other tips: the same sources")
	}
}

func TestOf(t *testing.T) {
	no := some()
	no.User.Profiling = "no"
	silent := some()
	silent.User.Profiling = ""
	bot := parts.Rows{Events: make([]behaviour.Event, parts.MostRows+1)}
	for _, c := range []struct {
		name              string
		rows              parts.Rows
		consent, declined bool
	}{
		{"consent", some(), false, false}, {"refusal", no, true, true}, {"silence where it is taken for consent", silent, true, false},
		{"silence where it is not", silent, false, true}, {"a bot", bot, true, true}, {"no row", parts.Rows{}, true, false},
	} {
		h := parts.Of(c.rows, c.consent)
		if h.Declined != c.declined || h.Empty != reflect.DeepEqual(c.rows, parts.Rows{}) {
			t.Errorf("%s: %+v", c.name, h)
		}
		if h.Declined && (len(h.Tips()) > 0 || len(h.Products()) > 0 || h.Usable(knows("p1"), true)) {
			t.Errorf("%s: something of it is used", c.name)
		}
	}
}

func TestUsable(t *testing.T) {
	known := knows("p1")
	for _, c := range []struct {
		name string
		rows parts.Rows
		tips bool
		want bool
	}{
		{"a known product", parts.Rows{Events: []behaviour.Event{event("e", behaviour.View, "p1", 1)}}, false, true},
		{"an event of the shop's own", parts.Rows{Events: []behaviour.Event{event("e", "scan", "p1", 1)}}, false, true},
		{"an unknown one", parts.Rows{Events: []behaviour.Event{event("e", behaviour.View, "p2", 1)}}, false, false},
		{"a dislike", parts.Rows{Events: []behaviour.Event{event("e", behaviour.Dislike, "p1", 1)}}, false, false},
		{"a search", parts.Rows{Events: []behaviour.Event{event("e", behaviour.Search, "", 1)}}, false, true},
		{"a good review of an unknown product has words", parts.Rows{Reviews: []behaviour.Review{{Product: "p2", Rating: rating(4)}}}, false, true},
		{"a bad review", parts.Rows{Reviews: []behaviour.Review{{Product: "p1", Rating: rating(1)}}}, false, false},
		{"attributes", parts.Rows{User: &behaviour.User{Attributes: `{"city":"Lisbon"}`}}, false, true},
		{"tips", parts.Rows{User: &behaviour.User{}}, true, true},
		{"a name alone", parts.Rows{User: &behaviour.User{}}, false, false},
	} {
		if h := parts.Of(c.rows, true); h.Usable(known, c.tips) != c.want {
			t.Errorf("%s: %t", c.name, !c.want)
		}
	}
}

// Whom one follows is not forgotten for the many things done since.
func TestFollowedOutlastsEvents(t *testing.T) {
	rows := some()
	for i := range 500 {
		rows.Events = append(rows.Events, event(fmt.Sprintf("later%d", i), behaviour.View, "p1", int64(i+10)*day))
	}
	h := parts.Of(rows, true)
	if !slices.Equal(h.Followed, []tasks.UserID{"friend"}) || len(h.Events) != 200 {
		t.Errorf("follows %v, %d events", h.Followed, len(h.Events))
	}
	for i := range 30 {
		rows.Events = append(rows.Events, behaviour.Event{ID: fmt.Sprintf("f%d", i), User: "u", Type: behaviour.Follow, TargetUser: fmt.Sprintf("v%d", i), Time: int64(i+600) * day})
	}
	if h := parts.Of(rows, true); len(h.Followed) != parts.MostFollowed || slices.Contains(h.Followed, "friend") {
		t.Errorf("follows %v", h.Followed)
	}
}

func TestTips(t *testing.T) {
	var rows parts.Rows
	for i := range 9 {
		rows.Events = append(rows.Events, event(fmt.Sprintf("a%d", i), behaviour.Purchase, fmt.Sprintf("p%d", i%7), int64(i)*day), event(fmt.Sprintf("b%d", i), behaviour.Click, "p9", int64(i)*day))
	}
	h := parts.Of(rows, true)
	var got []string
	for _, tip := range h.Tips() {
		got = append(got, tip.Product)
	}
	if want := []string{"p1", "p0", "p6", "p5", "p4"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The reviews of most weight are kept, in whatever order they come, and new ones are
// seen in the parts.
func TestReviews(t *testing.T) {
	var all []behaviour.ProductReview
	for i := range 200 {
		all = append(all, behaviour.ProductReview{Row: lake.Row{Key: fmt.Sprintf("p/u%03d/r", i)}, Rating: rating(float64(i%5 + 1)), Helpful: int64(i % 7),
			Time: int64(i) * day, Digest: fmt.Sprint(i), Text: "words"})
	}
	pick := func() parts.Reviews {
		var r parts.Reviews
		for _, i := range rand.Perm(len(all)) {
			r.Add(all[i])
		}
		return r
	}
	first := pick()
	if len(first.Kept()) != parts.MostReviews {
		t.Fatalf("%d are kept", len(first.Kept()))
	}
	for range 10 {
		if again := pick(); !reflect.DeepEqual(first, again) {
			t.Fatal("another order, other reviews")
		}
	}
	newest := all[len(all)-1].Time
	least := parts.ReviewWeight(&first.Kept()[parts.MostReviews-1], newest)
	for i := range all {
		kept := slices.ContainsFunc(first.Kept(), func(r behaviour.ProductReview) bool { return r.Key == all[i].Key })
		if !kept && parts.ReviewWeight(&all[i], newest) > least+1e-9 {
			t.Errorf("review %d of weight %g is left out, the least that is kept has %g", i, parts.ReviewWeight(&all[i], newest), least)
		}
	}
	with := pick()
	with.Add(behaviour.ProductReview{Row: lake.Row{Key: "p/v/r"}, Rating: rating(5), Helpful: 100, Time: newest, Text: "words"})
	if slices.Equal(with.Parts(), first.Parts()) {
		t.Error("a new review of much weight is not seen")
	}
	with = pick()
	with.Add(behaviour.ProductReview{Row: lake.Row{Key: "p/v/r"}, Rating: rating(5), Helpful: 100, Time: newest})
	if !slices.Equal(with.Parts(), first.Parts()) {
		t.Error("a review without words takes the place of one with")
	}
}

func TestReviewWeight(t *testing.T) {
	weight := func(r float64, helpful, age int64) float64 {
		return parts.ReviewWeight(&behaviour.ProductReview{Rating: rating(r), Helpful: helpful, Time: 1000*day - age*day}, 1000*day)
	}
	for name, more := range map[string]bool{
		"the ends of the scale say more": weight(1, 0, 0) > weight(3, 0, 0) && weight(5, 0, 0) == weight(1, 0, 0),
		"votes say more":                 weight(4, 9, 0) > weight(4, 0, 0),
		"age says less":                  weight(4, 0, 365) < 0.51*weight(4, 0, 0) && weight(4, 0, 365) > 0.49*weight(4, 0, 0),
		"what is ancient still counts":   weight(3, 0, 100_000) >= 1e-6,
	} {
		if !more {
			t.Error(name)
		}
	}
}

func TestAttributesText(t *testing.T) {
	u := &behaviour.User{Attributes: `{"city":"Lisbon","age":41,"interests":["wool","linen"]}`, Imputed: []string{"age"}}
	if got := parts.AttributesText(u); got != "city: Lisbon. interests: wool, linen." {
		t.Errorf("%q", got)
	}
	for _, none := range []*behaviour.User{nil, {}, {Attributes: `{}`}, {Attributes: `broken`}} {
		if got := parts.AttributesText(none); got != "" {
			t.Errorf("%q", got)
		}
	}
}

func TestChoices(t *testing.T) {
	h := parts.Of(parts.Rows{
		Events: []behaviour.Event{event("e1", behaviour.View, "b", day), event("e2", behaviour.Purchase, "b", 3*day), event("e3", behaviour.View, "a", 2*day),
			event("e4", behaviour.View, "disliked", day), event("e5", behaviour.Dislike, "disliked", 2*day), event("e6", behaviour.Search, "", day)},
		Reviews: []behaviour.Review{{ID: "r", Product: "c", Rating: rating(5), Time: 4 * day}, {ID: "s", Product: "a", Rating: rating(1), Time: 4 * day}},
	}, true)
	want := []parts.Choice{{Product: "b", First: day, Last: 3 * day, Weight: 6}, {Product: "c", First: 4 * day, Last: 4 * day, Weight: 4}}
	if got := h.Choices(); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
