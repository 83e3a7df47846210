package main

import (
	"strings"
	"testing"

	"github.com/hibiken/asynq" //nolint:depguard // these payloads are such that our own queue would not write them
	"github.com/redis/go-redis/v9"

	"weft/client"
	"weft/tasks"
)

// TestPayloads puts tasks into the queue of a running shop that this version
// cannot read: one of a newer weft waits, anything else is dead, and the work
// goes on beside them.
func TestPayloads(t *testing.T) {
	s := newShop(t)
	r := s.open()
	rdb := redis.NewClient(&redis.Options{Addr: r.redis.Options().Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	queues := asynq.NewClientFromRedisClient(rdb)
	for _, payload := range []string{`{"v":99,"type":"image:embed","new":"field"}`, `{"v":1}`, `not json`, strings.Repeat("x", 5000)} {
		_, err := queues.EnqueueContext(t.Context(), asynq.NewTask(string(tasks.ImageEmbed), []byte(payload)), asynq.Queue(tasks.QueueName(tasks.ImageEmbed, tasks.Live)))
		must(t, err)
	}
	id := samples(t, 1)[0]
	s.stock(id)
	until(t, "the product has a vector", func() bool { r.process.alive(); return s.has(id) })
	until(t, "bad payloads are dead", func() bool { return len(s.dead()) == 3 })
	for key, reason := range s.dead() {
		if reason != tasks.ReasonPayload || !strings.HasPrefix(key, "task/") {
			t.Errorf("%s is dead of %s", key, reason)
		}
	}
	until(t, "the newer task waits", func() bool {
		for _, q := range answer[client.Status](t, "status", "--data", s.dir, "--json").Queues {
			if q.Type == string(tasks.ImageEmbed) && q.Retry == 1 && q.Archived == 0 {
				return true
			}
		}
		return false
	})
	if a := s.audit(); a.Rows.Dead != 3 || a.Products.Vectors != 1 {
		t.Errorf("audit: %+v", a)
	}
}
