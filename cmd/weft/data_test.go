package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// spring is when the shoppers of these tests begin.
var spring = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// behave stores rows as they are, without a word from the collector: some of them are
// what only another program would write.
func (s shop) behave(events []behaviour.Event, reviews []behaviour.Review, users []behaviour.User) {
	s.t.Helper()
	ctx := context.Background()
	bucket, err := objects.OpenDir(filepath.Join(s.dir, "bucket"))
	must(s.t, err)
	l, err := lake.Open(ctx, lake.Config{Store: objects.WithPrefix(bucket, "default/"), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	must(s.t, err)
	rows, err := behaviour.Open(ctx, l)
	must(s.t, err)
	for i := range events {
		events[i].Row = lake.Row{Key: behaviour.RowKey(tasks.UserID(events[i].User), events[i].ID), Version: 1}
	}
	for i := range reviews {
		reviews[i].Row = lake.Row{Key: behaviour.RowKey(tasks.UserID(reviews[i].User), reviews[i].ID), Version: 1}
	}
	for i := range users {
		users[i].Row = lake.Row{Key: users[i].ID, Version: 1}
	}
	must(s.t, rows.Events.Append(ctx, events...))
	must(s.t, rows.Reviews.Append(ctx, reviews...))
	must(s.t, rows.Users.Append(ctx, users...))
	must(s.t, l.Close(ctx))
}

// mixedShop has eight shoppers of every sort and twelve products.
func mixedShop(t *testing.T) shop {
	s := newShop(t)
	for i := range 12 {
		updated := spring.AddDate(0, 0, -1)
		switch {
		case i >= 10:
			updated = spring.AddDate(0, 0, 75) // after most was bought
		case i == 9:
			updated = spring.AddDate(0, 0, 900)
		}
		l := map[string]any{"title": fmt.Sprintf("Lamp %d <script>alert(1)</script>", i), "category": []string{"lamps", "<b>shades</b>"}[i%2], "price": 10 + i, "updated_at": updated, "colour": "red"}
		if i == 0 {
			delete(l, "updated_at")
		}
		body, err := json.Marshal(l)
		must(t, err)
		s.put(fmt.Sprintf("p%d", i), "product.json", body)
	}
	s.put("broken", "product.json", []byte(`{"title":`))
	s.put("photo-only", "a.jpg", []byte("not looked at"))
	var events []behaviour.Event
	add := func(user, kind, product string, at time.Time, value *float64) {
		events = append(events, behaviour.Event{ID: fmt.Sprintf("e%06d", len(events)), User: user, Type: kind, Product: product, Time: at.UnixMilli(), Value: value})
	}
	price := func(v float64) *float64 { return &v }
	for u := range 4 {
		for i := range 80 {
			at := spring.AddDate(0, 0, i).Add(time.Duration(u) * time.Minute)
			kind := []string{"view", "purchase", "cart", "scan"}[i%4]
			product := fmt.Sprintf("p%d", (i+u)%12)
			if i >= 60 { // nobody has listed these yet
				product = fmt.Sprintf("new%d-%d", u, i)
			}
			add(fmt.Sprintf("u%d", u), kind, product, at, price(float64(i%20)+1))
			if i%10 == 0 { // a basket, of two lines that are equal
				add(fmt.Sprintf("u%d", u), "purchase", "p1", at, price(5))
				add(fmt.Sprintf("u%d", u), "purchase", "p1", at, price(5))
				add(fmt.Sprintf("u%d", u), "return", "p1", at, nil)
			}
		}
	}
	for i := range 100 { // a crawler
		add("crawler", "view", "p1", spring.Add(time.Duration(i)*7*time.Millisecond), nil)
	}
	for i := range clean.MostRows + 1 {
		add("robot", "view", "p2", spring.Add(time.Duration(i)*time.Minute), nil)
	}
	add("secret", "purchase", "p3", spring.AddDate(0, 0, 3), price(7))
	add("u0", "search", "", spring.AddDate(0, 0, 4), nil)
	add("u0", "purchase", "gone", spring.AddDate(0, 0, 5), price(math.NaN()))
	add("u0", "purchase", "p5", spring.AddDate(0, 0, 6), price(1e12))
	events[1].Imputed = []string{behaviour.FieldTime}
	five := 5.0
	reviews := []behaviour.Review{
		{ID: "r1", User: "u0", Product: "p1", Rating: &five, Text: "good", Time: spring.UnixMilli()},
		{ID: "r2", User: "u0", Product: "p1", Text: "good", Time: spring.UnixMilli()},
	}
	users := []behaviour.User{
		{ID: "u0", Attributes: `{"age":31,"city":"Bath & <i>Wells</i>"}`, Time: spring.UnixMilli()},
		{ID: "u1", Attributes: `{"age":44}`, Time: spring.UnixMilli()},
		{ID: "u2", Attributes: `{"age":7777}`, Time: spring.AddDate(1, 0, 0).UnixMilli()},
		{ID: "u3", Attributes: `{"age":29}`, Time: spring.AddDate(2, 0, 0).UnixMilli(), Imputed: []string{behaviour.FieldTime}},
		{ID: "secret", Attributes: `{"age":1}`, Profiling: "no", Time: spring.UnixMilli()},
	}
	s.behave(events, reviews, users)
	return s
}

func TestDataReport(t *testing.T) {
	s := mixedShop(t)
	out := filepath.Join(t.TempDir(), "new", "report.html")
	v := answer[clean.Survey](t, "data", "report", "--data", s.dir, "--json", "--out", out)
	found := map[string]int64{}
	for _, st := range v.Steps {
		found[st.Name] = st.Found
	}
	for name, want := range map[string]int64{
		"bots": clean.MostRows + 1, "impossible rates": 100, "repeated events": 32, "unknown products": 81, "values that are no number": 1, "outlying values": 1,
		"repeated reviews": 1, "reviews without a rating": 1, "no consent": 1,
	} {
		if found[name] != want {
			t.Errorf("%s: found %d, want %d", name, found[name], want)
		}
	}
	if v.Rows["products"] != 14 || v.Rows["reviews"] != 2 || v.Users.Before != 7 || v.Users.After != 5 {
		t.Errorf("rows %v, users %+v", v.Rows, v.Users)
	}
	page := string(read(t, out))
	for _, step := range clean.Steps() {
		if !strings.Contains(page, step.Name) {
			t.Errorf("the page does not tell of %q", step.Name)
		}
	}
	for _, want := range []string{"Events by day", "lamps", "&lt;b&gt;shades&lt;/b&gt;", "Bath &amp;", "<svg", "20,001", "1 products have a listing that cannot be read"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	// It works offline, and runs nothing, whatever rows hold.
	for _, never := range []string{"http:", "https:", "<script", "src=", "@import", "url(", "<b>shades", "<i>Wells", "NaN", "ZgotmplZ", "%!"} {
		if strings.Contains(page, never) {
			t.Errorf("the page holds %q", never)
		}
	}
	if n := regexp.MustCompile(`(?:width|height|x|y)="-`).FindString(page); n != "" {
		t.Errorf("the page draws %s", n)
	}
	if files, _ := os.ReadDir(filepath.Dir(out)); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

func TestDataReportOfNothing(t *testing.T) {
	s := newShop(t)
	out := filepath.Join(t.TempDir(), "report.html")
	text := done(t, "data", "report", "--data", s.dir, "--out", out)
	if !strings.Contains(text, "bots") || !strings.Contains(string(read(t, out)), "there are no rows yet") {
		t.Errorf("%s", text)
	}
	s.behave([]behaviour.Event{{ID: "e", User: "u", Type: "view", Time: 0}}, nil, nil)
	if page := done(t, "data", "report", "--data", s.dir, "--out", out); !strings.Contains(page, "1 rows") {
		t.Errorf("one row: %s", page)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "bucket", "default", "lake", "v1", "events")); err != nil {
		t.Fatal(err)
	}
	o := weft(t, "data", "report", "--data", filepath.Join(s.dir, "none"))
	if o.code != exitFailed || !strings.Contains(o.err, "none") {
		t.Errorf("a shop that is not there: %+v", o)
	}
}

func TestDataHelp(t *testing.T) {
	for _, c := range [][]string{{"data"}, {"data", "report"}, {"data", "split"}} {
		_, examples, _ := strings.Cut(done(t, append(c, "--help")...), "Example")
		if !strings.Contains(examples, "weft "+strings.Join(c, " ")) {
			t.Errorf("weft %s --help shows no example of it", strings.Join(c, " "))
		}
	}
}
