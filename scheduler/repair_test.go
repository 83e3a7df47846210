package scheduler

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"weft/storage/lake"
	"weft/storage/vectors"
	"weft/tasks"
)

func onBoth(t *testing.T, test func(*testing.T, *shop)) {
	t.Run("embedded", func(t *testing.T) { test(t, openShop(t, embeddedURL(t))) })
	t.Run("redis-server", func(t *testing.T) { test(t, openShop(t, serverURL(t))) })
}

// products stores n vectors in the lake and returns what Redis should hold.
func (s *shop) products(n int) map[string]string {
	s.t.Helper()
	want := map[string]string{}
	var rows []lake.Product
	for i := range n {
		id := fmt.Sprintf("p-%04d", i)
		rows = append(rows, product(id, 1000, "made of "+id))
		want[id] = "made of " + id
	}
	s.must(s.lake.Products.Append(s.t.Context(), rows...))
	return want
}

func (s *shop) held() map[string]string {
	s.t.Helper()
	got := map[string]string{}
	for r, err := range s.vectors.All(s.t.Context(), gen, vectors.Product) {
		s.must(err)
		got[r.ID] = r.Sources
	}
	return got
}

func (s *shop) same(want map[string]string) {
	s.t.Helper()
	got := s.held()
	for id, sources := range want {
		if got[id] != sources {
			s.t.Errorf("Redis holds %q of %s, want %q", got[id], id, sources)
		}
	}
	if len(got) != len(want) {
		s.t.Errorf("Redis holds %d vectors, want %d", len(got), len(want))
	}
}

func (s *shop) repair() Repaired {
	s.t.Helper()
	r, err := Repair(s.t.Context(), s.lake, s.vectors, gen, nil)
	s.must(err)
	return r
}

func TestRepairReloadsWhatIsMissingOrOlder(t *testing.T) {
	onBoth(t, func(t *testing.T, s *shop) {
		const n = 2*repairPage + 7
		want := s.products(n)
		if r := s.repair(); r.Products != n || r.Reloaded != n {
			t.Fatalf("into an empty Redis: %+v", r)
		}
		s.same(want)
		if r := s.repair(); r.Reloaded != 0 || r.Removed != 0 {
			t.Fatalf("nothing was lost: %+v", r)
		}
		prefix := "weft:shop:" + string(gen) + ":product:"
		s.must(s.rdb.Del(t.Context(), prefix+"p-0003", prefix+"p-0600", prefix+"p-1006").Err())
		s.must(s.lake.Products.Append(t.Context(), product("p-0007", 2000, "newer parts")))
		want["p-0007"] = "newer parts"
		newer := vectors.Record{ID: "p-0008", Vector: []float32{1, 0}, SourceVersion: 3000, Sources: "newer in Redis", UpdatedAt: 3000}
		if _, err := s.vectors.Put(t.Context(), gen, vectors.Product, newer); err != nil {
			t.Fatal(err)
		}
		want["p-0008"] = "newer in Redis"
		s.must(s.lake.Products.Delete(t.Context(), product("p-0009", 0, "").Key, 2000))
		delete(want, "p-0009")
		if r := s.repair(); r.Reloaded != 4 || r.Removed != 1 || r.Products != n-1 {
			t.Errorf("%+v", r)
		}
		s.same(want)
	})
}

func TestRebuildGoesOnAfterAnInterruption(t *testing.T) {
	onBoth(t, func(t *testing.T, s *shop) {
		const n = 3 * repairPage
		want := s.products(n)
		ctx, cancel := context.WithCancel(t.Context())
		r, err := Rebuild(ctx, s.lake, s.vectors, gen, func(Repaired) { cancel() })
		if !errors.Is(err, context.Canceled) || r.Reloaded != repairPage {
			t.Fatalf("interrupted after the first page: %+v, %v", r, err)
		}
		if _, err := s.vectors.Live(t.Context()); !errors.Is(err, vectors.ErrNotLive) {
			t.Errorf("a half-filled Redis is live: %v", err)
		}
		pages := 0
		r, err = Rebuild(t.Context(), s.lake, s.vectors, gen, func(Repaired) { pages++ })
		if err != nil || r.Products != n || r.Reloaded != n-repairPage || pages != 3 {
			t.Errorf("%+v in %d pages, %v", r, pages, err)
		}
		s.same(want)
		if live, err := s.vectors.Live(t.Context()); live != gen || err != nil {
			t.Errorf("live is %q, %v", live, err)
		}
	})
}

func TestRefillSaysLiveAtTheEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, s *shop) {
		want := s.products(20)
		broken := errors.New("broken")
		_, err := Refill(t.Context(), s.lake, s.vectors, gen, func(context.Context, tasks.Generation, vectors.Kind, iter.Seq2[vectors.Record, error]) (int, error) {
			return 3, broken
		})
		if _, live := s.vectors.Live(t.Context()); !errors.Is(err, broken) || !errors.Is(live, vectors.ErrNotLive) {
			t.Errorf("a failed refill: %v, live: %v", err, live)
		}
		if n, err := Refill(t.Context(), s.lake, s.vectors, gen, s.vectors.Load); n != 20 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		s.same(want)
		if live, err := s.vectors.Live(t.Context()); live != gen || err != nil {
			t.Errorf("live is %q, %v", live, err)
		}
	})
}
