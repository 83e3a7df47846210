package vectors_test

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"weft/storage/vectors"
)

// countUpdates counts the updates that are kept.
func countUpdates(t *testing.T, s *vectors.Store) int {
	t.Helper()
	last, err := s.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if last == vectors.Beginning {
		return 0
	}
	n := 0
	for u, err := range s.Follow(t.Context(), vectors.Beginning) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; u.Position == last {
			break
		}
	}
	return n
}

func testUpdates(t *testing.T, rdb redis.UniversalClient) {
	s := store(t, rdb, "shop")
	start, err := s.Last(t.Context())
	if err != nil || start != vectors.Beginning {
		t.Fatalf("Last of an empty stream = %q, %v", start, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	received, ended := make(chan vectors.Update), make(chan error, 1)
	go func() {
		for u, err := range s.Follow(ctx, start) {
			if err != nil {
				ended <- err
				return
			}
			received <- u
		}
	}()
	expect := func(id string, at int64) {
		t.Helper()
		u := <-received
		if u.Kind != vectors.Product || u.ID != id || u.Generation != gen || u.UpdatedAt != at || u.Position == "" {
			t.Errorf("update = %+v, want %s at %d", u, id, at)
		}
	}
	put(t, s, product("p", 10, "A"), vectors.Written)
	expect("p", 20)
	put(t, s, product("p", 11, "A"), vectors.Unchanged) // not news
	put(t, s, product("p", 9, "B"), vectors.Stale)      // not news
	put(t, s, product("q", 12, "A"), vectors.Written)
	expect("q", 22)
	remove(t, s, "absent", 13, vectors.Unchanged) // not news
	remove(t, s, "q", 14, vectors.Written)
	expect("q", 14)
	if n := countUpdates(t, s); n != 3 {
		t.Errorf("%d updates were announced, want 3", n)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow ended with %v", err)
	}
}

func testTrimmedUpdates(t *testing.T, rdb redis.UniversalClient) {
	s := store(t, rdb, "shop") // keeps about 100
	put(t, s, product("p", 1, "A"), vectors.Written)
	early, err := s.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var many []vectors.Record
	for i := range 500 {
		many = append(many, product(id(i), 2, "A"))
	}
	if _, err := s.PutMany(t.Context(), gen, vectors.Product, many...); err != nil {
		t.Fatal(err)
	}
	if n := countUpdates(t, s); n < 100 || n > 300 {
		t.Errorf("the stream keeps %d updates, want about 100", n)
	}
	for u, err := range s.Follow(t.Context(), early) {
		if !errors.Is(err, vectors.ErrTrimmed) {
			t.Fatalf("following from a trimmed position: %+v, %v; want ErrTrimmed", u, err)
		}
	}
	// A server that lost everything has lost updates too.
	late, err := s.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rdb.Del(t.Context(), "weft:shop:updates")
	put(t, s, product("p", 3, "B"), vectors.Written)
	for u, err := range s.Follow(t.Context(), late) {
		if !errors.Is(err, vectors.ErrTrimmed) {
			t.Fatalf("following after a loss: %+v, %v; want ErrTrimmed", u, err)
		}
	}
}
