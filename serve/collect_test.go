package serve_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"weft/behaviour"
	"weft/client"
	"weft/serve"
	"weft/storage/lake"
)

// collecting adds a collector over the shop's own bucket.
func collecting(t *testing.T, more func(*serve.Config)) func(*serve.Config) {
	return func(c *serve.Config) {
		shop := c.Tenants["shop"]
		l, err := lake.Open(t.Context(), lake.Config{Store: shop.Objects, CommitDelay: time.Millisecond, IdleDelay: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close(context.Background()) })
		tables, err := behaviour.Open(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		if shop.Collect, err = behaviour.NewCollector(behaviour.Config{Objects: shop.Objects, Lake: l, Tables: tables, Consent: true, Name: "test"}); err != nil {
			t.Fatal(err)
		}
		c.Tenants["shop"] = shop
		if more != nil {
			more(c)
		}
	}
}

const ndjson = "application/x-ndjson"

func view(id string) string {
	return fmt.Sprintf(`{"id":%q,"user":"u1","type":"view","product":"p1"}`, id)
}

func packed(t *testing.T, body string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRowsInEveryForm(t *testing.T) {
	// Reading a bomb takes a while on a busy machine: how long a client may take is not what this is about.
	s := open(t, collecting(t, func(c *serve.Config) { c.BodyTimeout = 10 * time.Minute }))
	for _, tc := range []struct {
		name, media, coding, body string
		status, rows, dead        int
		says                      string
	}{
		{"an object", "application/json", "", view("a1"), 202, 1, 0, `"outcome":"waiting"`},
		{"a pretty object", "application/json; charset=utf-8", "", "{\n \"id\": \"a2\",\n \"user\": \"u1\", \"type\": \"view\", \"product\": \"p1\"}\n", 202, 1, 0, `"for":"p1"`},
		{"an array", "application/json", "", "[" + view("a3") + "," + view("a4") + `,7,{"user":1}]`, 202, 4, 2, `"line":4`},
		{"lines", ndjson, "", view("a5") + "\n\n" + view("a6") + "\nx\n", 202, 3, 1, `"line":4`},
		{"packed lines", ndjson, "gzip", packed(t, view("a7")+"\n"+view("a8")), 202, 2, 0, `"rows":2`},
		{"packed, but nobody says so", ndjson, "", packed(t, view("a9")), 202, 1, 0, `"rows":1`},
		{"a packed array", "application/json", "gzip", packed(t, "["+view("b1")+"]"), 202, 1, 0, `"rows":1`},
		{"no lines", ndjson, "", "", 202, 0, 0, `"rows":0`},
		{"an empty array", "application/json", "", "[]", 202, 0, 0, `"rows":0`},
		{"a row of 10 MB", ndjson, "", view("b2") + "\n" + `{"user":"` + strings.Repeat("x", 10<<20) + "\"}\n" + view("b3"), 202, 3, 1, "too_many_bytes"},
		{"nothing", "application/json", "", "", 400, 0, 0, "empty"},
		{"lines as JSON", "application/json", "", view("b4") + "\n" + view("b5"), 400, 0, 0, "x-ndjson"},
		{"half an array", "application/json", "", "[" + view("b6"), 400, 0, 0, "array"},
		{"half a packed file", ndjson, "gzip", packed(t, strings.Repeat(view("b7")+"\n", 5000))[:200], 400, 0, 0, "unpacked"},
		{"not gzip", ndjson, "gzip", "\x1f\x8b nonsense", 400, 0, 0, "unpacked"},
		{"a form", "application/x-www-form-urlencoded", "", "a=b", 415, 0, 0, "application/json"},
		{"brotli", ndjson, "br", "x", 415, 0, 0, "gzip"},
		{"a bomb of lines", ndjson, "gzip", strings.Repeat(packed(t, strings.Repeat(strings.Repeat(" ", 1023)+"\n", 1<<10)), 130), 413, 0, 0, "larger than allowed"},
		{"a bomb of one line", ndjson, "gzip", strings.Repeat(packed(t, strings.Repeat("x", 1<<20)), 130), 413, 0, 0, "larger than allowed"},
		{"a bomb of JSON", "application/json", "gzip", packed(t, "["+strings.Repeat(" ", 9<<20)+"]"), 413, 0, 0, "larger than allowed"},
		{"too much JSON", "application/json", "", "[" + strings.Repeat(" ", 9<<20) + "]", 413, 0, 0, "8388608"},
	} {
		header := []string{"Content-Type", tc.media}
		if tc.coding != "" {
			header = append(header, "Content-Encoding", tc.coding)
		}
		res, body := s.do(t, "POST", "/v1/shop/events", tc.body, header...)
		if res.StatusCode != tc.status || !strings.Contains(body, tc.says) {
			t.Errorf("%s: %d %.300s; want %d and %q", tc.name, res.StatusCode, body, tc.status, tc.says)
			continue
		}
		if res.StatusCode != 202 {
			if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("%s: %s", tc.name, got)
			}
			continue
		}
		var c client.Collected
		if err := json.Unmarshal([]byte(body), &c); err != nil || c.Rows != tc.rows || c.Dead != tc.dead || len(c.Results) != tc.rows ||
			c.Rows != c.Accepted+c.Dead+c.Duplicate+c.Declined+c.Waiting {
			t.Errorf("%s: %+v, %v", tc.name, c, err)
		}
	}
	for _, path := range []string{"events?file=x", "events?at=noon", "events?first=0", "events?nonsense=1"} {
		if res, body := s.do(t, "POST", "/v1/shop/"+path, view("c1"), "Content-Type", ndjson); res.StatusCode != 422 {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	if res, _ := s.do(t, "POST", "/v1/shop/products", view("c1"), "Content-Type", ndjson); res.StatusCode != 404 && res.StatusCode != 405 {
		t.Errorf("POST products: %d", res.StatusCode)
	}
}

// The answer to many rows names those in trouble, and counts all.
func TestResultsAreBounded(t *testing.T) {
	s := open(t, collecting(t, nil))
	if _, err := s.as(t, "shop", "").PutProduct(t.Context(), "p1", client.Listing{Title: "a"}, client.Condition{}); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i := range 25_000 {
		if i%10 == 3 {
			b.WriteString("{}\n")
		} else {
			b.WriteString(view(fmt.Sprint("e", i)) + "\n")
		}
	}
	c, err := s.as(t, "shop", "").Lines(t.Context(), "events", []byte(b.String()), client.Lines{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Rows != 25_000 || c.Accepted != 22_500 || c.Dead != 2_500 || len(c.Results) != 1000 || c.Results[0].Line != 4 || c.Results[999].Line != 9994 {
		t.Errorf("%d rows, %d accepted, %d dead, %d results", c.Rows, c.Accepted, c.Dead, len(c.Results))
	}
	if c.Steps[2].Step != "schema" || c.Steps[2].Reached != 25_000 || c.Steps[2].Refused != 2_500 {
		t.Errorf("%+v", c.Steps)
	}
}

func TestClientSendsRows(t *testing.T) {
	s := open(t, collecting(t, nil))
	api := s.as(t, "shop", "")
	price := 9.5
	at := time.Now().Add(-time.Hour)
	c, err := api.Events(t.Context(), client.Event{ID: "e1", User: "u1", Product: "p1", Type: "purchase", Time: at, Value: &price, Context: map[string]any{"page": "home"}},
		client.Event{User: "u1", Type: "search", Query: "tea"})
	if err != nil || c.Waiting != 1 || c.Accepted != 1 || c.Results[1].ID == "" {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = api.Reviews(t.Context(), client.Review{ID: "r1", User: "u1", Product: "p1", Rating: 4, Text: "good", Time: at}); err != nil || c.Waiting != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = api.Users(t.Context(), client.User{ID: "u1", Consent: &client.Consent{}}); err != nil || c.Accepted != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = api.Events(t.Context(), client.Event{ID: "e2", User: "u1", Product: "p1", Type: "view"}); err != nil || c.Declined != 1 || c.Results[0].Reason != "no_consent" {
		t.Errorf("%+v, %v", c, err)
	}
	file := client.Lines{Source: "a.jsonl", File: "0123456789abcdef01234567", First: 41, At: at}
	line := []byte(`{"user":"u2","type":"view","product":"p1"}` + "\n")
	for _, want := range []string{"waiting", "duplicate"} {
		if c, err = api.Lines(t.Context(), "events", line, file); err != nil || c.Results[0].Outcome != want || c.Results[0].ID != "f"+file.File+".41" {
			t.Errorf("%+v, %v; want %s", c, err, want)
		}
	}
	if _, err := api.Lines(t.Context(), "people", line, file); err == nil {
		t.Error("an unknown kind was sent")
	}
}

// slow is a collector that waits until it is let go.
type slow struct{ entered, release chan struct{} }

func (c slow) Accept(ctx context.Context, b behaviour.Batch) (behaviour.Report, error) {
	c.entered <- struct{}{}
	select {
	case <-c.release:
	case <-ctx.Done():
		return behaviour.Report{}, ctx.Err()
	}
	return behaviour.Report{Counts: behaviour.Counts{Rows: len(b.Rows), Accepted: len(b.Rows)}, Results: make([]behaviour.Result, len(b.Rows))}, nil
}

// More requests than may be under way are told to come back; they lose nothing.
func TestBackPressure(t *testing.T) {
	c := slow{make(chan struct{}, 4), make(chan struct{})}
	s := open(t, func(cfg *serve.Config) {
		shop := cfg.Tenants["shop"]
		shop.Collect = c
		cfg.Tenants["shop"], cfg.MaxCollects = shop, 2
	})
	done := make(chan int, 2)
	for range 2 {
		go func() {
			res, _ := s.do(t, "POST", "/v1/shop/events", view("a"), "Content-Type", ndjson)
			done <- res.StatusCode
		}()
		<-c.entered
	}
	res, body := s.do(t, "POST", "/v1/shop/events", view("b"), "Content-Type", ndjson)
	if res.StatusCode != 429 || res.Header.Get("Retry-After") != "1" || !strings.Contains(body, "2 requests") {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	close(c.release)
	for range 2 {
		if status := <-done; status != 202 {
			t.Errorf("a request that was let in: %d", status)
		}
	}
	if got, err := s.as(t, "shop", "").Events(t.Context(), client.Event{User: "u", Type: "x"}); err != nil || got.Accepted != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A client that sends nothing more is answered after BodyTimeout, and gives its place
// back.
func TestSlowRows(t *testing.T) {
	s := open(t, collecting(t, func(c *serve.Config) { c.BodyTimeout, c.MaxCollects = 100*time.Millisecond, 1 }))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "POST /v1/shop/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n%s\n", ndjson, view("a")); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, 12))
	if err != nil || !strings.HasSuffix(string(answer), "408") {
		t.Errorf("%q, %v", answer, err)
	}
	if res, body := s.do(t, "POST", "/v1/shop/events", view("b"), "Content-Type", ndjson); res.StatusCode != 202 {
		t.Errorf("the next: %d %s", res.StatusCode, body)
	}
}

// A server without a collector says so.
func TestNothingCollects(t *testing.T) {
	s := open(t, nil)
	_, err := s.as(t, "shop", "").Users(t.Context(), client.User{ID: "u"})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != http.StatusNotFound || !strings.Contains(p.Detail, "inbox") {
		t.Errorf("%v", err)
	}
}
