package vectors_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/storage/servertest"
	"weft/storage/vectors"
	"weft/tasks"
)

type loader func(context.Context, tasks.Generation, vectors.Kind, iter.Seq2[vectors.Record, error]) (int, error)

func records(list ...vectors.Record) iter.Seq2[vectors.Record, error] {
	return func(yield func(vectors.Record, error) bool) {
		for _, r := range list {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func wantInMessage(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v does not name %q", err, part)
		}
	}
}

// load loads n products with versions from 1.
func load(t testing.TB, with loader, n int) {
	t.Helper()
	loaded, err := with(t.Context(), gen, vectors.Product, func(yield func(vectors.Record, error) bool) {
		for i := range n {
			if !yield(product(id(i), int64(i)+1, "s"+id(i)), nil) {
				return
			}
		}
	})
	if err != nil || loaded != n {
		t.Fatalf("loaded %d, %v; want %d", loaded, err, n)
	}
}

func testLoad(t *testing.T, rdb redis.UniversalClient) {
	const n = 700
	s := store(t, rdb, "shop")
	newer, older := product(id(3), 1_000_000, "newer"), product(id(400), 2, "older")
	put(t, s, newer, vectors.Written)
	put(t, s, older, vectors.Written)
	remove(t, s, id(5), 1_000_000, vectors.Unchanged)
	load(t, s.Load, n)
	for i := range n {
		want := product(id(i), int64(i)+1, "s"+id(i))
		if i == 3 {
			want = newer
		}
		got, err := s.Get(t.Context(), gen, vectors.Product, id(i))
		if i == 5 {
			if !errors.Is(err, vectors.ErrNotFound) {
				t.Errorf("a load brought a deleted product back: %v, %v", got, err)
			}
		} else if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("Get = %+v, %v\nwant %+v", got, err, want)
		}
	}
	if last, err := s.Last(t.Context()); err != nil || countUpdates(t, s) != 2 {
		t.Errorf("a load announced: %v, %v", last, err)
	}
}

func testLoadExclusive(t *testing.T, rdb redis.UniversalClient) {
	const n = 700
	s := store(t, rdb, "shop")
	load(t, s.LoadExclusive, n)
	bare := product(id(3), 1, "bare")
	bare.Price, bare.Title = nil, ""
	for range 2 {
		if loaded, err := s.LoadExclusive(t.Context(), gen, vectors.Product, records(bare)); err != nil || loaded != 1 {
			t.Fatal(loaded, err)
		}
		if got, err := s.Get(t.Context(), gen, vectors.Product, id(3)); err != nil || !reflect.DeepEqual(got, bare) {
			t.Fatalf("Get = %+v, %v\nwant %+v", got, err, bare)
		}
	}
	for i := range n {
		want := product(id(i), int64(i)+1, "s"+id(i))
		if i == 3 {
			want = bare
		}
		if got, err := s.Get(t.Context(), gen, vectors.Product, id(i)); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("Get = %+v, %v\nwant %+v", got, err, want)
		}
	}
}

func TestLoadStops(t *testing.T) {
	s := store(t, client(t, miniredis.RunT(t).Addr()), "shop")
	broken := errors.New("segment is gone")
	for name, with := range map[string]loader{"Load": s.Load, "LoadExclusive": s.LoadExclusive} {
		n, err := with(t.Context(), gen, vectors.Product, func(yield func(vectors.Record, error) bool) {
			_ = yield(product("p", 1, "a"), nil) && yield(vectors.Record{}, broken)
		})
		if n != 1 || !errors.Is(err, broken) {
			t.Errorf("%s of a broken source: %d, %v", name, n, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, err = with(ctx, gen, vectors.Product, func(yield func(vectors.Record, error) bool) {
			for i := 0; yield(product(id(i), 1, "a"), nil); i++ {
				if i == 300 {
					cancel()
				}
				if i == 100_000 {
					t.Errorf("%s goes on though its context is cancelled", name)
					return
				}
			}
		})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s cancelled: %v", name, err)
		}
	}
}

// BenchmarkFill measures 20,000 products of 384 dimensions into an empty server.
func BenchmarkFill(b *testing.B) {
	const n = 20_000
	vector := unit(1, 384)
	all := func(yield func(vectors.Record, error) bool) {
		for i := range n {
			r := product(id(i), 1700000000000, "0123456789abcdef0123456789abcdef")
			r.Vector, r.Content = vector, vector
			if !yield(r, nil) {
				return
			}
		}
	}
	for _, server := range []struct {
		name string
		addr string
	}{{"miniredis", miniredis.RunT(b).Addr()}, {"redis", servertest.Redis(b).Addr}} {
		rdb := client(b, server.addr)
		s := store(b, rdb, "shop")
		for _, way := range []struct {
			name string
			load loader
		}{{"Load", s.Load}, {"LoadExclusive", s.LoadExclusive}} {
			b.Run(fmt.Sprintf("%s/%s", server.name, way.name), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					if err := rdb.FlushAll(b.Context()).Err(); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
					if _, err := way.load(b.Context(), gen, vectors.Product, all); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/fill")
			})
		}
		b.Run(server.name+"/All", func(b *testing.B) {
			for b.Loop() {
				found := 0
				for _, err := range s.All(b.Context(), gen, vectors.Product) {
					if err != nil {
						b.Fatal(err)
					}
					found++
				}
				if found < n {
					b.Fatal(found)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/read")
		})
		b.Run(server.name+"/Put", func(b *testing.B) {
			r := product("p", 1, "a")
			r.Vector, r.Content = vector, vector
			for b.Loop() {
				r.SourceVersion++
				r.Sources = fmt.Sprint(r.SourceVersion)
				put(b, s, r, vectors.Written)
			}
		})
	}
}
