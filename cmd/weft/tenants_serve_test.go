package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"weft/client"
	"weft/scheduler"
	"weft/serve"
	"weft/storage/servertest"
	"weft/tasks"
)

// TestTenantsOverHTTP: one serve and two schedulers for two shops. One of them sends more than its quota before any worker runs: its
// requests are answered all the same, the other shop is not held up, and the backlog says what holds the first. The scheduler
// that leads leaves, the other takes over for both shops, and a worker makes every vector.
func TestTenantsOverHTTP(t *testing.T) {
	const photos = 40
	server := servertest.Redis(t)
	bucket := t.TempDir()
	ids := samples(t, 2)
	write(t, filepath.Join(bucket, "busy", tasks.SettingsKey), []byte(`{"quota":16}`))
	place := []string{"--objects", "file://" + bucket}
	role := func(name string, more ...string) *process {
		return spawn(t, slices.Concat([]string{name}, place, []string{"--queue", server.URL("0"), "--vectors", server.URL("1"), "--tenants", "busy,calm"}, more)...)
	}
	ready := func(p *process, text string, times int) {
		t.Helper()
		until(t, text, func() bool { p.alive(); return strings.Count(p.err.String(), text) >= times })
	}
	leader := role("scheduler", "--sweep-every", "1s")
	ready(leader, "weft scheduler", 2)
	other := role("scheduler", "--sweep-every", "1s")
	ready(other, "weft scheduler", 2)
	web := role("serve", "--listen", "127.0.0.1:0")
	ready(web, "http://", 1)
	_, address, _ := strings.Cut(web.err.String(), "http://")
	address, _, _ = strings.Cut(address, ",")

	patient := &http.Client{Timeout: patience / 2}
	ask := func(method, path string, body []byte) (int, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, bytes.NewReader(body))
		must(t, err)
		resp, err := patient.Do(req)
		must(t, err)
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		must(t, err)
		return resp.StatusCode, text
	}
	put := func(tenant, product string, photo []byte) {
		t.Helper()
		if code, text := ask(http.MethodPut, "/v1/"+tenant+"/products/"+product+"/images/a.jpg", photo); code != http.StatusCreated {
			t.Fatalf("PUT %s of %s: %d %s", product, tenant, code, text)
		}
	}
	for i := range photos {
		put("busy", fmt.Sprintf("p%02d", i), marked(samplePhoto(t, ids[0]), i))
	}
	put("calm", "p", samplePhoto(t, ids[1]))
	if code, _ := ask(http.MethodGet, "/v1/elsewhere/products/p", nil); code != http.StatusNotFound {
		t.Errorf("a tenant that is not served: %d", code)
	}
	var text []byte
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last backlog: %s", text)
		}
	})
	until(t, "the backlog tells of both", func() bool {
		var b serve.BacklogAnswer
		var code int
		code, text = ask(http.MethodGet, "/v1/backlog", nil)
		if code != http.StatusOK || json.Unmarshal(text, &b) != nil || len(b.Tenants) != 2 {
			return false
		}
		// Serve and two schedulers, who watch the directory, count before they add: each may fill the quota once.
		busy, calm := b.Tenants[0], b.Tenants[1]
		return busy.Waiting >= 16 && busy.Waiting <= 3*16 && busy.Held == tasks.HeldByQuota && calm.Waiting > 0 && b.Waiting == busy.Waiting+calm.Waiting && b.Wanted > 0
	})

	if told := answer[tasks.Fleet](t, "backlog", "--queue", server.URL("0"), "--json"); len(told.Tenants) != 2 || told.Waiting < 17 || told.Wanted != 1 || told.Workers != 0 || told.Drain != nil {
		t.Errorf("weft backlog --json: %+v", told)
	}
	if told := done(t, "backlog", "--queue", server.URL("0"), "--tenants", "busy"); !strings.Contains(told, "quota") || !strings.Contains(told, "no worker runs") || strings.Contains(told, "calm") {
		t.Errorf("weft backlog --tenants busy:\n%s", told)
	}
	if o := weft(t, "backlog", "--queue", server.URL("0"), "--drain-target", "1ms"); o.code != exitUsage {
		t.Errorf("--drain-target 1ms: exit %d, %s", o.code, o.err)
	}

	leader.signal(syscall.SIGTERM)
	if code := leader.wait(); code != exitDone {
		t.Errorf("the scheduler that led: exit %d", code)
	}
	w := role("worker", "--runners", "1")
	for tenant, n := range map[string]int{"busy": photos, "calm": 1} {
		until(t, tenant+" is done", func() bool {
			for _, p := range []*process{w, other, web} {
				p.alive()
			}
			var a scheduler.Audit
			if o := weft(t, append([]string{"audit", "--json", "--tenant", tenant}, place...)...); o.out != "" {
				parse(t, o.out, &a)
			}
			return a.Balanced && a.Products.Vectors == n
		})
	}
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, DB: 1})
	t.Cleanup(func() { _ = rdb.Close() })
	if keys := rdb.Keys(t.Context(), "weft:calm:*:product:*").Val(); len(keys) != 1 {
		t.Errorf("the calm shop has %v", keys)
	}
	until(t, "each shop reads its own", func() bool {
		var near []client.Neighbour
		code, text := ask(http.MethodGet, "/v1/busy/products/p00/similar?k=100", nil)
		return code == http.StatusOK && json.Unmarshal(text, &near) == nil && len(near) == photos-1
	})
	if code, _ := ask(http.MethodGet, "/v1/calm/products/p00", nil); code != http.StatusNotFound {
		t.Errorf("the calm shop answers for a product of the busy one: %d", code)
	}
	for _, p := range []*process{web, w, other} {
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != exitDone {
			t.Errorf("weft %s: exit %d", p.cmd.Args[1], code)
		}
	}
}
