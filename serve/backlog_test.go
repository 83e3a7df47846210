package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"weft/serve"
	"weft/tasks"
)

func backlogs(targets chan<- time.Duration) func(*serve.Config) {
	return func(c *serve.Config) {
		c.Backlog = func(_ context.Context, target time.Duration, tenants ...tasks.Tenant) (f tasks.Fleet, _ error) {
			targets <- target
			for _, tenant := range tenants {
				b := tasks.Backlog{Tenant: tenant, Wanted: 3, Workers: 1, Waiting: 70, Unissued: 1000, Work: 600.5, Oldest: 4,
					Queues: []tasks.QueueBacklog{{Queue: "image:embed:bulk", Waiting: 70}}}
				if tenant == "other" {
					b = tasks.Backlog{Tenant: tenant, Wanted: 2, Waiting: 10, Work: 5, Oldest: 9, Queues: []tasks.QueueBacklog{}}
				}
				f.Tenants = append(f.Tenants, b)
				f.Backlog = b
			}
			return f, nil
		}
	}
}

func TestBacklog(t *testing.T) {
	targets := make(chan time.Duration, 10)
	s := open(t, backlogs(targets))
	res, body := s.do(t, "GET", "/v1/backlog?drain_target=10m", "")
	var got serve.BacklogAnswer
	if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != 200 {
		t.Fatalf("%d %s: %v", res.StatusCode, body, err)
	}
	if got.Wanted != 3 || got.Work != 600.5 || got.Unissued != 1000 || len(got.Tenants) != 1 || got.Tenants[0].Queues[0].Waiting != 70 || <-targets != 10*time.Minute {
		t.Errorf("%+v", got)
	}
	if s.do(t, "GET", "/v1/backlog", ""); <-targets != 0 {
		t.Error("without a target, one was handed on")
	}
	for _, bad := range []string{"drain_target=5", "drain_target=10ms", "drain_target=48h", "drain_target=1m&drain_target=2m", "target=1m"} {
		if res, body := s.do(t, "GET", "/v1/backlog?"+bad, ""); res.StatusCode != 422 || !strings.Contains(body, "drain_target") {
			t.Errorf("%s: %d %s", bad, res.StatusCode, body)
		}
	}
	if res, body := s.do(t, "GET", "/openapi.json", ""); res.StatusCode != 200 || !strings.Contains(body, `"/v1/backlog"`) || !strings.Contains(body, "workers_wanted") {
		t.Errorf("the description does not tell of it: %d", res.StatusCode)
	}
}

func TestBacklogOfATokensTenantsOnly(t *testing.T) {
	targets := make(chan time.Duration, 10)
	s := open(t, func(c *serve.Config) { guarded(t)(c); backlogs(targets)(c) })
	for authorization, want := range map[string]struct{ status, wanted int }{
		"": {401, 0}, "Bearer nothing": {401, 0}, "Basic " + shopToken: {401, 0}, "Bearer " + shopToken: {200, 3}, "Bearer " + otherToken: {200, 2},
	} {
		res, body := s.do(t, "GET", "/v1/backlog", "", "Authorization", authorization)
		var got serve.BacklogAnswer
		if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != want.status || got.Wanted != want.wanted {
			t.Errorf("%q: %d %s: %v", authorization, res.StatusCode, body, err)
		}
		if want.status == 200 && len(got.Tenants) != 1 {
			t.Errorf("%q sees %d tenants", authorization, len(got.Tenants))
		}
	}
}

// Zero would scale a fleet away: what cannot be read is an error.
func TestABacklogThatCannotBeReadIsNotEmpty(t *testing.T) {
	s := open(t, func(c *serve.Config) {
		c.Backlog = func(context.Context, time.Duration, ...tasks.Tenant) (tasks.Fleet, error) {
			return tasks.Fleet{}, errors.New("redis is away")
		}
	})
	if res, body := s.do(t, "GET", "/v1/backlog", ""); res.StatusCode != 503 || strings.Contains(body, "workers_wanted") || strings.Contains(body, "redis") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res, _ := open(t, nil).do(t, "GET", "/v1/backlog", ""); res.StatusCode != 501 {
		t.Errorf("without queues: %d", res.StatusCode)
	}
}
