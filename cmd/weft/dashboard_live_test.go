package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"weft/processtest"
	"weft/storage/objects"
)

// liveDashboard runs a fleet of two tenants under a mixed load, scraped by Prometheus, and asks every panel.
func liveDashboard(t *testing.T, all []panel) {
	f := newFleet(t)
	s3, err := objects.Open(t.Context(), f.s3.URL("shop"), objects.Credentials{AccessKey: f.s3.AccessKey, SecretKey: f.s3.SecretKey})
	must(t, err)
	ids := samples(t, 100)
	put := func(key string, body []byte) {
		t.Helper()
		_, err := s3.Put(t.Context(), key, body, objects.Condition{})
		must(t, err)
	}
	stock := func(tenant, id, as string) {
		put(tenant+"/media/"+as+"/photo.jpg", samplePhoto(t, id))
		put(tenant+"/media/"+as+"/product.json", listing(t, id, nil))
	}
	for _, id := range ids[:30] {
		stock("acme", id, id)
		stock("zeta", id, id)
	}
	put("zeta/settings.json", []byte(`{"weight":2}`))
	put("acme/media/broken/photo.jpg", samplePhoto(t, ids[0])[:500])
	at := map[string]string{}
	for _, role := range []string{"scheduler", "worker", "serve"} {
		at[role] = freeAddress(t)
	}
	began := time.Now()
	f.scheduler = spawn(t, f.args("scheduler", "--sweep-every", "2s", "--metrics", at["scheduler"])...)
	until(t, "both tenants are fed", func() bool {
		f.scheduler.alive()
		return strings.Count(f.scheduler.err.String(), "weft scheduler") == 2
	})
	spawn(t, f.args("worker", "--runners", "1", "--metrics", at["worker"])...)
	web := spawn(t, f.args("serve", "--listen", at["serve"])...)
	prometheus := startPrometheus(t, at)
	base := "http://" + at["serve"]
	until(t, "serve answers", func() bool { web.alive(); return answers(base + "/healthz") })

	dice := rand.New(rand.NewPCG(1, 2))
	pick := func() string { return ids[dice.IntN(30)] }
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; time.Since(began) < *dashboardFor; n++ {
		<-tick.C
		tenant := []string{"acme", "zeta"}[n%2]
		shop, user := base+"/v1/"+tenant, fmt.Sprint("shopper-", dice.IntN(20))
		ask(t, http.MethodGet, shop+"/products/"+pick()+"/similar?k=5", "", nil)
		event := func(kind string) []byte {
			return fmt.Appendf(nil, `{"user":%q,"product":%q,"type":%q,"time":%q}`+"\n", user, pick(), kind, time.Now().UTC().Format(time.RFC3339Nano))
		}
		ask(t, http.MethodPost, shop+"/events", "application/x-ndjson", append(event("view"), event("purchase")...))
		ask(t, http.MethodGet, shop+"/users/"+user+"/recommendations?k=5", "", nil)
		switch { // now and then a new photo over HTTP, and a batch into the bucket
		case n%5 == 0:
			ask(t, http.MethodPut, fmt.Sprintf("%s/products/new-%d/images/a.jpg", shop, n), "image/jpeg", marked(samplePhoto(t, pick()), n))
		case n%100 == 51:
			for i, id := range ids[30:] {
				put(fmt.Sprintf("acme/media/batch-%d-%d/photo.jpg", n, i), marked(samplePhoto(t, id), n+i))
			}
		case n%50 == 3:
			ask(t, http.MethodGet, shop+"/products/nobody-knows-this", "", nil)
		}
	}
	page := dashboardPage{Tenants: "acme, zeta", Worked: *dashboardFor}
	for _, p := range all {
		shown := prometheus.show(t, p, began, time.Now())
		if points := shown.points(); p.Type != "row" && points == 0 {
			if why := mayBeEmpty[p.Title]; why == "" {
				t.Errorf("%q has no data", p.Title)
			} else {
				t.Logf("%q has no data: %s", p.Title, why)
			}
		}
		page.Panels = append(page.Panels, shown)
	}
	if *dashboardPicture != "" {
		page.picture(t, *dashboardPicture)
	}
}

// ask makes a request whose answer is not looked at: the dashboard shows what came of it.
func ask(t *testing.T, method, address, kind string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	must(t, err)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

func answers(address string) bool {
	resp, err := http.Get(address)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// prometheusServer is one that scrapes a fleet.
type prometheusServer struct{ base string }

// scrapeEvery is short, because the fleet does not work for long.
const scrapeEvery = time.Second

// startPrometheus scrapes the roles, with our alerts and recording rules.
func startPrometheus(t *testing.T, roles map[string]string) prometheusServer {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	rules, err := filepath.Abs(deployDir + "helm/weft/files/alerts.yaml")
	must(t, err)
	config := fmt.Sprintf("global: {scrape_interval: %v, evaluation_interval: 5s}\nrule_files: [%q]\nscrape_configs:\n", scrapeEvery, rules)
	for role, at := range roles {
		config += fmt.Sprintf("  - {job_name: %s, static_configs: [{targets: [%q]}]}\n", role, at)
	}
	write(t, filepath.Join(dir, "prometheus.yml"), []byte(config))
	cmd := exec.Command(*dashboardPrometheus, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=warn")
	var said journal
	cmd.Stdout, cmd.Stderr = &said, &said
	exited, err := processtest.Start(cmd)
	must(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if <-exited; !cmd.ProcessState.Success() || t.Failed() {
			t.Logf("prometheus: %v\n%s", cmd.ProcessState, said.Last(2000))
		}
	})
	p := prometheusServer{"http://" + address}
	until(t, "prometheus is ready", func() bool { return answers(p.base + "/-/ready") })
	return p
}

// shownPanel is a panel with what it shows.
type shownPanel struct {
	panel
	Series []shownSeries
}

type shownSeries struct {
	Name   string
	Points []point
}

func (p shownPanel) points() (n int) {
	for _, s := range p.Series {
		n += len(s.Points)
	}
	return n
}

var placeholder = regexp.MustCompile(`\{\{[^}]*\}\}`)

// show asks the panel's queries as Grafana does, for all tenants.
func (s prometheusServer) show(t *testing.T, p panel, from, to time.Time) shownPanel {
	t.Helper()
	shown := shownPanel{panel: p}
	for _, target := range p.Targets {
		expr := strings.NewReplacer("$__rate_interval", (5 * scrapeEvery).String(), "$tenant", ".*").Replace(target.Expr)
		q := url.Values{"query": {expr}, "start": {fmt.Sprint(from.Unix())}, "end": {fmt.Sprint(to.Unix())}, "step": {"1"}}
		resp, err := http.Get(s.base + "/api/v1/query_range?" + q.Encode())
		must(t, err)
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		must(t, err)
		var a struct {
			Status, Error string
			Data          struct {
				Result []struct {
					Metric map[string]string
					Values [][2]any
				}
			}
		}
		must(t, json.Unmarshal(text, &a))
		if a.Status != "success" {
			t.Errorf("%q: %s: %s", p.Title, expr, a.Error)
		}
		for _, r := range a.Data.Result {
			line := shownSeries{Name: placeholder.ReplaceAllStringFunc(target.Legend, func(l string) string { return r.Metric[strings.Trim(l, "{} ")] })}
			for _, v := range r.Values {
				at, _ := v[0].(float64)
				text, _ := v[1].(string)
				if y, err := strconv.ParseFloat(text, 64); err == nil && y == y { // not NaN: nothing was divided
					line.Points = append(line.Points, point{at - float64(from.Unix()), y})
				}
			}
			if len(line.Points) > 0 {
				shown.Series = append(shown.Series, line)
			}
		}
	}
	return shown
}
