package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/client"
	"weft/scheduler"
	"weft/storage/servertest"
)

// fields are an event, a review or a user as shops send them.
type fields map[string]any

// shoppers are rows of a seed: n shoppers who look at, buy and search for the products.
func shoppers(n, each int, products []string) (events, reviews, users []fields) {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	types := []string{"view", "view", "click", "cart", "purchase", "wishlist", "dislike", "return", "scan"}
	began := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for i := range n {
		user := fmt.Sprintf("u%d", i)
		for j := range each {
			at := began.Add(time.Duration(r.IntN(60*24*60)) * time.Minute).Format(time.RFC3339)
			events = append(events, fields{"id": fmt.Sprintf("e%d-%d", i, j), "user": user, "type": types[r.IntN(len(types))], "product": products[r.IntN(len(products))], "time": at})
		}
		events = append(events, fields{"id": fmt.Sprintf("f%d", i), "user": user, "type": "follow", "target_user": fmt.Sprintf("u%d", (i+1)%n), "time": "2026-03-01T08:00:00Z"})
		if i%4 == 0 {
			events = append(events, fields{"id": fmt.Sprintf("s%d", i), "user": user, "type": "search", "query": "red dress", "time": "2026-04-01T08:00:00Z"})
		}
		if i%3 == 0 {
			reviews = append(reviews, fields{"id": fmt.Sprintf("r%d", i), "user": user, "product": products[i%len(products)], "rating": 1 + i%5, "title": "As I thought",
				"text": fmt.Sprintf("Worn it %d times, and it suits me.", i), "time": "2026-04-02T08:00:00Z"})
		}
		if i%2 == 0 {
			users = append(users, fields{"id": user, "attributes": fields{"city": "Lisbon", "interests": []string{"linen"}}, "consent": fields{"profiling": i != 8 && i != 14}})
		}
	}
	return events, reviews, users
}

// lines are rows as NDJSON.
func lines(rows []fields) []byte {
	var b bytes.Buffer
	for _, r := range rows {
		line, _ := json.Marshal(r) // strings and numbers
		b.Write(append(line, '\n'))
	}
	return b.Bytes()
}

// post sends rows to a running server and returns what became of them.
func post(t *testing.T, address, kind string, rows []fields) (c client.Collected) {
	t.Helper()
	resp, err := http.Post("http://"+address+"/v1/default/"+kind, "application/x-ndjson", bytes.NewReader(lines(rows)))
	must(t, err)
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("POST %s: %s\n%s", kind, resp.Status, body)
	}
	parse(t, string(body), &c)
	return c
}

// sameVectors holds two exports of shoppers against each other.
func sameVectors(t *testing.T, what string, a, b []userRow) {
	t.Helper()
	if len(a) == 0 || len(a) != len(b) {
		t.Fatalf("%s: %d shoppers, then %d", what, len(a), len(b))
	}
	worst := 0.0
	for i := range a {
		if a[i].ID != b[i].ID {
			t.Fatalf("%s: %s, then %s", what, a[i].ID, b[i].ID)
		}
		for d := range a[i].Vector {
			worst = max(worst, math.Abs(float64(a[i].Vector[d])-float64(b[i].Vector[d])))
		}
	}
	if worst > 1e-6 {
		t.Errorf("%s: vectors differ by up to %g", what, worst)
	}
	t.Logf("%s: %d vectors of shoppers differ by at most %g", what, len(a), worst)
}

// TestShoppers: whatever the order in which rows and products come, and whatever Redis
// loses, the vectors are the same; nothing is encoded twice, and every row is accounted for.
func TestShoppers(t *testing.T) {
	ids := samples(t, 12)
	events, reviews, users := shoppers(20, 15, ids)
	const refusing = 2 // u8 and u14, who review nothing: a review of one who refuses later stays with its product

	// Products first, then rows, one request for each kind.
	s := newShop(t)
	for _, id := range ids {
		s.put(id, "product.json", listing(t, id, nil))
	}
	up := s.open("--sweep-every", "1s")
	info, _ := runningAt(s.dir)
	for kind, rows := range map[string][]fields{"users": users, "reviews": reviews, "events": events} {
		if c := post(t, info.HTTP, kind, rows); c.Dead != 0 || c.Accepted+c.Waiting+c.Declined != len(rows) {
			t.Errorf("%s: %+v of %d", kind, c, len(rows))
		}
	}
	until(t, "all who agreed have a vector, and nothing waits", func() bool {
		up.alive()
		a := s.auditNow()
		return a.Balanced && a.Users.Vectors == 20-refusing && a.Vectors != nil && a.Vectors.Current == len(ids)+20-refusing
	})
	a := s.auditNow()
	if a.Users.Expected != 20 || a.Users.Declined != refusing || a.Rows.Dead != 0 || a.Rows.Waiting != 0 || a.Products.Vectors != len(ids) {
		t.Errorf("%+v", a)
	}
	up.kill()
	r := s.up() // another process refills from the lake
	if made := r.Encoded["image"] + r.Encoded["text"]; made != 0 || r.Users != 0 || r.Refilled != len(ids)+20-refusing {
		t.Errorf("after a kill %d texts were encoded, %d vectors of shoppers made, %d refilled", made, r.Users, r.Refilled)
	}
	first := exported[userRow](t, "users", "--data", s.dir)

	// Rows first, then products, over a real Redis that is flushed in between.
	late := newShop(t)
	server := servertest.Redis(t)
	place := []string{"--queue", server.URL("0"), "--vectors", server.URL("1")}
	up = late.open(append(place, "--sweep-every", "1s")...)
	info, _ = runningAt(late.dir)
	for kind, rows := range map[string][]fields{"events": events, "reviews": reviews, "users": users} {
		for part := range slices.Chunk(rows, 50) {
			post(t, info.HTTP, kind, part)
		}
	}
	if a := late.auditNow(); a.Rows.Waiting == 0 || len(a.Waits) == 0 {
		t.Errorf("rows of unknown products do not wait: %+v", a)
	}
	for _, id := range ids {
		late.put(id, "product.json", listing(t, id, nil))
	}
	until(t, "vectors appear", func() bool { return late.auditNow().Users.Vectors > 3 })
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, DB: 1})
	t.Cleanup(func() { _ = rdb.Close() })
	must(t, rdb.FlushAll(t.Context()).Err())
	up.kill()
	late.up(place...)
	sameVectors(t, "rows first, a flush and a kill", first, exported[userRow](t, "users", "--data", late.dir))
	done(t, append([]string{"audit", "--data", late.dir}, place...)...)
	for _, u := range first {
		raw, err := rdb.HGet(t.Context(), "weft:default:"+u.Generation+":user:"+u.ID, "vector").Bytes()
		if must(t, err); len(raw) != 4*len(u.Vector) {
			t.Errorf("%s: %d bytes in Redis", u.ID, len(raw))
		}
	}

	// Half of what Redis holds of shoppers is lost.
	lost := first[:len(first)/2]
	for _, u := range lost {
		must(t, rdb.Del(t.Context(), "weft:default:"+u.Generation+":user:"+u.ID).Err())
	}
	got := answer[rebuildReport](t, "rebuild", "--data", late.dir, "--vectors", server.URL("1"), "--json")
	if got.Users != len(first) || got.Reloaded != len(lost) {
		t.Errorf("rebuilt %+v of %d", got, len(first))
	}
}

// auditNow is the audit, balanced or not.
func (s shop) auditNow() (a scheduler.Audit) {
	s.t.Helper()
	o := weft(s.t, "audit", "--data", s.dir, "--json")
	if o.out != "" {
		parse(s.t, o.out, &a)
	} else if !strings.Contains(o.err, "no vectors yet") {
		s.t.Fatal(o.err)
	}
	return a
}
