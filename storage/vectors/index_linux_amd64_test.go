package vectors_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/storage/servertest"
	"weft/storage/vectors"
)

// indexed calls KeepIndex until the index is current.
func indexed(t *testing.T, s *vectors.Store) vectors.Index {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		x, err := s.KeepIndex(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if x.Current {
			return x
		}
		if time.Now().After(deadline) {
			t.Fatalf("not current: %+v", x)
		}
	}
}

// nearest is the product that the Query Engine finds nearest to a vector under a filter.
func nearest(t *testing.T, rdb *redis.Client, index, filter, field string, v []float32) string {
	t.Helper()
	blob := make([]byte, 0, 4*len(v))
	for _, x := range v {
		blob = binary.LittleEndian.AppendUint32(blob, math.Float32bits(x))
	}
	found, err := rdb.Do(t.Context(), "FT.SEARCH", index, filter+"=>[KNN 1 @"+field+" $v]", "PARAMS", 2, "v", blob, "NOCONTENT", "DIALECT", 2).Slice()
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 2 {
		return ""
	}
	return fmt.Sprint(found[1])
}

func TestIndexFollowsLive(t *testing.T) {
	server := servertest.QueryEngine(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: 2})
	t.Cleanup(func() { _ = rdb.Close() })
	s, err := vectors.New(vectors.Config{Redis: rdb, Tenant: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(dim int) []float32 {
		v, sum := make([]float32, dim), 0.0
		for i := range v {
			v[i] = float32(r.NormFloat64())
			sum += float64(v[i]) * float64(v[i])
		}
		for i := range v {
			v[i] /= float32(math.Sqrt(sum))
		}
		return v
	}
	records := func(dim int) (all []vectors.Record) {
		for i := range 50 {
			price := float64(i)
			all = append(all, vectors.Record{ID: fmt.Sprintf("p%02d", i), Vector: draw(dim), Content: draw(dim + 2), Modalities: []string{"image"}, SourceVersion: 1, Sources: "s",
				UpdatedAt: 1, Category: []string{"Hats, Caps", "Shoes"}[i%2], Price: &price})
		}
		return all
	}
	if x, err := s.KeepIndex(t.Context()); err != nil || x != (vectors.Index{}) {
		t.Fatalf("nothing is live: %+v, %v", x, err)
	}
	live := func(g string, records []vectors.Record) {
		t.Helper()
		of := gen
		if g == "other" {
			of = other
		}
		if _, err := s.PutMany(t.Context(), of, vectors.Product, records...); err != nil {
			t.Fatal(err)
		}
		if err := s.SetLive(t.Context(), of); err != nil {
			t.Fatal(err)
		}
	}
	first := records(8)
	live("gen", first)
	x := indexed(t, s)
	if x.Name != "weft:shop:"+string(gen)+":products" || x.Alias != "weft:shop:products" || x.Indexed != 1 {
		t.Errorf("%+v", x)
	}
	key := func(g, id string) string { return "weft:shop:" + g + ":product:" + id }
	if got := nearest(t, rdb, x.Alias, "*", "content", first[7].Content); got != key(string(gen), "p07") {
		t.Errorf("nearest by content: %q", got)
	}
	if got := nearest(t, rdb, x.Alias, "*", "vector", first[8].Vector); got != key(string(gen), "p08") {
		t.Errorf("nearest by vector: %q", got)
	}
	if got := nearest(t, rdb, x.Alias, `(@category:{Hats\, Caps} @price:[8 8])`, "content", first[7].Content); got != key(string(gen), "p08") {
		t.Errorf("of the hats that cost 8: %q", got)
	}
	// What is written and deleted from now on is indexed by the server.
	added := records(8)[0]
	added.ID = "p99"
	if _, err := s.Put(t.Context(), gen, vectors.Product, added); err != nil {
		t.Fatal(err)
	}
	if got := nearest(t, rdb, x.Alias, "*", "content", added.Content); got != key(string(gen), "p99") {
		t.Errorf("what was just written: %q", got)
	}
	if _, err := s.Delete(t.Context(), gen, vectors.Product, "p99", 5); err != nil {
		t.Fatal(err)
	}
	if got := nearest(t, rdb, x.Alias, "*", "content", added.Content); got == key(string(gen), "p99") {
		t.Error("a deleted product is found")
	}
	// A generation of other dimensions is promoted: the alias goes over, the former index goes, its vectors stay.
	second := records(12)
	live("other", second)
	x = indexed(t, s)
	if got := nearest(t, rdb, "weft:shop:products", "*", "content", second[3].Content); got != key(string(other), "p03") {
		t.Errorf("after a promotion: %q", got)
	}
	if all, err := rdb.Do(t.Context(), "FT._LIST").StringSlice(); err != nil || len(all) != 1 || all[0] != x.Name {
		t.Errorf("indexes: %v, %v", all, err)
	}
	if _, err := s.Get(t.Context(), gen, vectors.Product, "p01"); err != nil {
		t.Errorf("a vector of the former generation: %v", err)
	}
	// A Redis that lost everything gets its index again once it is filled.
	if err := rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	live("other", second)
	if got := nearest(t, rdb, indexed(t, s).Alias, "*", "content", second[4].Content); got != key(string(other), "p04") {
		t.Errorf("after FLUSHALL: %q", got)
	}
	// By the newer protocol too, and for one tenant beside another.
	three := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: 3})
	t.Cleanup(func() { _ = three.Close() })
	neighbour, err := vectors.New(vectors.Config{Redis: three, Tenant: "shop-2"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := neighbour.PutMany(t.Context(), gen, vectors.Product, first...); err != nil {
		t.Fatal(err)
	}
	if err := neighbour.SetLive(t.Context(), gen); err != nil {
		t.Fatal(err)
	}
	indexed(t, neighbour)
	indexed(t, s)
	if all, err := rdb.Do(t.Context(), "FT._LIST").StringSlice(); err != nil || len(all) != 2 {
		t.Errorf("indexes of two tenants: %v, %v", all, err)
	}
	one := redis.NewClient(&redis.Options{Addr: server.Addr, DB: 1})
	t.Cleanup(func() { _ = one.Close() })
	elsewhere, err := vectors.New(vectors.Config{Redis: one, Tenant: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := elsewhere.PutMany(t.Context(), gen, vectors.Product, first...); err != nil {
		t.Fatal(err)
	}
	if err := elsewhere.SetLive(t.Context(), gen); err != nil {
		t.Fatal(err)
	}
	if _, err := elsewhere.KeepIndex(t.Context()); !errors.Is(err, vectors.ErrNoQueryEngine) {
		t.Errorf("in database 1: %v", err)
	}
}
