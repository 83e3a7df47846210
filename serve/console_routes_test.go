package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/client"
	"weft/serve"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
)

// desk is a shop with a lake, where the test is the worker.
type desk struct {
	*shop
	lake  *lake.Lake
	queue queueLog
}

type queueLog struct {
	tasks.Queue
	got *[]tasks.Task
}

func openDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{queue: queueLog{got: &[]tasks.Task{}}}
	d.shop = open(t, func(c *serve.Config) {
		tenant := c.Tenants["shop"]
		l, err := lake.Open(t.Context(), lake.Config{Store: tenant.Objects, CommitDelay: time.Millisecond, IdleDelay: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close(t.Context()) })
		d.lake, tenant.Lake, tenant.Queue = l, l, d.queue
		c.Tenants["shop"] = tenant
		c.Workers = nil
	})
	d.ready(t)
	return d
}

// Enqueue remembers.
func (q queueLog) Enqueue(_ context.Context, t tasks.Task) (bool, error) {
	*q.got = append(*q.got, t)
	return true, nil
}

// get reads JSON and demands a status.
func get[T any](t *testing.T, s *shop, path string, status int) (v T) {
	t.Helper()
	res, body := s.do(t, "GET", "/v1/shop"+path, "")
	if res.StatusCode != status {
		t.Fatalf("GET %s: %d %s", path, res.StatusCode, body)
	}
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("GET %s: %v in %s", path, err, body)
	}
	return v
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func abs(n int) int { return max(n, -n) }

// photo is one of the sample's.
func photo(t *testing.T) []byte {
	t.Helper()
	found, err := filepath.Glob("../examples/catalogue/dress-*/photo.jpg")
	if err != nil || len(found) == 0 {
		t.Fatalf("no sample photo: %v", err)
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A photo is told of from the moment it is stored until it is in the vector; its
// thumbnail is drawn once a worker has read it, and not before.
func TestMediaAndThumbnail(t *testing.T) {
	d := openDesk(t)
	if m := get[serve.ProductMedia](t, d.shop, "/products/p1/media", 200); m.State != "none" || len(m.Media) != 0 {
		t.Errorf("of nothing: %+v", m)
	}
	body := photo(t)
	if res, why := d.do(t, "PUT", "/v1/shop/products/p1/images/front.jpg", string(body)); res.StatusCode != 201 {
		t.Fatalf("put: %d %s", res.StatusCode, why)
	}
	const key, drawn = "media/p1/front.jpg", "/v1/shop/thumbnails?key=media/p1/front.jpg&size=96"
	if m := get[serve.ProductMedia](t, d.shop, "/products/p1/media", 200); m.State != "waiting" || m.Media[0].State != "waiting" || m.Media[0].Bytes != int64(len(body)) {
		t.Errorf("stored: %+v", m)
	}
	if res, why := d.do(t, "GET", drawn, ""); res.StatusCode != 409 || !strings.Contains(why, "not been read") {
		t.Errorf("thumbnail of a photo that nobody has read: %d %s", res.StatusCode, why)
	}
	info, err := d.objects.Stat(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	must(t, d.lake.Objects.Append(t.Context(), lake.Object{Row: lake.Row{Key: key, Version: 1}, ETag: info.ETag, ContentSHA256: "c", Product: "p1", Modality: "image", Recipe: "r"}))
	eventually(t, "encoded", func() bool {
		return get[serve.ProductMedia](t, d.shop, "/products/p1/media", 200).Media[0].State == "encoded"
	})
	d.vectors.change(func() {
		d.vectors.records[string(gen)+"/p1"] = vectors.Record{ID: "p1", Vector: []float32{1, 0}, Modalities: []string{"image"}, SourceVersion: 1,
			Sources: tasks.Sources([]tasks.Part{{Key: key, ETag: info.ETag}}), UpdatedAt: 5}
	})
	if m := get[serve.ProductMedia](t, d.shop, "/products/p1/media", 200); m.State != "vector" || m.Media[0].State != "vector" || !slices.Equal(m.Made, []string{"image"}) {
		t.Errorf("published: %+v", m)
	}

	res, small := d.do(t, "GET", drawn, "")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "image/jpeg" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Fatalf("thumbnail: %d %v", res.StatusCode, res.Header)
	}
	was, err := jpeg.DecodeConfig(bytes.NewReader(body))
	must(t, err)
	is, err := jpeg.DecodeConfig(strings.NewReader(small))
	must(t, err)
	if max(is.Width, is.Height) != 96 || abs(is.Width*was.Height-is.Height*was.Width) > max(was.Width, was.Height) {
		t.Errorf("a photo of %dx%d is drawn as %dx%d", was.Width, was.Height, is.Width, is.Height)
	}
	if again, _ := d.do(t, "GET", drawn, "", "If-None-Match", res.Header.Get("Etag")); again.StatusCode != 304 {
		t.Errorf("asked again: %d", again.StatusCode)
	}
	if res, whole := d.do(t, "GET", "/v1/shop/products/p1/images/front.jpg", ""); res.StatusCode != 200 || whole != string(body) || res.Header.Get("Content-Disposition") != "attachment" {
		t.Errorf("the photo itself: %d, %d bytes, %v", res.StatusCode, len(whole), res.Header)
	}
	for path, status := range map[string]int{
		"/thumbnails?key=media/p1/none.jpg":             404,
		"/thumbnails?key=lake/v1/generations/live.json": 422,
		"/thumbnails?key=media/p1/product.json":         422,
		"/thumbnails":                                   422,
		"/thumbnails?key=media/p1/front.jpg&size=97":    422,
		"/products/p1/images/none.jpg":                  404,
		"/products/p1/images/product.json":              422,
		"/products/p1/listing":                          404,
	} {
		if res, why := d.do(t, "GET", "/v1/shop"+path, ""); res.StatusCode != status {
			t.Errorf("GET %s: %d %s, want %d", path, res.StatusCode, why, status)
		}
	}
}

// A listing comes back as it was stored, under the tag that a write can name.
func TestListing(t *testing.T) {
	d := openDesk(t)
	const stored = `{"title":"a","own":{"deep":[1]}}`
	put, _ := d.do(t, "PUT", "/v1/shop/products/p1", stored)
	res, body := d.do(t, "GET", "/v1/shop/products/p1/listing", "")
	if res.StatusCode != 200 || body != stored || res.Header.Get("Etag") != put.Header.Get("Etag") {
		t.Errorf("%d %s %v, stored as %v", res.StatusCode, body, res.Header, put.Header)
	}
	if _, err := d.objects.Put(t.Context(), "media/p2/product.json", []byte("{"), objects.Condition{}); err != nil {
		t.Fatal(err)
	}
	if res, why := d.do(t, "GET", "/v1/shop/products/p2/listing", ""); res.StatusCode != 409 || !strings.Contains(why, "write it anew") {
		t.Errorf("of no JSON: %d %s", res.StatusCode, why)
	}
}

// Dead letters are listed page by page, counted, tried again and dropped.
func TestLetters(t *testing.T) {
	d := openDesk(t)
	var rows []lake.Dead
	for i, reason := range []tasks.Reason{tasks.ReasonTruncated, tasks.ReasonTruncated, tasks.ReasonCorrupt, tasks.ReasonBadTime} {
		key := []string{"media/p1/a.jpg", "media/p1/b.jpg", "media/p2/c.jpg", "row-7"}[i]
		rows = append(rows, lake.Dead{Row: lake.Row{Key: key, Version: 1}, ETag: "e", Reason: string(reason), Stage: "decode", Message: "why", Attempts: 1, Worker: "w", Time: int64(1000 + i), Product: []string{"p1", "p1", "p2", ""}[i]})
	}
	must(t, d.lake.Dead.Append(t.Context(), rows...))
	type page struct {
		Letters []serve.Letter
		Next    string
	}
	keys := func(p page) (out []string) {
		for _, l := range p.Letters {
			out = append(out, l.Key)
		}
		return out
	}
	first := get[page](t, d.shop, "/deadletters?k=3", 200)
	second := get[page](t, d.shop, "/deadletters?k=3&after="+first.Next, 200)
	if got := append(keys(first), keys(second)...); !slices.Equal(got, []string{"media/p1/a.jpg", "media/p1/b.jpg", "media/p2/c.jpg", "row-7"}) || second.Next != "" {
		t.Errorf("two pages are %q", got)
	}
	if l := first.Letters[0]; l.Name != "a.jpg" || l.Product != "p1" || !l.Retriable || second.Letters[0].Retriable {
		t.Errorf("letters are %+v and %+v", l, second.Letters[0])
	}
	if got := keys(get[page](t, d.shop, "/deadletters?reason=corrupt", 200)); !slices.Equal(got, []string{"media/p2/c.jpg"}) {
		t.Errorf("corrupt are %q", got)
	}
	count := get[serve.Overview](t, d.shop, "/overview", 200).Dead
	if count.Total != 4 || count.Reasons[0] != (serve.LettersByWhat{Reason: "truncated", Letters: 2}) || count.Last[0].Key != "row-7" || len(count.Last) != 4 {
		t.Errorf("counted %+v", count)
	}

	act := func(what, body string, status int) (done struct{ Changed, Issued, Skipped int }) {
		t.Helper()
		res, said := d.do(t, "POST", "/v1/shop/deadletters/"+what, body, "Content-Type", "application/json")
		if res.StatusCode != status {
			t.Fatalf("%s %s: %d %s", what, body, res.StatusCode, said)
		}
		must(t, json.Unmarshal([]byte(said), &done))
		return done
	}
	if got := act("retry", `{"keys":["media/p1/a.jpg"]}`, 200); got.Changed != 1 || got.Issued != 1 || len(*d.queue.got) != 1 || (*d.queue.got)[0].Key != "media/p1/a.jpg" {
		t.Errorf("retried one: %+v, queued %+v", got, *d.queue.got)
	}
	if got := act("drop", `{"reason":"corrupt"}`, 200); got.Changed != 1 {
		t.Errorf("dropped by reason: %+v", got)
	}
	if got := get[serve.Overview](t, d.shop, "/overview", 200).Dead.Total; got != 2 {
		t.Errorf("%d are left, want 2", got)
	}
	act("retry", `{"keys":["row-7"]}`, http.StatusConflict)
	act("retry", `{"keys":["media/p1/none.jpg"]}`, http.StatusNotFound)
	act("retry", `{}`, 422)
	act("drop", `{"reason":"bored"}`, 422)
	if got := act("retry", `{"all":true}`, 200); got.Changed != 1 || got.Skipped != 1 {
		t.Errorf("retried all: %+v", got)
	}
}

// The products come page by page, each once, the last updated first.
func TestBrowse(t *testing.T) {
	s := open(t, nil)
	for _, id := range []string{"p3", "p1", "p5", "p2", "p4"} {
		s.vectors.put(gen, id, 1, 0)
	}
	s.ready(t)
	eventually(t, "all are read", func() bool { return get[client.Status](t, s, "/status", 200).Search.Products == 5 })
	type page struct {
		Products   []serve.BrowsedProduct
		Next       string
		Matching   int
		Categories []serve.CategoryCount
	}
	var got []string
	for next := ""; ; {
		p := get[page](t, s, "/products?k=2&after="+next, 200)
		for _, e := range p.Products {
			got = append(got, e.ID)
		}
		if p.Matching != 5 || !slices.Equal(p.Categories, []serve.CategoryCount{{Name: "dress", Products: 5}}) {
			t.Errorf("page: %+v", p)
		}
		if next = p.Next; next == "" {
			break
		}
	}
	if !slices.Equal(got, []string{"p4", "p2", "p5", "p1", "p3"}) {
		t.Errorf("in this order: %q", got)
	}
	if p := get[page](t, s, "/products?match=OF+P3", 200); len(p.Products) != 1 || p.Products[0].ID != "p3" {
		t.Errorf("matching: %+v", p)
	}
	if p := get[page](t, s, "/products?category=hat", 200); len(p.Products) != 0 || p.Matching != 0 {
		t.Errorf("of another category: %+v", p)
	}
	get[any](t, s, "/products?after=x", 422)
	get[any](t, s, "/deadletters", 501)
}
