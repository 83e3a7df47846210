package main

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/servertest"
)

// features counts what the shop's lake holds.
func (s shop) features() (n int) {
	s.t.Helper()
	dir, err := objects.OpenDir(s.dir + "/bucket")
	must(s.t, err)
	l, err := lake.Open(s.t.Context(), lake.Config{Store: objects.WithPrefix(dir, "default/"), ReadOnly: true})
	must(s.t, err)
	for _, err := range l.Features.Select(s.t.Context(), lake.Query{Columns: []string{"recipe"}}) {
		must(s.t, err)
		n++
	}
	must(s.t, l.Close(s.t.Context()))
	return n
}

// TestFlush takes everything that Redis holds away in the middle of the work, and
// kills the process: what follows encodes only what was not encoded before.
func TestFlush(t *testing.T) {
	s := newShop(t)
	ids := samples(t, 40)
	s.stock(ids...)
	server := servertest.Redis(t)
	place := []string{"--queue", server.URL("0"), "--vectors", server.URL("1")}
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, DB: 1})
	t.Cleanup(func() { _ = rdb.Close() })

	p := spawn(t, append([]string{"up", "--data", s.dir, "--listen", "127.0.0.1:0"}, place...)...)
	until(t, "vectors appear", func() bool { return rdb.DBSize(t.Context()).Val() > 4 })
	must(t, rdb.FlushAll(t.Context()).Err())
	p.kill()

	before := s.features()
	r := s.up(place...)
	after := s.features()
	if made := int(r.Encoded["image"] + r.Encoded["text"]); before == 0 || made != after-before || r.Repeats != 0 {
		t.Errorf("%d features were there, %d are now, %d were encoded (%d repeats)", before, after, made, r.Repeats)
	}
	audit := append([]string{"audit", "--data", s.dir, "--json"}, place...)
	done(t, audit...)

	// A half-lost one is repaired, without an encoder.
	keys, err := rdb.Keys(t.Context(), "weft:*:product:*").Result()
	must(t, err)
	if len(keys) != len(ids) {
		t.Fatalf("%d vectors for %d products", len(keys), len(ids))
	}
	must(t, rdb.Del(t.Context(), keys[:len(keys)/2]...).Err())
	if o := weft(t, audit...); o.code != exitFailed {
		t.Errorf("half of the vectors are lost and the audit exits %d", o.code)
	}
	got := answer[rebuildReport](t, "rebuild", "--data", s.dir, "--vectors", server.URL("1"), "--json")
	if got.Products != len(ids) || got.Reloaded != len(keys)/2 {
		t.Errorf("rebuilt %+v", got)
	}
	done(t, audit...)
}
