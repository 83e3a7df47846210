package keda

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kedacore/keda/v2/pkg/scalers"
	"github.com/kedacore/keda/v2/pkg/scalers/scalersconfig"
	"github.com/redis/go-redis/v9"
	"gopkg.in/yaml.v3"
	v2 "k8s.io/api/autoscaling/v2"

	"weft/scheduler"
	"weft/tasks"
	"weft/tasks/queue"
)

var (
	manifests = flag.String("manifests", "", "what `helm template` made of the chart with KEDA enabled")
	program   = flag.String("weft", "", "the weft binary")
)

// proxied is where requests to the cluster's names go: KEDA's client reads HTTP_PROXY once, before anything else.
var proxied = &clusterProxy{}

// clusterProxy stands for the cluster's DNS and service: whatever name is asked for, weft serve answers.
type clusterProxy struct {
	target *url.URL
	asked  []string // hosts
}

func (p *clusterProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked = append(p.asked, r.URL.Host)
	(&httputil.ReverseProxy{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), Rewrite: func(pr *httputil.ProxyRequest) { pr.SetURL(p.target) }}).ServeHTTP(w, r)
}

func TestMain(m *testing.M) {
	flag.Parse()
	if *manifests == "" || *program == "" {
		fmt.Fprintln(os.Stderr, "run `make keda-check`, which builds weft and renders the chart")
		os.Exit(2)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() { _ = http.Serve(l, proxied) }()
	_ = os.Setenv("HTTP_PROXY", "http://"+l.Addr().String())
	os.Exit(m.Run())
}

// scaledObject is the part of the chart's manifest that KEDA acts on.
type scaledObject struct {
	Kind string `yaml:"kind"`
	Spec struct {
		Min      int `yaml:"minReplicaCount"`
		Max      int `yaml:"maxReplicaCount"`
		Triggers []struct {
			Type       string            `yaml:"type"`
			MetricType string            `yaml:"metricType"`
			Metadata   map[string]string `yaml:"metadata"`
		} `yaml:"triggers"`
	} `yaml:"spec"`
}

func chart(t *testing.T) scaledObject {
	t.Helper()
	file, err := os.Open(*manifests)
	must(t, err)
	defer file.Close()
	for dec := yaml.NewDecoder(file); ; {
		var node yaml.Node
		if err := dec.Decode(&node); err == io.EOF {
			t.Fatalf("%s holds no ScaledObject", *manifests)
		} else if err != nil {
			t.Fatal(err)
		}
		var o scaledObject
		var kind struct{ Kind string }
		if must(t, node.Decode(&kind)); kind.Kind == "ScaledObject" {
			must(t, node.Decode(&o))
			return o
		}
	}
}

const token = "a-token-for-the-test-of-keda"

// KEDA's own scaler, with the metadata of our chart and a token as the chart hands it over, reads
// the endpoint of a real weft serve over a real Redis; what it makes of the answer, and what the HorizontalPodAutoscaler makes of
// that, must be what scheduler.Policy decides from the same queues.
func TestKEDAWantsWhatWeDecide(t *testing.T) {
	ctx := t.Context()
	server := startRedis(t)
	rdb := redis.NewClient(&redis.Options{Addr: server})
	defer func() { _ = rdb.Close() }()
	proxied.target = startServe(t, server)
	o := chart(t)
	trigger := o.Spec.Triggers[0]
	if trigger.Type != "metrics-api" {
		t.Fatalf("trigger %q", trigger.Type)
	}
	config := &scalersconfig.ScalerConfig{ScalableObjectName: "shop-worker", ScalableObjectNamespace: "default", TriggerMetadata: trigger.Metadata,
		AuthParams: map[string]string{"token": token}, GlobalHTTPTimeout: 10 * time.Second, MetricType: v2.MetricTargetType(trigger.MetricType)}
	scaler, err := scalers.NewMetricsAPIScaler(config, nil)
	must(t, err)
	defer func() { _ = scaler.Close(ctx) }()
	spec := scaler.GetMetricSpecForScaling(ctx)
	if len(spec) != 1 || spec[0].External == nil || spec[0].External.Target.Type != v2.AverageValueMetricType {
		t.Fatalf("what the autoscaler is told to watch: %+v", spec)
	}
	target := spec[0].External.Target.AverageValue.AsApproximateFloat64()
	drain, err := time.ParseDuration(mustParse(t, trigger.Metadata["url"]).Query().Get("drain_target"))
	must(t, err)
	gauge := scheduler.NewGauge(queue.NewClient(rdb))
	policy := scheduler.Policy{Min: o.Spec.Min, Max: o.Spec.Max, CoolDown: time.Second}
	must(t, policy.Validate())

	client := queue.NewClient(rdb)
	must(t, queue.Register(ctx, rdb))
	most := 0
	for _, step := range []struct{ queued, unissued int }{{0, 0}, {40, 0}, {2_000, 0}, {0, 3_000}, {500, 80_000}, {0, 1_000_000}, {0, 100_000_000}, {0, 0}} {
		must(t, rdb.FlushDB(ctx).Err())
		must(t, queue.Register(ctx, rdb))
		for i := range step.queued { // of two tenants, whom the same workers serve
			enqueue(t, client, []tasks.Tenant{tasks.DefaultTenant, "zeta"}[i%2], i)
		}
		// Counted in the bucket, not queued yet.
		now := time.Now().UnixMilli()
		must(t, client.SetFeed(ctx, tasks.DefaultTenant, tasks.Feed{At: now, Items: map[tasks.Type]int{tasks.ImageEmbed: step.unissued}, Since: now}))
		metrics, active, err := scaler.GetMetricsAndActivity(ctx, spec[0].External.Metric.Name)
		must(t, err)
		backlog, err := gauge.Look(ctx, drain)
		must(t, err)
		value := metrics[0].Value.AsApproximateFloat64()
		if value != float64(backlog.Wanted) || active != (backlog.Wanted > 0) {
			t.Errorf("%+v: KEDA reads %v, active %v; the gauge wants %d", step, value, active, backlog.Wanted)
		}
		// From nobody, as KEDA starts a deployment at zero with its first activity, and from any number that runs.
		for _, current := range []int{1, 2, 7, 30, policy.Max} {
			ours, _ := policy.Decide(backlog.Wanted, current, time.Now(), longAgo(policy))
			theirs := min(max(horizontal(value, target, current), o.Spec.Min), policy.Max)
			if !active {
				theirs = o.Spec.Min // KEDA itself scales to none
			}
			if ours != theirs {
				t.Errorf("%+v, %d run, %v wanted: KEDA and Kubernetes would run %d, weft autoscale %d", step, current, value, theirs, ours)
			}
		}
		most = max(most, backlog.Wanted)
		t.Logf("%+v: KEDA reads %v, active %v", step, value, active)
	}
	if most <= policy.Max {
		t.Errorf("at most %d workers were wanted: the limit of %d was not reached", most, policy.Max)
	}
	if host := mustParse(t, trigger.Metadata["url"]).Host; len(proxied.asked) == 0 || proxied.asked[0] != host {
		t.Errorf("KEDA asked %v, the chart's address is %s", proxied.asked, host)
	}

	// Redis away: an error, which KEDA answers with its fallback, never a 0.
	must(t, rdb.Do(ctx, "CLIENT", "PAUSE", "60000", "ALL").Err())
	if m, _, err := scaler.GetMetricsAndActivity(ctx, spec[0].External.Metric.Name); err == nil {
		t.Errorf("without Redis KEDA reads %v", m)
	}
	config.AuthParams["token"] = "another-token-of-somebody"
	stranger, err := scalers.NewMetricsAPIScaler(config, nil)
	must(t, err)
	if m, _, err := stranger.GetMetricsAndActivity(ctx, "m"); err == nil {
		t.Errorf("with a wrong token KEDA reads %v", m)
	}
}

// horizontal is how the HorizontalPodAutoscaler scales on an external metric with an AverageValue: the total over
// the target, rounded up; left alone within its tolerance of a tenth.
func horizontal(total, target float64, current int) int {
	if ratio := total / (target * float64(current)); math.Abs(ratio-1) <= 0.1 {
		return current
	}
	return int(math.Ceil(total / target))
}

// longAgo is the history of a policy whose cool-down has passed with nothing wanted.
func longAgo(p scheduler.Policy) scheduler.History {
	_, h := p.Decide(0, 0, time.Now().Add(-time.Hour), scheduler.History{})
	return h
}

func enqueue(t *testing.T, c *queue.Client, tenant tasks.Tenant, n int) {
	t.Helper()
	id := tasks.ProductID(fmt.Sprintf("p%05d", n))
	_, err := c.Enqueue(t.Context(), tasks.Task{Type: tasks.ImageEmbed, Tenant: tenant, Generation: "g0123456789ab", Lane: tasks.Bulk, Product: id,
		Key: tasks.ProductPrefix(id) + "a.jpg", ETag: "e"})
	must(t, err)
}

// startRedis starts a redis-server.
func startRedis(t *testing.T) (address string) {
	address = free(t)
	_, port, _ := net.SplitHostPort(address)
	start(t, exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--dir", t.TempDir()), address)
	return address
}

// startServe starts weft serve, guarded by the token, over a directory bucket.
func startServe(t *testing.T, redis string) *url.URL {
	address, data := free(t), t.TempDir()
	cmd := exec.Command(*program, "serve", "--objects", "file://"+data, "--queue", "redis://"+redis+"/0", "--vectors", "redis://"+redis+"/1", "--listen", address)
	cmd.Env = append(os.Environ(), "WEFT_TOKEN="+token)
	start(t, cmd, address)
	return &url.URL{Scheme: "http", Host: address}
}

// start starts a program and waits until it listens; it ends with the test.
func start(t *testing.T, cmd *exec.Cmd, address string) {
	t.Helper()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if <-ended; t.Failed() {
			t.Logf("%s:\n%s", cmd.Path, out.String())
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	patience, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-tick.C:
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s", cmd.Path, err, out.String())
		case <-patience.Done():
			t.Fatalf("%s does not listen on %s", cmd.Path, address)
		}
	}
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	return u
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
