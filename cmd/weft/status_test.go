package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/hibiken/asynq" //nolint:depguard // these payloads are such that our own queue would not write them
	"github.com/redis/go-redis/v9"

	"weft/client"
	"weft/tasks"
)

// TestStatusOfTenants: of two shops in one server each hears of its own tasks.
func TestStatusOfTenants(t *testing.T) {
	s := newShop(t)
	write(t, filepath.Join(s.dir, "bucket", "zeta", tasks.SettingsKey), []byte(`{"weight":2,"quota":500}`))
	write(t, filepath.Join(s.dir, "bucket", "zeta", "media", "p", "photo.jpg"), samplePhoto(t, samples(t, 1)[0]))
	r := s.open("--tenants", "default,zeta")
	rdb := redis.NewClient(&redis.Options{Addr: r.redis.Options().Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	_, err := asynq.NewClientFromRedisClient(rdb).EnqueueContext(t.Context(), asynq.NewTask(string(tasks.ImageEmbed), []byte(`{"v":99}`)),
		asynq.Queue(tasks.QueueName(tasks.ImageEmbed, tasks.Live)), asynq.TaskID("zeta/newer")) // it waits for a newer worker
	must(t, err)
	retries := func(tenant string) (st client.Status, n int) {
		st = answer[client.Status](t, "status", "--data", s.dir, "--tenant", tenant, "--json")
		for _, q := range st.Queues {
			n += q.Retry
		}
		return st, n
	}
	until(t, "the tenant's task waits, with its quota", func() bool {
		r.alive()
		st, n := retries("zeta")
		return n == 1 && st.Quota == 500 && st.Weight == 2
	})
	if st, n := retries("default"); n != 0 || st.Quota != 0 {
		t.Errorf("another tenant's task is shown: %+v", st)
	}
	if out := done(t, "status", "--data", s.dir, "--tenant", "zeta"); !strings.Contains(out, "weight 2, quota 500 items") {
		t.Errorf("%s", out)
	}
}
