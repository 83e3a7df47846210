package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"weft/storage/vectors"
	"weft/tasks/queue"
)

// oldRedis is the oldest major version that is tested.
const oldRedis = 7

// Redis looks at a server of the queues or of the vectors. name says in the findings which one it is.
func (e *Examination) Redis(ctx context.Context, name string, rdb redis.UniversalClient) {
	info := redisInfo(ctx, rdb)
	switch major, _, _ := strings.Cut(info["redis_version"], "."); {
	case info["redis_version"] == "":
		e.Add(name+" version", Warn, "let this user run INFO, so that its memory can be watched", "the server does not tell")
	case wholeNumber(major) < oldRedis:
		e.Add(name+" version", Warn, "use Redis 7 or newer: older ones are not tested", "%s", info["redis_version"])
	default:
		e.Add(name+" version", OK, "", "%s", info["redis_version"])
	}
	policy := vectors.CheckPolicy(ctx, rdb)
	e.Judge(name+" eviction", policy, "set maxmemory-policy noeviction: another policy deletes tasks and vectors without a word", "noeviction, or not told")
	used, limit := wholeNumber(info["used_memory"]), wholeNumber(info["maxmemory"])
	switch {
	case limit == 0 && info["redis_version"] != "":
		e.Add(name+" memory", Warn, "set maxmemory below the machine's: without it the scheduler cannot hold back in time", "%d MB used, no limit", used>>20)
	case limit > 0 && used > limit/10*9:
		e.Add(name+" memory", Fail, "raise maxmemory: above 80 % nothing is queued", "%d of %d MB used", used>>20, limit>>20)
	case limit > 0 && used > limit/10*8:
		e.Add(name+" memory", Warn, "raise maxmemory: above 80 % nothing is queued", "%d of %d MB used", used>>20, limit>>20)
	default:
		e.Add(name+" memory", OK, "", "%d of %d MB used", used>>20, limit>>20)
	}
	switch info["aof_enabled"] {
	case "0":
		e.Add(name+" durability", Warn, "set appendonly yes: everything is refilled from the bucket without it, but that takes its time", "appendonly no")
	case "1":
		e.Add(name+" durability", OK, "", "appendonly yes")
	}
	e.Judge(name+" clock", queue.CheckClock(ctx, rdb), "synchronise the clocks of both machines (NTP)", "this machine's and the server's agree")
}

// redisInfo is what INFO says, empty where it is not allowed.
func redisInfo(ctx context.Context, rdb redis.UniversalClient) map[string]string {
	out := map[string]string{}
	for _, section := range []string{"server", "memory", "persistence"} {
		text, err := rdb.Info(ctx, section).Result()
		if err != nil {
			continue
		}
		for line := range strings.Lines(text) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				out[name] = value
			}
		}
	}
	return out
}

// wholeNumber is 0 where the server says none.
func wholeNumber(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// Queues tells who works on the queues of a Redis.
func (e *Examination) Queues(ctx context.Context, rdb redis.UniversalClient) {
	s, err := queue.NewClient(rdb).Signals(ctx)
	if err != nil {
		e.Judge("queues", err, "look at the Redis of --queue", "")
		return
	}
	waiting, paused := 0, []string{}
	for _, w := range s.Tenants {
		for _, l := range w.Loads {
			waiting += l.Ready()
		}
	}
	for i, name := range queue.Names() {
		if s.Paused[i] {
			paused = append(paused, name)
		}
	}
	found := fmt.Sprintf("%d workers report, %d tasks of %d tenants wait", len(s.Workers), waiting, len(s.Tenants))
	switch {
	case len(paused) > 0:
		e.Add("queues", Warn, "run `weft resume` when the reason has gone", "%s; paused: %s", found, strings.Join(paused, ", "))
	case len(s.Workers) == 0 && waiting > 0:
		e.Add("queues", Warn, "start `weft worker` or `weft autoscale`", "%s", found)
	default:
		e.Add("queues", OK, "", "%s", found)
	}
}
