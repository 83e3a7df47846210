package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"weft/serve"
	"weft/tasks"
)

// The backlog of a paused fleet waits, its workers can be drained by name, and what
// they leave is done by the next.
func TestPauseDrainAndBacklog(t *testing.T) {
	s := newShop(t)
	ids := samples(t, 10)
	s.stock(ids...)
	f := newFleet(t)
	f.scheduler = spawn(t, f.args("scheduler", "--sweep-every", "1s", "--metrics", "127.0.0.1:0")...)
	queueFlag := []string{"--queue", f.redis.URL("0")}
	if o := weft(t, append([]string{"pause", "image:embed"}, queueFlag...)...); o.code != exitUsage {
		t.Errorf("half a name: exit %d %s", o.code, o.err)
	}
	if got := answer[map[string][]string](t, append([]string{"pause", "--json"}, queueFlag...)...); len(got["paused"]) != 8 {
		t.Errorf("%v", got)
	}
	server := spawn(t, f.args("serve", "--listen", "127.0.0.1:0")...)
	until(t, "serve answers", func() bool { server.alive(); return strings.Contains(server.err.String(), "weft serve") })
	_, url, _ := strings.Cut(server.err.String(), "http://")
	url, _, _ = strings.Cut("http://"+url, ",")
	fetch := func(path string) string {
		t.Helper()
		res, err := http.Get(url + path)
		must(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		must(t, err)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s", path, res.Status, body)
		}
		return string(body)
	}
	backlog := func() (b serve.BacklogAnswer) {
		t.Helper()
		must(t, json.Unmarshal([]byte(fetch("/v1/backlog?drain_target=1m")), &b))
		return b
	}
	f.upload(s)
	f.workers = []*process{spawn(t, f.args("worker", "--runners", "1")...)}
	until(t, "all of it waits, and a worker looks at it", func() bool { f.alive(); b := backlog(); return b.Waiting == 20 && b.Workers == 1 })
	if b := backlog(); b.Wanted != 0 || b.Work != 0 || len(b.Tenants) != 1 || b.Tenants[0].Target != 60 {
		t.Errorf("paused: %+v", b)
	}
	for _, metric := range []string{"weft_backlog_up{", "weft_backlog_workers{", `weft_queue_paused{queue="image:embed:bulk",tenant="default"} 1`, `weft_queue_waiting{queue="image:embed:bulk",tenant="default"} 10`} {
		if !strings.Contains(fetch("/metrics"), metric) {
			t.Errorf("/metrics does not show %s", metric)
		}
	}
	workers := answer[[]tasks.Pace](t, append([]string{"drain", "--json"}, queueFlag...)...)
	if len(workers) != 1 || workers[0].Done != 0 {
		t.Fatalf("%+v", workers)
	}
	if o := weft(t, append([]string{"drain", "nobody"}, queueFlag...)...); o.code != exitFailed || !strings.Contains(o.err, "lists them") {
		t.Errorf("an unknown worker: exit %d %s", o.code, o.err)
	}
	done(t, append([]string{"drain", "--wait", workers[0].Name}, queueFlag...)...)
	if code := f.workers[0].wait(); code != exitDone {
		t.Errorf("the drained worker: exit %d", code)
	}
	if b := backlog(); b.Waiting != 20 || b.Workers != 0 {
		t.Errorf("drained: %+v", b)
	}
	if got := answer[map[string][]string](t, append([]string{"resume", "--json"}, queueFlag...)...); len(got["resumed"]) != 8 {
		t.Errorf("%v", got)
	}
	if b := backlog(); b.Wanted != 1 || b.Work <= 0 || b.Tenants[0].Drain != nil {
		t.Errorf("resumed, without a worker: %+v", b)
	}
	f.workers = []*process{spawn(t, f.args("worker", "--runners", "1")...)}
	if a := f.settled(10); a.Products.Vectors != 10 {
		t.Errorf("%+v", a)
	}
	until(t, "nothing waits", func() bool { return backlog().Wanted == 0 })
}
