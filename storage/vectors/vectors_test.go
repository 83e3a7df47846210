package vectors_test

import (
	"errors"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/storage/servertest"
	"weft/storage/vectors"
	"weft/tasks"
)

func testRoundTrip(t *testing.T, rdb redis.UniversalClient) {
	s := store(t, rdb, "shop")
	plain := product("plain", 5, "a")
	plain.Content, plain.Modalities, plain.Title, plain.Category, plain.Price, plain.Image, plain.Attributes = nil, nil, "", "", nil, "", ""
	for _, r := range []vectors.Record{product("a:b.c-d_e", 7, "a"), plain} {
		put(t, s, r, vectors.Written)
		if len(r.Content) == 0 {
			r.Content = r.Vector
		}
		got, err := s.Get(t.Context(), gen, vectors.Product, r.ID)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("Get = %+v, %v\nwant %+v", got, err, r)
		}
	}
	u := user("a:b.c-d_e", 9, "u")
	if o, err := s.Put(t.Context(), gen, vectors.User, u); err != nil || o != vectors.Written {
		t.Fatal(o, err)
	}
	if got, err := s.Get(t.Context(), gen, vectors.User, u.ID); err != nil || !reflect.DeepEqual(got, u) {
		t.Errorf("Get = %+v, %v\nwant %+v", got, err, u)
	}
	for _, where := range []struct {
		gen  tasks.Generation
		kind vectors.Kind
		id   string
	}{{gen, vectors.Product, "absent"}, {gen, vectors.User, "plain"}, {other, vectors.Product, "plain"}} {
		if _, err := s.Get(t.Context(), where.gen, where.kind, where.id); !errors.Is(err, vectors.ErrNotFound) {
			t.Errorf("Get(%v): %v, want ErrNotFound", where, err)
		}
	}
}

// testLayout holds the stored form against the contract with readers that do not
// use this package.
func testLayout(t *testing.T, rdb redis.UniversalClient) {
	s := store(t, rdb, "shop")
	price := 0.1
	put(t, s, vectors.Record{
		ID: "p1", Vector: []float32{1, 0}, Content: []float32{0, -1}, Modalities: []string{"image", "text"}, SourceVersion: 1700000000001,
		Sources: "abc", UpdatedAt: 1700000000002, Title: "T", Category: "C", Price: &price, Image: "media/p1/a.jpg", Attributes: `{"brand":"B"}`,
	}, vectors.Written)
	want := map[string]string{
		"vector": "\x00\x00\x80\x3f\x00\x00\x00\x00", "content": "\x00\x00\x00\x00\x00\x00\x80\xbf", "modalities": "image,text", "sources": "abc",
		"source_version": "1700000000001", "updated_at": "1700000000002", "title": "T", "category": "C", "price": "0.1", "image": "media/p1/a.jpg", "attributes": `{"brand":"B"}`,
	}
	got, err := rdb.HGetAll(t.Context(), "weft:shop:g0123456789ab:product:p1").Result()
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("hash = %q, %v\nwant   %q", got, err, want)
	}
	remove(t, s, "p1", 1700000000003, vectors.Written)
	got, err = rdb.HGetAll(t.Context(), "weft:shop:g0123456789ab:product:p1").Result()
	if want := map[string]string{"source_version": "1700000000003", "deleted": "1"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("tombstone = %q, %v; want %q", got, err, want)
	}
	messages, err := rdb.XRange(t.Context(), "weft:shop:updates", "-", "+").Result()
	if err != nil || len(messages) != 2 {
		t.Fatalf("updates = %v, %v", messages, err)
	}
	fields := map[string]any{"kind": "product", "id": "p1", "generation": string(gen), "updated_at": "1700000000002"}
	if !maps.Equal(messages[0].Values, fields) {
		t.Errorf("update = %v, want %v", messages[0].Values, fields)
	}
	if err := s.SetLive(t.Context(), gen); err != nil {
		t.Fatal(err)
	}
	if live, err := rdb.Get(t.Context(), "weft:shop:live").Result(); err != nil || live != string(gen) {
		t.Errorf("live = %q, %v", live, err)
	}
}

func testLive(t *testing.T, rdb redis.UniversalClient) {
	s := store(t, rdb, "shop")
	if _, err := s.Live(t.Context()); !errors.Is(err, vectors.ErrNotLive) {
		t.Errorf("Live of an empty store: %v, want ErrNotLive", err)
	}
	if err := s.SetLive(t.Context(), "g1"); !errors.Is(err, vectors.ErrInvalid) {
		t.Errorf("SetLive of a bad generation: %v, want ErrInvalid", err)
	}
	if err := s.SetLive(t.Context(), gen); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Live(t.Context()); got != gen || err != nil {
		t.Errorf("Live = %q, %v", got, err)
	}
	if _, err := store(t, rdb, "shop-2").Live(t.Context()); !errors.Is(err, vectors.ErrNotLive) {
		t.Errorf("Live of another tenant: %v, want ErrNotLive", err)
	}
	rdb.Set(t.Context(), "weft:shop:live", "nonsense", 0)
	if _, err := s.Live(t.Context()); !errors.Is(err, vectors.ErrCorrupt) {
		t.Errorf("Live of nonsense: %v, want ErrCorrupt", err)
	}
}

func TestNowIsTheServersClock(t *testing.T) {
	m := miniredis.RunT(t)
	m.SetTime(time.UnixMilli(1234567890123))
	if now, err := store(t, client(t, m.Addr()), "shop").Now(t.Context()); err != nil || now != 1234567890123 {
		t.Errorf("Now = %d, %v", now, err)
	}
	server := servertest.Redis(t)
	s := store(t, client(t, server.Addr), "shop")
	before := time.Now().UnixMilli()
	now, err := s.Now(t.Context())
	if err != nil || now < before || now > time.Now().UnixMilli() {
		t.Errorf("Now = %d, %v; local %d", now, err, before)
	}
	server.Kill()
	if _, err := s.Now(t.Context()); !errors.Is(err, vectors.ErrUnavailable) {
		t.Errorf("Now without a server: %v, want ErrUnavailable", err)
	}
}

func TestRefusedRecords(t *testing.T) {
	s := store(t, client(t, miniredis.RunT(t).Addr()), "shop")
	infinite := math.Inf(1)
	for what, spoil := range map[string]func(*vectors.Record){
		"empty id":        func(r *vectors.Record) { r.ID = "" },
		"id with slash":   func(r *vectors.Record) { r.ID = "a/b" },
		"id with star":    func(r *vectors.Record) { r.ID = "a*" },
		"no vector":       func(r *vectors.Record) { r.Vector = nil },
		"long vector":     func(r *vectors.Record) { r.Vector = []float32{1, 1} },
		"zero vector":     func(r *vectors.Record) { r.Vector = []float32{0, 0} },
		"NaN":             func(r *vectors.Record) { r.Vector = []float32{1, float32(math.NaN())} },
		"infinite":        func(r *vectors.Record) { r.Vector = []float32{float32(infinite)} },
		"long content":    func(r *vectors.Record) { r.Content = []float32{2} },
		"comma":           func(r *vectors.Record) { r.Modalities = []string{"image,text"} },
		"empty modality":  func(r *vectors.Record) { r.Modalities = []string{""} },
		"no version":      func(r *vectors.Record) { r.SourceVersion = 0 },
		"version too big": func(r *vectors.Record) { r.SourceVersion = 1 << 53 },
		"no sources":      func(r *vectors.Record) { r.Sources = "" },
		"no time":         func(r *vectors.Record) { r.UpdatedAt = 0 },
		"infinite price":  func(r *vectors.Record) { r.Price = &infinite },
	} {
		r := product("p", 5, "a")
		spoil(&r)
		if _, err := s.Put(t.Context(), gen, vectors.Product, r); !errors.Is(err, vectors.ErrInvalid) {
			t.Errorf("%s: Put: %v, want ErrInvalid", what, err)
		}
		for name, load := range map[string]loader{"Load": s.Load, "LoadExclusive": s.LoadExclusive} {
			if _, err := load(t.Context(), gen, vectors.Product, records(r)); !errors.Is(err, vectors.ErrInvalid) {
				t.Errorf("%s: %s: %v, want ErrInvalid", what, name, err)
			}
		}
	}
	if _, err := s.Put(t.Context(), gen, vectors.User, product("u", 5, "a")); !errors.Is(err, vectors.ErrInvalid) {
		t.Errorf("a product as user: %v, want ErrInvalid", err)
	}
	if _, err := s.Put(t.Context(), "latest", vectors.Product, product("p", 5, "a")); !errors.Is(err, vectors.ErrInvalid) {
		t.Errorf("bad generation: %v, want ErrInvalid", err)
	}
	if _, err := s.Put(t.Context(), gen, "shop", product("p", 5, "a")); !errors.Is(err, vectors.ErrInvalid) {
		t.Errorf("bad kind: %v, want ErrInvalid", err)
	}
	if _, err := s.Delete(t.Context(), gen, vectors.Product, "p", 0); !errors.Is(err, vectors.ErrInvalid) {
		t.Errorf("Delete without version: %v, want ErrInvalid", err)
	}
	if _, err := s.Get(t.Context(), gen, vectors.Product, "a b"); !errors.Is(err, vectors.ErrInvalid) {
		t.Errorf("Get of a bad id: %v, want ErrInvalid", err)
	}
	for r, err := range s.All(t.Context(), gen, vectors.Product) {
		t.Errorf("a refused record left %+v, %v", r, err)
	}
}

func testCorruptHashes(t *testing.T, rdb redis.UniversalClient) {
	s := store(t, rdb, "shop")
	put(t, s, product("good", 5, "a"), vectors.Written)
	spoiled := map[string][]any{
		"odd":     {"vector", "12345"},
		"none":    {"source_version", "5"},
		"long":    {"vector", "\x00\x00\x80\x3f\x00\x00\x80\x3f"},
		"version": {"source_version", "soon"},
		"updated": {"updated_at", ""},
		"price":   {"price", "cheap"},
	}
	for id, fields := range spoiled {
		put(t, s, product(id, 5, "a"), vectors.Written)
		key := "weft:shop:" + string(gen) + ":product:" + id
		if id == "none" {
			rdb.Del(t.Context(), key)
		}
		if err := rdb.HSet(t.Context(), key, fields...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	rdb.Set(t.Context(), "weft:shop:"+string(gen)+":product:string", "x", 0)
	bad := append(slices.Collect(maps.Keys(spoiled)), "string")
	for _, id := range bad {
		if _, err := s.Get(t.Context(), gen, vectors.Product, id); !errors.Is(err, vectors.ErrCorrupt) || !strings.Contains(err.Error(), id) {
			t.Errorf("Get(%s): %v, want ErrCorrupt with the id", id, err)
		}
	}
	var found, corrupt []string
	for r, err := range s.All(t.Context(), gen, vectors.Product) {
		switch {
		case errors.Is(err, vectors.ErrCorrupt):
			corrupt = append(corrupt, r.ID)
		case err != nil:
			t.Fatal(err)
		default:
			found = append(found, r.ID)
		}
	}
	slices.Sort(corrupt)
	slices.Sort(bad)
	if !slices.Equal(found, []string{"good"}) || !slices.Equal(corrupt, bad) {
		t.Errorf("All found %q, corrupt %q; want good and %q", found, corrupt, bad)
	}
}

func testAllAndHeads(t *testing.T, rdb redis.UniversalClient) {
	const n = 4500 // more than two pages
	s := store(t, rdb, "shop")
	load(t, s.LoadExclusive, n)
	for _, stranger := range []*vectors.Store{store(t, rdb, "shop-2"), store(t, rdb, "sho")} {
		put(t, stranger, product("stranger", 5, "a"), vectors.Written)
	}
	if _, err := s.Put(t.Context(), other, vectors.Product, product("older", 5, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), gen, vectors.User, user("somebody", 5, "a")); err != nil {
		t.Fatal(err)
	}
	remove(t, s, id(17), 1_000_000, vectors.Written)

	want := map[string]bool{}
	for i := range n {
		want[id(i)] = true
	}
	heads := map[string]bool{}
	for h, err := range s.Heads(t.Context(), gen, vectors.Product) {
		if err != nil {
			t.Fatal(err)
		}
		i, _ := strconv.Atoi(h.ID[1:])
		expect := vectors.Head{ID: id(i), SourceVersion: int64(i) + 1, Sources: "s" + h.ID, UpdatedAt: int64(i) + 11}
		if i == 17 {
			expect = vectors.Head{ID: id(i), SourceVersion: 1_000_000, Deleted: true}
		}
		if h != expect {
			t.Fatalf("head = %+v, want %+v", h, expect)
		}
		heads[h.ID] = true
	}
	if !maps.Equal(heads, want) {
		t.Errorf("Heads found %d, want %d", len(heads), n)
	}
	delete(want, id(17))
	all := map[string]bool{}
	for r, err := range s.All(t.Context(), gen, vectors.Product) {
		if err != nil {
			t.Fatal(err)
		}
		all[r.ID] = true
	}
	if !maps.Equal(all, want) {
		t.Errorf("All found %d, want %d", len(all), n-1)
	}
	for range s.All(t.Context(), gen, vectors.Product) {
		break
	}
}

func TestConfig(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{})
	defer rdb.Close()
	for field, c := range map[string]vectors.Config{
		"Redis":        {Tenant: "shop"},
		"Tenant":       {Redis: rdb, Tenant: "a shop"},
		"TombstoneTTL": {Redis: rdb, Tenant: "shop", TombstoneTTL: time.Minute},
		"UpdatesKept":  {Redis: rdb, Tenant: "shop", UpdatesKept: 3},
	} {
		if _, err := vectors.New(c); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("bad %s: error %v, want one that names it", field, err)
		}
	}
}
