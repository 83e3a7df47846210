package serve_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/client"
	"weft/serve"
	"weft/storage/servertest"
	"weft/storage/vectors"
	"weft/tasks"
)

// onRedis runs a test on a real redis-server and on the embedded one.
func onRedis(t *testing.T, test func(t *testing.T, rdb *redis.Client)) {
	t.Run("redis-server", func(t *testing.T) { test(t, dial(t, servertest.Redis(t).Addr)) })
	t.Run("miniredis", func(t *testing.T) { test(t, dial(t, miniredis.RunT(t).Addr())) })
}

func dial(t testing.TB, addr string) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// angle is a product whose content points at so many degrees.
func angle(id string, degrees float64, version int64) vectors.Record {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	v := []float32{float32(cos), float32(sin)}
	return vectors.Record{ID: id, Vector: v, Content: v, Modalities: []string{"image", "text"}, SourceVersion: version,
		Sources: fmt.Sprint(version, degrees), UpdatedAt: version, Title: id + " at " + fmt.Sprint(degrees)}
}

func TestOnRealVectors(t *testing.T) {
	onRedis(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		store, err := vectors.New(vectors.Config{Redis: rdb, Tenant: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, func(c *serve.Config) {
			c.Tenants["shop"] = serve.Tenant{Objects: c.Tenants["shop"].Objects, Vectors: store}
			c.RecheckEvery = 20 * time.Millisecond
		})
		if err := s.client.Ready(ctx); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("before anything is live: %v", err)
		}
		put := func(g tasks.Generation, records ...vectors.Record) {
			t.Helper()
			if _, err := store.PutMany(ctx, g, vectors.Product, records...); err != nil {
				t.Fatal(err)
			}
		}
		nearest := func(want string) {
			t.Helper()
			eventually(t, "nearest to a: "+want, func() bool {
				near, err := s.client.Similar(ctx, "a", 1)
				return err == nil && len(near) == 1 && near[0].ID == want
			})
		}
		put(gen, angle("a", 0, 1), angle("b", 30, 1), angle("c", 60, 1))
		if err := store.SetLive(ctx, gen); err != nil {
			t.Fatal(err)
		}
		s.ready(t)
		nearest("b")
		p, err := s.client.Product(ctx, "b")
		if err != nil || p.Title != "b at 30" || p.Generation != string(gen) || len(p.Vector) != 2 || p.Price != nil || len(p.Modalities) != 2 {
			t.Errorf("%+v, %v", p, err)
		}

		put(gen, angle("d", 10, 2))
		nearest("d")
		put(gen, angle("d", 170, 3))
		nearest("b")
		if _, err := store.Delete(ctx, gen, vectors.Product, "b", 5); err != nil {
			t.Fatal(err)
		}
		nearest("c")
		if _, err := s.client.Product(ctx, "b"); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("deleted: %v", err)
		}

		// Without an announcement: filled in again, changed, gone, and corrupt.
		one := func(yield func(vectors.Record, error) bool) {
			_ = yield(angle("e", 5, 9), nil) && yield(angle("d", 20, 9), nil)
		}
		if _, err := store.Load(ctx, gen, vectors.Product, one); err != nil {
			t.Fatal(err)
		}
		nearest("e")
		if err := rdb.Del(ctx, "weft:shop:"+string(gen)+":product:e").Err(); err != nil {
			t.Fatal(err)
		}
		nearest("d")
		if err := rdb.HSet(ctx, "weft:shop:"+string(gen)+":product:d", "vector", "abc", "updated_at", "10").Err(); err != nil {
			t.Fatal(err)
		}
		nearest("c")
		if res, body := s.do(t, "GET", "/v1/shop/products/d", ""); res.StatusCode != 500 {
			t.Errorf("corrupt: %d %s", res.StatusCode, body)
		}

		// Everything is lost, and filled again under another generation.
		if err := rdb.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.client.Product(ctx, "a"); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("after a flush: %v", err)
		}
		const next tasks.Generation = "gffffffffffff"
		put(next, angle("a", 0, 20), angle("z", 1, 20))
		if err := store.SetLive(ctx, next); err != nil {
			t.Fatal(err)
		}
		nearest("z")
		s.ready(t)
	})
}

func TestRedisIsAwayForAWhile(t *testing.T) {
	server := servertest.Redis(t)
	rdb := dial(t, server.Addr)
	store, err := vectors.New(vectors.Config{Redis: rdb, Tenant: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	fill := func(records ...vectors.Record) {
		t.Helper()
		if _, err := store.PutMany(t.Context(), gen, vectors.Product, records...); err != nil {
			t.Fatal(err)
		}
		if err := store.SetLive(t.Context(), gen); err != nil {
			t.Fatal(err)
		}
	}
	fill(angle("a", 0, 1), angle("b", 30, 1))
	s := open(t, func(c *serve.Config) {
		c.Tenants["shop"] = serve.Tenant{Objects: c.Tenants["shop"].Objects, Vectors: store}
	})
	s.ready(t)
	server.Kill()
	if err := s.client.Ready(context.Background()); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("ready without Redis: %v", err)
	}
	if _, err := s.client.Product(t.Context(), "a"); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("product without Redis: %v", err)
	}
	if near, err := s.client.Similar(t.Context(), "a", 5); err != nil || len(near) != 1 {
		t.Errorf("neighbours without Redis: %v, %v", near, err)
	}
	if _, err := s.client.PutProduct(t.Context(), "c", client.Listing{Title: "c"}, client.Condition{}); err != nil {
		t.Errorf("a write without Redis: %v", err)
	}
	server.Start()
	fill(angle("a", 0, 1), angle("b", 30, 1), angle("c", 10, 1))
	eventually(t, "neighbours of the new Redis", func() bool {
		near, err := s.client.Similar(t.Context(), "a", 5)
		return err == nil && len(near) == 2 && near[0].ID == "c"
	})
}
