package clean_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/storage/lake"
)

func ptr[T any](v T) *T { return &v }

func seq(rows []behaviour.Event) iter.Seq2[behaviour.Event, error] {
	return func(yield func(behaviour.Event, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func of(user string, n int, step int64) []behaviour.Event {
	var all []behaviour.Event
	for i := range n {
		id := fmt.Sprintf("e%06d", i)
		all = append(all, behaviour.Event{Row: lake.Row{Key: user + "/" + id}, ID: id, User: user, Type: behaviour.View,
			Product: fmt.Sprintf("p%d", i%10), Time: noon + int64(i)*step, Value: ptr(float64(i % 50))})
	}
	return all
}

func TestShoppers(t *testing.T) {
	// In the order of keys: "a-b/…" before "a/…".
	rows := slices.Concat(of("a-b", 3, 60_000), of("a", 300, 60_000), of("bot", 50_000, 60_000), of("c", 100, 10), of("d", 1, 0))
	var got []string
	total := 0
	for s, err := range clean.Shoppers(seq(rows)) {
		if err != nil {
			t.Fatal(err)
		}
		c := s.Counts
		got = append(got, fmt.Sprintf("%s %d of %d, bot %v, rate %d", s.User, len(s.Events), c.Rows, c.IsBot(), c.Rate))
		total += c.Rows
		if c.Deleted+c.Bot+c.Rate+c.Older+c.Kept != c.Rows || c.Kept != len(s.Events) {
			t.Errorf("%s: %+v does not balance", s.User, c)
		}
	}
	want := []string{"a-b 3 of 3, bot false, rate 0", "a 300 of 300, bot false, rate 0", "bot 0 of 50000, bot true, rate 0", "c 0 of 100, bot false, rate 100", "d 1 of 1, bot false, rate 0"}
	if !slices.Equal(got, want) || total != len(rows) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestShoppersStop(t *testing.T) {
	failed := errors.New("the store is gone")
	broken := func(yield func(behaviour.Event, error) bool) {
		for _, r := range of("a", 3, 1) {
			if !yield(r, nil) {
				return
			}
		}
		yield(behaviour.Event{}, failed)
	}
	var users int
	var last error
	for s, err := range clean.Shoppers(broken) {
		if last = err; err == nil {
			users++
			t.Errorf("%+v was yielded though its rows broke off", s)
		}
	}
	if !errors.Is(last, failed) || users != 0 {
		t.Errorf("%d users, then %v", users, last)
	}
	for _, err := range clean.Shoppers(seq(append(of("b", 1, 0), of("a", 1, 0)...))) {
		last = err
	}
	if !errors.Is(last, clean.ErrOrder) {
		t.Errorf("rows out of order: %v", last)
	}
	for range clean.Shoppers(seq(append(of("a", 1, 0), of("b", 1, 0)...))) {
		break // must not go on yielding
	}
	for range clean.Shoppers(seq(nil)) {
		t.Error("a user without rows")
	}
}

func user(id, attributes string) behaviour.User {
	return behaviour.User{Row: lake.Row{Key: id}, ID: id, Attributes: attributes, Time: noon, Digest: id}
}

func TestStatisticsOfUsers(t *testing.T) {
	f := clean.NewFit()
	rows := []behaviour.User{user("broken", `{`), user("empty", ""), user("null", `{"age":null,"city":""}`)}
	for i := range 40 {
		age := fmt.Sprint(20 + i%20)
		if i%2 == 0 {
			age = `"` + age + `"` // as CSV brings it
		}
		rows = append(rows, user(fmt.Sprintf("u%02d", i), fmt.Sprintf(`{"age":%s,"city":%q,"interests":["tea","%d"]}`, age, []string{"Bath", "York"}[i%2], i)))
	}
	rows = append(rows, user("odd", `{"age":"young","city":"Ely","interests":"tea"}`), user("old", `{"age":9999}`))
	refused := user("refused", `{"age":-500,"secret":"yes"}`)
	refused.Profiling = "no"
	filled := user("filled", `{"age":777,"city":"Hove"}`)
	filled.Imputed = []string{"age", "city"}
	broken := 0
	for _, u := range append(rows, refused, filled) {
		if f.User(&u) != nil {
			broken++
		}
	}
	s := f.Statistics()
	age, city, interests := s.Attributes["age"], s.Attributes["city"], s.Attributes["interests"]
	if broken != 1 || s.Rows["users"].Rows != 45 || len(s.Attributes) != 3 {
		t.Errorf("%d broken, %d rows, attributes %v: a refusal must leave no trace", broken, s.Rows["users"].Rows, s.Attributes)
	}
	if age.Kind != clean.KindNumber || age.Numeric.Count != 41 || age.Numeric.Missing != 4 || age.Mistyped != 1 || age.Numeric.Min != 20 || age.Numeric.Median != 30 || age.Numeric.Outside != 1 {
		t.Errorf("age %+v %+v", age, age.Numeric)
	}
	if city.Kind != clean.KindCategory || len(city.Categorical.Values) != 2 || city.Categorical.Pooled != 1 || city.Categorical.Missing != 4 {
		t.Errorf("city %+v", city.Categorical)
	}
	if interests.Kind != clean.KindList || interests.Mistyped != 1 || interests.Categorical.Values[0] != (clean.ValueCount{Value: "tea", Count: 40}) {
		t.Errorf("interests %+v %+v", interests, interests.Categorical)
	}
	odd := rows[len(rows)-2]
	v, err := s.User(&odd)
	if err != nil || !v.Numbers["age"].Imputed || v.Numbers["age"].Value != 30 || v.Names["city"] != (clean.Name{Value: clean.Other, Pooled: true}) || len(v.Lists["interests"]) != 0 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := s.User(&behaviour.User{ID: "new"}); err != nil || !v.Numbers["age"].Imputed || !v.Names["city"].Imputed || v.Lists["interests"] == nil {
		t.Errorf("a user of whom nothing is known: %+v, %v", v, err)
	}
	if _, err := s.User(&rows[0]); err == nil {
		t.Error("broken attributes were read")
	}

	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := clean.ReadStatistics(b)
	if err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("%v: read back\n%+v\nwant\n%+v", err, back, s)
	}
	for name, broken := range map[string][]byte{
		"no JSON": b[:20], "another version": bytes.Replace(b, []byte(`"version": 1`), []byte(`"version": 99`), 1),
		"another kind": bytes.Replace(b, []byte(`"kind": "number"`), []byte(`"kind": "category"`), 1),
	} {
		if _, err := clean.ReadStatistics(broken); !errors.Is(err, clean.ErrStatistics) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Statistics up to a moment know nothing of what came later, and are the same
// whatever came later.
func TestStatisticsUntil(t *testing.T) {
	early, late := of("a", 100, 60_000), of("b", 100, 60_000)
	for i := range late {
		late[i].Time += 1 << 40
		late[i].Value = ptr(1e6)
	}
	fit := func(rows []behaviour.Event, products ...clean.Product) []byte {
		f := clean.NewFit()
		f.Until(time.UnixMilli(noon + 1<<39))
		for i := range rows {
			f.Event(&rows[i])
		}
		for i := range products {
			f.Product(&products[i])
		}
		b, err := f.Statistics().Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	old := clean.Product{ID: "p", Price: ptr(3.0), UpdatedAt: time.UnixMilli(noon)}
	young := clean.Product{ID: "q", Price: ptr(9.0), UpdatedAt: time.UnixMilli(noon + 1<<40)}
	if a, b := fit(early, old), fit(slices.Concat(early, late), old, young); !bytes.Equal(a, b) {
		t.Errorf("what came later shows:\n%s\n%s", a, b)
	}
	if a, b := fit(early), fit(early[:99]); bytes.Equal(a, b) {
		t.Error("other rows gave the same digest")
	}
}

func survey(t *testing.T, rows []behaviour.Event, reviews []behaviour.Review, users []behaviour.User, products []clean.Product) *clean.Survey {
	t.Helper()
	known := map[string]bool{}
	for _, p := range products {
		known[p.ID] = true
	}
	s := clean.NewSurveyor(func(id string) bool { return known[id] })
	for i := range rows {
		s.Seen(&rows[i])
	}
	for u, err := range clean.Shoppers(seq(rows)) {
		if err != nil {
			t.Fatal(err)
		}
		s.Shopper(&u)
	}
	for i := range reviews {
		s.Review(&reviews[i])
	}
	for i := range users {
		s.User(&users[i])
	}
	for i := range products {
		s.Product(&products[i])
	}
	return s.Survey()
}

func TestSurvey(t *testing.T) {
	rows := slices.Concat(of("a", 300, 60_000), of("bot", 20_001, 60_000), of("c", 100, 10), of("d", 2, 0))
	rows[0].Value, rows[1].Value, rows[2].Time = ptr(math.Inf(-1)), ptr(1e9), 1<<62
	reviews := []behaviour.Review{
		{User: "a", ID: "1", Product: "p1", Text: "good", Rating: ptr(5.0)}, {User: "a", ID: "2", Product: "p1", Text: "good", Rating: ptr(5.0)},
		{User: "b", ID: "3", Product: "p1", Text: "good", Rating: ptr(0.0)}, {User: "b", ID: "4", Product: "gone"},
	}
	refused := user("r", `{"age":1}`)
	refused.Profiling = "no"
	users := []behaviour.User{user("a", `{"age":30}`), user("b", `{"age":31}`), user("x", `[]`), refused}
	products := []clean.Product{{ID: "p1", Category: "lamps", Price: ptr(4.0)}, {ID: "p2", Title: "Two", Price: ptr(math.NaN())}}
	s := survey(t, rows, reviews, users, products)

	found := map[string]int64{}
	given := int64(len(rows))
	for _, c := range s.Steps {
		found[c.Name] = c.Found
		if c.Found > c.Given || c.Out > c.Given || c.Effect == clean.LeftOut && c.Out != c.Given-c.Found {
			t.Errorf("%s: %+v", c.Name, c)
		}
		if c.Table == "events" && c.Unit == "rows" {
			if c.Given != given {
				t.Errorf("%s was given %d rows, the step before handed on %d", c.Name, c.Given, given)
			}
			given = c.Out
		}
	}
	for name, want := range map[string]int64{
		"bots": 20_001, "impossible rates": 100, "repeated events": 0, "unknown products": 241, "values that are no number": 1, "outlying values": 1,
		"repeated reviews": 1, "reviews of unknown products": 1, "reviews without a rating": 2, "no consent": 1, "unreadable attributes": 1,
		"rare categories": 1, "normalised numbers": 2, "missing attributes": 0,
	} {
		if found[name] != want {
			t.Errorf("%s: %d, want %d", name, found[name], want)
		}
	}
	if s.Users != (clean.Pair{Before: 4, After: 2}) {
		t.Errorf("users %+v", s.Users)
	}
	var days, perUser, types clean.Pair
	for _, d := range s.Days {
		days.Before, days.After = days.Before+d.Before, days.After+d.After
	}
	for _, r := range s.PerUser {
		perUser.Before, perUser.After = perUser.Before+r.Before, perUser.After+r.After
		if r.From > r.To {
			t.Errorf("range %+v", r)
		}
	}
	for _, k := range s.Types {
		types.Before, types.After = types.Before+k.Before, types.After+k.After
	}
	all := clean.Pair{Before: int64(len(rows)), After: given}
	if days != all || types != all || perUser != s.Users {
		t.Errorf("days %+v and types %+v of %+v, users %+v of %+v", days, types, all, perUser, s.Users)
	}
	if s.Ratings[0].Before != 2 || s.Ratings[5].Before != 2 {
		t.Errorf("ratings %+v", s.Ratings)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Error(err)
	}
	// What is rare or missing shows up as what it becomes.
	var categories clean.Pair
	for _, v := range s.Category.Values {
		categories.Before, categories.After = categories.Before+v.Before, categories.After+v.After
	}
	if categories != (clean.Pair{Before: 1, After: 2}) {
		t.Errorf("categories %+v", s.Category.Values)
	}
	cities := survey(t, nil, nil, []behaviour.User{user("a", `{"city":"Bath"}`), user("b", `{"city":"Bath"}`), user("c", `{"city":"Bath"}`), user("d", `{"city":"Ely"}`), user("e", `{}`)}, nil)
	if want := []clean.NamedPair{{Name: "Bath", Pair: clean.Pair{Before: 3, After: 3}}, {Name: "Ely", Pair: clean.Pair{Before: 1}},
		{Name: "→ other", Pair: clean.Pair{After: 1}}, {Name: "→ unknown", Pair: clean.Pair{After: 1}}}; !slices.Equal(cities.Names[0].Values, want) {
		t.Errorf("cities %+v", cities.Names[0].Values)
	}
	again := survey(t, rows, reviews, users, products)
	if !reflect.DeepEqual(s, again) {
		t.Error("a second survey differs")
	}
}

func TestSurveyOfNothing(t *testing.T) {
	s := survey(t, nil, nil, nil, nil)
	b, err := json.Marshal(s)
	if err != nil || bytes.Contains(b, []byte("null")) && len(s.Days) > 0 {
		t.Errorf("%v %s", err, b)
	}
	for _, c := range s.Steps {
		if c.Given+c.Found+c.Out != 0 || c.Name == "" || c.Rule == "" || c.Table == "" {
			t.Errorf("%+v", c)
		}
	}
	// One row, and a million events at one moment.
	one := survey(t, of("a", 1, 0), nil, []behaviour.User{user("a", `{"age":30}`)}, nil)
	if one.Users.After != 1 || one.Statistics.Attributes["age"].Numeric.SD != 0 {
		t.Errorf("%+v", one)
	}
}

func BenchmarkShoppers(b *testing.B) {
	var rows []behaviour.Event
	r := rand.New(rand.NewPCG(1, 1))
	for u := range 1_000 {
		rows = append(rows, of(fmt.Sprintf("u%05d", u), 1+r.IntN(200), 60_000)...)
	}
	for b.Loop() {
		s := clean.NewSurveyor(func(string) bool { return true })
		for u, err := range clean.Shoppers(seq(rows)) {
			if err != nil {
				b.Fatal(err)
			}
			s.Shopper(&u)
		}
		s.Survey()
	}
	b.ReportMetric(float64(len(rows))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
