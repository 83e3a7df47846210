package serve_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"weft/client"
	"weft/serve"
	"weft/storage/vectors"
)

func TestStreamProducts(t *testing.T) {
	s := open(t, nil)
	for i := range 3000 { // many times what is sent at once
		s.vectors.put(gen, fmt.Sprintf("p%04d", i), 0.6, 0.8)
	}
	seen := map[string]client.Product{}
	for p, err := range s.client.Products(t.Context(), time.Time{}, true) {
		if err != nil {
			t.Fatal(err)
		}
		seen[p.ID] = p
	}
	one, err := s.client.Product(t.Context(), "p0007")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(one)
	b, _ := json.Marshal(seen["p0007"])
	if len(seen) != 3000 || string(a) != string(b) {
		t.Errorf("%d products; one by itself %s, of the stream %s", len(seen), a, b)
	}
	n := 0
	for p, err := range s.client.Products(t.Context(), time.UnixMilli(2991), false) {
		if err != nil || p.Vector != nil || p.UpdatedAt < 2991 {
			t.Fatalf("%+v, %v", p, err)
		}
		n++
	}
	if n != 10 {
		t.Errorf("%d of the last 10 products", n)
	}
	res, body := s.do(t, "GET", "/v1/shop/vectors/products", "", "Accept-Encoding", "gzip")
	if res.Header.Get("Content-Type") != "application/x-ndjson" || res.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v", res.Header)
	}
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for scan := bufio.NewScanner(z); scan.Scan(); lines++ {
	}
	if lines != 3000 {
		t.Errorf("%d lines unpacked", lines)
	}
}

func TestStreamUpdates(t *testing.T) {
	s := open(t, nil)
	for i := range 5 {
		s.vectors.put(gen, fmt.Sprint("p", i), 1, 0)
	}
	for query, want := range map[string]int{"": 0, "?after=0-0": 5, "?after=3": 2, "?after=5": 0} {
		if strings.Contains(query, "0-0") {
			query = "?after=0" // the fake's positions are numbers
		}
		res, body := s.do(t, "GET", "/v1/shop/updates"+query, "")
		if res.StatusCode != 200 || strings.Count(body, "\n") != want {
			t.Errorf("%s: %d %q", query, res.StatusCode, body)
		}
	}
	if res, body := s.do(t, "GET", "/v1/shop/updates?after=x", ""); res.StatusCode != 422 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	got := make(chan client.Update)
	go func() {
		defer close(got)
		for u, err := range s.client.Updates(ctx, "4") {
			if err != nil {
				return
			}
			got <- u
		}
	}()
	if u := <-got; u.ID != "p4" || u.Position != "5" || u.Kind != "product" {
		t.Errorf("%+v", u)
	}
	s.vectors.put(gen, "late", 1, 0)
	if u := <-got; u.ID != "late" {
		t.Errorf("%+v", u)
	}
	// A server that stops ends what it tells, soon and in order.
	begin := time.Now()
	if err := s.Stop(context.Background()); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, open := <-got; open || time.Since(begin) > 5*time.Second {
		t.Errorf("the stream ended %v after the stop", time.Since(begin))
	}
}

func TestStreamsThatCannotBeTold(t *testing.T) {
	s := open(t, func(c *serve.Config) { c.MaxStreams = 1 })
	s.vectors.put(gen, "p1", 1, 0)
	s.vectors.change(func() { s.vectors.down = vectors.ErrTrimmed })
	for _, path := range []string{"/v1/shop/vectors/products", "/v1/shop/updates?after=0&follow=true"} {
		if res, body := s.do(t, "GET", path, ""); res.StatusCode != 410 || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	s.vectors.change(func() { s.vectors.down = nil })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/v1/shop/updates?follow=true&after=0", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	first, err := bufio.NewReader(res.Body).ReadString('\n')
	if err != nil || !strings.Contains(first, `"p1"`) {
		t.Fatalf("%q, %v", first, err)
	}
	for _, err := range s.client.Updates(t.Context(), "") {
		if !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("a second stream: %v", err)
		}
	}
	cancel() // its place is free again
	eventually(t, "a stream that was left makes room", func() bool {
		res, _ := s.do(t, "GET", "/v1/shop/updates", "")
		return res.StatusCode == 200
	})
}

// A stream that fails half-way must not look whole.
func TestABrokenStreamIsCut(t *testing.T) {
	s := open(t, nil)
	s.vectors.put(gen, "p1", 1, 0)
	var last error
	n := 0
	for u, err := range s.client.Updates(t.Context(), "0") {
		if last = err; err == nil {
			n++
			if u.ID == "p1" {
				s.vectors.change(func() { s.vectors.down = errors.New("redis is away") })
			}
		}
	}
	if n != 1 || last == nil {
		t.Errorf("%d updates, then %v", n, last)
	}
}

func TestUserETag(t *testing.T) {
	s, p := peopled(t)
	res, _ := s.do(t, "GET", "/v1/shop/users/known", "")
	etag := res.Header.Get("ETag")
	if !strings.HasPrefix(etag, `W/"`) {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	if res, body := s.do(t, "GET", "/v1/shop/users/known", "", "If-None-Match", etag); res.StatusCode != 304 || body != "" || res.Header.Get("ETag") != etag {
		t.Errorf("unchanged: %d %q", res.StatusCode, body)
	}
	p.did("known", "view", "p11", 1)
	p.store()
	eventually(t, "a new row changes the tag", func() bool {
		res, _ := s.do(t, "GET", "/v1/shop/users/known", "", "If-None-Match", etag)
		return res.StatusCode == 200 && res.Header.Get("ETag") != etag
	})
	if res, _ := s.do(t, "GET", "/v1/shop/users/known", "", "If-None-Match", "5f2c"); res.StatusCode != 422 {
		t.Errorf("a tag without quotes: %d", res.StatusCode)
	}
}
