package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"weft/scheduler"
	"weft/storage/servertest"
	"weft/tasks"
	"weft/tasks/queue"
)

// TestTenants runs one fleet for several shops over one Redis and one bucket: equal
// photos make equal vectors, nothing of one shop is found at another, a broken one stops
// nobody, and one that appears later is served as well.
func TestTenants(t *testing.T) {
	server := servertest.Redis(t)
	bucket := t.TempDir()
	ids := samples(t, 4)
	stock := func(tenant, id string, photo []byte) {
		write(t, filepath.Join(bucket, tenant, "media", id, "photo.jpg"), photo)
	}
	for i := range 30 { // different contents: bytes after the end of the picture
		stock("large", fmt.Sprintf("large-%02d", i), append(slices.Clone(samplePhoto(t, ids[0])), fmt.Sprint(i)...))
	}
	stock("large", "same", samplePhoto(t, ids[1]))
	stock("small", "same", samplePhoto(t, ids[1]))
	stock("broken", "same", samplePhoto(t, ids[1]))
	write(t, filepath.Join(bucket, "broken", "lake", "v1", "generations", "live.json"), []byte(`{"generation":"nonsense"}`))
	write(t, filepath.Join(bucket, "notes", "readme.txt"), []byte("no tenant"))
	write(t, filepath.Join(bucket, "small", tasks.SettingsKey), []byte(`{"weight":2,"quota":500}`))
	write(t, filepath.Join(bucket, "large", tasks.SettingsKey), []byte(`{"wieght":2}`))

	place := []string{"--objects", "file://" + bucket}
	redises := []string{"--queue", server.URL("0"), "--vectors", server.URL("1")}
	role := func(name string, more ...string) *process {
		return spawn(t, append(append(append([]string{name}, place...), redises...), more...)...)
	}
	s := role("scheduler", "--sweep-every", "1s")
	until(t, "two tenants are fed", func() bool { s.alive(); return strings.Count(s.err.String(), "weft scheduler") >= 2 })
	w := role("worker", "--runners", "1")
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, DB: 1})
	queues := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _, _ = rdb.Close(), queues.Close() })
	audited := func(tenant string, products int) {
		t.Helper()
		until(t, tenant+" is done", func() bool {
			s.alive()
			w.alive()
			var a scheduler.Audit
			if o := weft(t, append([]string{"audit", "--json", "--tenant", tenant}, place...)...); o.out != "" {
				parse(t, o.out, &a)
			}
			return a.Balanced && a.Products.Vectors == products
		})
	}
	audited("small", 1)
	audited("large", 31)
	vector := func(tenant, id string) string {
		t.Helper()
		gen := rdb.Get(t.Context(), "weft:"+tenant+":live").Val()
		return rdb.HGet(t.Context(), "weft:"+tenant+":"+gen+":product:"+id, "vector").Val()
	}
	if a, b := vector("large", "same"), vector("small", "same"); a == "" || a != b {
		t.Errorf("the same photo makes different vectors: %d and %d bytes", len(a), len(b))
	}
	if keys := rdb.Keys(t.Context(), "weft:small:*:product:*").Val(); len(keys) != 1 {
		t.Errorf("the small shop has %v", keys)
	}

	stock("late", "new", samplePhoto(t, ids[2]))
	audited("late", 1)
	fleet, err := scheduler.NewGauge(queue.NewClient(queues)).Look(t.Context(), 0)
	must(t, err)
	of := map[tasks.Tenant]tasks.Backlog{}
	for _, b := range fleet.Tenants {
		of[b.Tenant] = b
	}
	if b := of["small"]; b.Weight != 2 || b.Quota != 500 || b.Fault != "" {
		t.Errorf("small: %+v", b)
	}
	if b := of["large"]; b.Weight != 1 || !strings.Contains(b.Fault, "wieght") {
		t.Errorf("misspelt settings are not told: %+v", b)
	}
	if b := of["broken"]; b.Fault == "" {
		t.Errorf("a broken tenant is not told: %+v", b)
	}
	if _, found := of["notes"]; found || len(of) != 4 {
		t.Errorf("tenants: %v", of)
	}
	until(t, "the cost is told", func() bool {
		fleet, err := scheduler.NewGauge(queue.NewClient(queues)).Look(t.Context(), 0, "large", "small")
		return err == nil && fleet.Tenants[0].Spent > fleet.Tenants[1].Spent && fleet.Tenants[1].Spent > 0
	})
	for _, p := range []*process{w, s} {
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != exitDone {
			t.Errorf("weft %s: exit %d", p.cmd.Args[1], code)
		}
	}
}

// TestUpTenants: one directory with several shops in it.
func TestUpTenants(t *testing.T) {
	dir := t.TempDir()
	ids := samples(t, 2)
	for i, tenant := range []string{"acme", "zeta"} {
		write(t, filepath.Join(dir, "bucket", tenant, "media", "p", "photo.jpg"), samplePhoto(t, ids[i]))
	}
	r := answer[upReport](t, "up", "--data", dir, "--until-idle", "--listen", "127.0.0.1:0", "--json")
	if r.Published != 2 || r.Encoded["image"] != 2 {
		t.Errorf("%+v", r)
	}
	if again := answer[upReport](t, "up", "--data", dir, "--until-idle", "--listen", "127.0.0.1:0", "--json", "--tenants", "zeta"); again.Refilled != 1 || again.Published != 0 {
		t.Errorf("one of them again: %+v", again)
	}
}
