package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"weft/storage/objects"
	"weft/storage/servertest"
)

const deployDir = "../../deploy/"

var (
	ourMetric  = regexp.MustCompile(`\bweft_[a-z_]+\b`)
	descName   = regexp.MustCompile(`fqName: "([^"]+)"`)
	histogram  = regexp.MustCompile(`_(bucket|sum|count)$`)
	alertName  = regexp.MustCompile(`(?m)^ *- alert: (\w+)$`)
	runbookRef = regexp.MustCompile(`runbook: deploy/RUNBOOK\.md#(\w+)`)
)

// realMetrics are the metrics that the roles register, as they describe themselves: `weft up` plays all of them.
func realMetrics(t *testing.T) map[string]string {
	t.Helper()
	cmd := upCmd{place: place{Tenant: "default", Data: t.TempDir()}, encoders: encoders{Image: "efficientnet-lite0", Text: "all-minilm-l6-v2", Decoder: "auto", Provider: "cpu"},
		Listen: "127.0.0.1:0", SweepEvery: 1e9}
	u, err := cmd.start(t.Context(), &app{out: t.Output(), err: t.Output(), in: strings.NewReader(""), log: slog.New(slog.DiscardHandler)})
	must(t, err)
	defer u.stop()
	descs := make(chan *prometheus.Desc)
	go func() {
		u.node.registry.Describe(descs)
		close(descs)
	}()
	all := map[string]string{}
	for d := range descs {
		all[descName.FindStringSubmatch(d.String())[1]] = d.String()
	}
	return all
}

// A dashboard or an alert that asks for a metric which nobody has would be silent for
// ever.
func TestDashboardAndAlertsAskForRealMetrics(t *testing.T) {
	real := realMetrics(t)
	if real["weft_tasks_total"] == "" || real["weft_backlog_workers_wanted"] == "" || real["weft_http_requests_total"] == "" {
		t.Fatalf("metrics of a role are missing: %v", real)
	}
	asked := map[string]bool{}
	for _, file := range []string{"helm/weft/files/dashboard.json", "helm/weft/files/alerts.yaml", "prometheus/alerts_test.yaml", "prometheus/quality_test.yaml"} {
		for _, name := range ourMetric.FindAllString(string(read(t, deployDir+file)), -1) {
			if asked[name] = true; real[name]+real[histogram.ReplaceAllString(name, "")] == "" {
				t.Errorf("%s asks for %s, which no role has", file, name)
			}
		}
	}
	if len(asked) < 25 {
		t.Errorf("only %d metrics are asked for: is the pattern right?", len(asked))
	}
}

func TestEveryAlertHasItsSectionInTheRunbook(t *testing.T) {
	alerts, runbook := string(read(t, deployDir+"helm/weft/files/alerts.yaml")), string(read(t, deployDir+"RUNBOOK.md"))
	tests := string(read(t, deployDir+"prometheus/alerts_test.yaml")) + string(read(t, deployDir+"prometheus/quality_test.yaml"))
	names := alertName.FindAllStringSubmatch(alerts, -1)
	refs := runbookRef.FindAllStringSubmatch(alerts, -1)
	if len(names) < 10 || len(refs) != len(names) {
		t.Fatalf("%d alerts, %d references", len(names), len(refs))
	}
	for i, n := range names {
		if strings.ToLower(n[1]) != refs[i][1] {
			t.Errorf("%s refers to %s", n[1], refs[i][1])
		}
		if strings.Count(runbook, "\n## "+n[1]+"\n") != 1 {
			t.Errorf("RUNBOOK.md needs one section ## %s", n[1])
		}
		if !strings.Contains(tests, n[1]) {
			t.Errorf("%s has no test", n[1])
		}
	}
	for _, section := range regexp.MustCompile(`(?m)^## (Weft\w+)$`).FindAllStringSubmatch(runbook, -1) {
		if !slices.ContainsFunc(names, func(n []string) bool { return n[1] == section[1] }) {
			t.Errorf("RUNBOOK.md has a section for %s, which is no alert", section[1])
		}
	}
}

// The pods' grace period must leave a worker the time that it takes for itself.
func TestGracePeriodIsAboveTheDrainTime(t *testing.T) {
	schema := string(read(t, deployDir+"helm/weft/values.schema.json"))
	at := strings.Index(schema, "terminationGracePeriodSeconds")
	minimum := regexp.MustCompile(`"minimum": (\d+)`).FindStringSubmatch(schema[at:])
	if minimum == nil {
		t.Fatal("the chart has no minimum")
	}
	allowed, err := strconv.Atoi(minimum[1])
	must(t, err)
	if least := (drainTime + closeTime).Seconds(); float64(allowed) < least+5 {
		t.Errorf("the chart allows %v s, a worker takes up to %v s", allowed, least)
	}
}

// Every role works with the rights of its Redis user, and has no more.
func TestRedisUsers(t *testing.T) {
	s := newShop(t)
	ids := samples(t, 5)
	s.stock(ids...)
	acl := filepath.Join(t.TempDir(), "users.acl")
	must(t, os.WriteFile(acl, read(t, deployDir+"redis/users.acl"), 0o600))
	f := &fleet{t: t, redis: servertest.Redis(t, "--aclfile", acl), s3: servertest.S3(t)}
	store, err := objects.Open(t.Context(), f.s3.URL("shop"), objects.Credentials{AccessKey: f.s3.AccessKey, SecretKey: f.s3.SecretKey})
	must(t, err)
	f.bucket = objects.WithPrefix(store, "default/")
	as := func(user string) func(role string, more ...string) []string {
		address := func(db string) string {
			return "redis://" + user + ":CHANGE-ME-" + user + "@" + f.redis.Addr + "/" + db
		}
		return func(role string, more ...string) []string {
			return append(append([]string{role}, more...), append(f.place(), "--queue", address("0"), "--vectors", address("1"))...)
		}
	}
	f.scheduler = spawn(t, as("scheduler")("scheduler", "--sweep-every", "1s")...)
	f.workers = []*process{spawn(t, as("worker")("worker", "--runners", "1")...), spawn(t, as("serve")("serve", "--listen", "127.0.0.1:0")...)}
	f.upload(s)
	f.settled(len(ids))
	queueURL := "redis://operator:CHANGE-ME-operator@" + f.redis.Addr + "/0"
	done(t, "pause", "--queue", queueURL)
	done(t, "resume", "--queue", queueURL)
	done(t, "drain", "--queue", queueURL)
	connect := func(user, password string) *redis.Client {
		c := redis.NewClient(&redis.Options{Addr: f.redis.Addr, Username: user, Password: password, DB: 1})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	if err := connect("", "").Ping(t.Context()).Err(); err == nil {
		t.Error("a stranger is let in")
	}
	reader := connect("recommender", "CHANGE-ME-recommender")
	gen, err := reader.Get(t.Context(), "weft:default:live").Result()
	must(t, err)
	if v, err := reader.HGet(t.Context(), "weft:default:"+gen+":product:"+ids[0], "vector").Result(); err != nil || len(v) == 0 {
		t.Errorf("the recommender cannot read a vector: %v", err)
	}
	if n, err := reader.XLen(t.Context(), "weft:default:updates").Result(); err != nil || n == 0 {
		t.Errorf("the recommender cannot read the updates: %d, %v", n, err)
	}
	if err := reader.Set(t.Context(), "weft:default:live", "x", 0).Err(); err == nil {
		t.Error("the recommender may write")
	}
	if err := reader.HGetAll(t.Context(), "weft:default:workers").Err(); err == nil {
		t.Error("the recommender may read what is not its own")
	}
	for _, user := range []string{"scheduler", "worker", "serve", "operator", "recommender"} {
		c := connect(user, "CHANGE-ME-"+user)
		if c.FlushAll(t.Context()).Err() == nil || c.FlushDB(t.Context()).Err() == nil || c.ConfigSet(t.Context(), "maxmemory", "1").Err() == nil || c.Set(t.Context(), "elsewhere", "x", 0).Err() == nil {
			t.Errorf("%s may do what it need not", user)
		}
	}
	f.stop()
	for _, p := range append(f.workers, f.scheduler) {
		if text := p.err.String(); strings.Contains(text, "NOPERM") {
			t.Errorf("weft %s lacks a right:\n%s", p.cmd.Args[1], text)
		}
	}
}
