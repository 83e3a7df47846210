package vectors_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/storage/servertest"
	"weft/storage/vectors"
)

func testFence(t *testing.T, rdb redis.UniversalClient) {
	s := store(t, rdb, "shop")
	version := func(id string) int64 {
		r, err := s.Get(t.Context(), gen, vectors.Product, id)
		if err != nil {
			t.Fatal(err)
		}
		return r.SourceVersion
	}
	put(t, s, product("p", 10, "A"), vectors.Written)
	put(t, s, product("p", 9, "B"), vectors.Stale)
	put(t, s, product("p", 9, "A"), vectors.Stale)
	put(t, s, product("p", 10, "A"), vectors.Written) // a repetition
	put(t, s, product("p", 20, "B"), vectors.Written)
	put(t, s, product("p", 30, "B"), vectors.Unchanged)
	if v := version("p"); v != 30 {
		t.Errorf("after an unchanged put the version is %d, want 30", v)
	}
	got, err := s.Get(t.Context(), gen, vectors.Product, "p")
	if err != nil || got.UpdatedAt != 30 {
		t.Errorf("after an unchanged put updated_at is %d, %v; want that of version 20", got.UpdatedAt, err)
	}
	put(t, s, product("p", 25, "C"), vectors.Stale) // parts were B, C, B again
	put(t, s, product("p", 30, "D"), vectors.Written)

	bare := product("p", 40, "E")
	bare.Price, bare.Title, bare.Category, bare.Image = nil, "", "", ""
	put(t, s, bare, vectors.Written)
	if got, err := s.Get(t.Context(), gen, vectors.Product, "p"); err != nil || got.Price != nil || got.Title != "" || got.Category != "" || got.Image != "" {
		t.Errorf("fields of an older version remain: %+v, %v", got, err)
	}
}

func testTombstones(t *testing.T, rdb redis.UniversalClient) {
	s := store(t, rdb, "shop")
	key := "weft:shop:" + string(gen) + ":product:p"
	put(t, s, product("p", 10, "A"), vectors.Written)
	remove(t, s, "p", 9, vectors.Stale)
	remove(t, s, "p", 10, vectors.Written)
	remove(t, s, "p", 12, vectors.Unchanged)
	remove(t, s, "p", 11, vectors.Stale)
	put(t, s, product("p", 11, "A"), vectors.Stale)
	put(t, s, product("p", 12, "A"), vectors.Stale)
	if _, err := s.Get(t.Context(), gen, vectors.Product, "p"); !errors.Is(err, vectors.ErrNotFound) {
		t.Errorf("Get of a tombstone: %v, want ErrNotFound", err)
	}
	ttl, err := rdb.PTTL(t.Context(), key).Result()
	if err != nil || ttl <= vectors.DefaultTombstoneTTL-time.Minute || ttl > vectors.DefaultTombstoneTTL {
		t.Errorf("tombstone lives for %v, %v; want %v", ttl, err, vectors.DefaultTombstoneTTL)
	}
	put(t, s, product("p", 13, "A"), vectors.Written)
	if ttl, err := rdb.PTTL(t.Context(), key).Result(); err != nil || ttl >= 0 {
		t.Errorf("the vector put after a deletion expires in %v, %v", ttl, err)
	}
	remove(t, s, "never-was", 5, vectors.Unchanged)
}

func testRacingWriters(t *testing.T, rdb redis.UniversalClient) {
	s := store(t, rdb, "shop")
	const writers, each = 6, 30
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for _, i := range rand.New(rand.NewPCG(1, uint64(w))).Perm(each) {
				version := int64(i*writers + w + 1)
				var err error
				if version%7 == 0 {
					_, err = s.Delete(t.Context(), gen, vectors.Product, "p", version)
				} else {
					_, err = s.Put(t.Context(), gen, vectors.Product, product("p", version, id(int(version))))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	got, err := s.Get(t.Context(), gen, vectors.Product, "p")
	if err != nil || got.SourceVersion != writers*each || got.Sources != id(writers*each) {
		t.Errorf("version %d, sources %s, %v won; want %d", got.SourceVersion, got.Sources, err, writers*each)
	}
}

// testForgottenScripts lets the server forget the scripts, as a restart or a
// failover does.
func testForgottenScripts(t *testing.T, rdb redis.UniversalClient) {
	s := store(t, rdb, "shop")
	for i := range 3 {
		put(t, s, product("p", int64(10+i), id(i)), vectors.Written)
		if err := rdb.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	load(t, s.Load, 600)
}

func TestOutOfMemory(t *testing.T) {
	s := store(t, client(t, servertest.Redis(t, "--maxmemory", "4mb").Addr), "shop")
	big := product("p", 1, "a")
	big.Vector = unit(1, 10_000)
	big.Content = nil
	for i := range 1000 {
		big.ID = id(i)
		_, err := s.Put(t.Context(), gen, vectors.Product, big)
		if errors.Is(err, vectors.ErrFull) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("80 MB went into 4")
}

func TestServerLost(t *testing.T) {
	server := servertest.Redis(t)
	s := store(t, client(t, server.Addr), "shop")
	put(t, s, product("p", 1, "a"), vectors.Written)
	server.Kill()
	_, putErr := s.Put(t.Context(), gen, vectors.Product, product("p", 2, "b"))
	_, getErr := s.Get(t.Context(), gen, vectors.Product, "p")
	_, liveErr := s.Live(t.Context())
	_, deleteErr := s.Delete(t.Context(), gen, vectors.Product, "p", 3)
	_, loadErr := s.Load(t.Context(), gen, vectors.Product, records(product("p", 1, "a")))
	_, exclusiveErr := s.LoadExclusive(t.Context(), gen, vectors.Product, records(product("p", 1, "a")))
	_, lastErr := s.Last(t.Context())
	var allErr, followErr error
	for _, allErr = range s.All(t.Context(), gen, vectors.Product) {
	}
	for _, followErr = range s.Follow(t.Context(), vectors.Beginning) {
	}
	for what, err := range map[string]error{
		"Put": putErr, "Get": getErr, "Live": liveErr, "Delete": deleteErr, "Load": loadErr, "LoadExclusive": exclusiveErr,
		"Last": lastErr, "All": allErr, "Follow": followErr, "SetLive": s.SetLive(t.Context(), gen),
	} {
		if !errors.Is(err, vectors.ErrUnavailable) {
			t.Errorf("%s without a server: %v, want ErrUnavailable", what, err)
		}
	}
	server.Start()
	// The client looks once a second whether a server that refused is back.
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		o, err := s.Put(t.Context(), gen, vectors.Product, product("p", 3, "c"))
		if err == nil && o == vectors.Written {
			tick.Stop()
			return
		}
		if !errors.Is(err, vectors.ErrUnavailable) {
			t.Fatalf("after the server came back: %v, %v", o, err)
		}
	}
}

func TestCheckPolicy(t *testing.T) {
	good, bad := servertest.Redis(t), servertest.Redis(t, "--maxmemory-policy", "allkeys-lru")
	hidden := servertest.Redis(t, "--rename-command", "CONFIG", "", "--rename-command", "INFO", "", "--maxmemory-policy", "allkeys-lru")
	noConfig := servertest.Redis(t, "--rename-command", "CONFIG", "", "--maxmemory-policy", "volatile-ttl")
	for _, test := range []struct {
		name, addr string
		want       error
	}{
		{"noeviction", good.Addr, nil},
		{"evicting", bad.Addr, vectors.ErrEvicting},
		{"evicting, no CONFIG", noConfig.Addr, vectors.ErrEvicting},
		{"hidden", hidden.Addr, nil},
		{"miniredis", miniredis.RunT(t).Addr(), nil},
	} {
		err := vectors.CheckPolicy(t.Context(), client(t, test.addr))
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if test.want != nil {
			wantInMessage(t, err, test.addr, "noeviction")
		}
	}
	good.Kill()
	err := vectors.CheckPolicy(t.Context(), client(t, good.Addr))
	if !errors.Is(err, vectors.ErrUnavailable) {
		t.Errorf("no server: %v, want ErrUnavailable", err)
	}
	wantInMessage(t, err, good.Addr)
	if err := vectors.CheckPolicy(t.Context(), cluster(t)); err != nil {
		t.Errorf("cluster: %v", err)
	}
}
