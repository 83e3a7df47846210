package campaign

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

func redisKinds() []kind {
	return []kind{
		{name: "FLUSHALL", begin: func(c *campaign, _ *rand.Rand) func() {
			c.note(c.queueRDB.FlushAll(c.ctx).Err())
			return nil
		}},
		{name: "random asynq keys deleted", begin: func(c *campaign, dice *rand.Rand) func() {
			c.note(deleteSome(c.ctx, c.queueRDB, "asynq:*", 3, dice))
			return nil
		}},
		{name: "asynq's lists deleted", begin: func(c *campaign, dice *rand.Rand) func() {
			what := []string{"pending", "active", "lease", "retry"}[dice.IntN(4)]
			c.note(deleteSome(c.ctx, c.queueRDB, "asynq:{*}:"+what, 8, dice))
			return nil
		}},
		{name: "random marks deleted", begin: func(c *campaign, dice *rand.Rand) func() {
			c.note(deleteSome(c.ctx, c.queueRDB, "weft:*", 10, dice))
			return nil
		}},
		{name: "random vectors deleted", begin: func(c *campaign, dice *rand.Rand) func() {
			c.note(deleteSome(c.ctx, c.vectorRDB, "weft:*:product:*", 10, dice))
			return nil
		}},
		{name: "Redis at maxmemory", lasts: seconds(1, 4), begin: func(c *campaign, _ *rand.Rand) func() {
			c.note(c.queueRDB.ConfigSet(c.ctx, "maxmemory", strconv.Itoa(max(usedMemory(c), 1<<20))).Err())
			return func() { c.note(c.queueRDB.ConfigSet(c.ctx, "maxmemory", "0").Err()) }
		}},
		{name: "Redis killed, empty at its return", lasts: seconds(0.2, 3), begin: func(c *campaign, _ *rand.Rand) func() {
			if c.redisDown {
				c.miss()
				return nil
			}
			c.redis.Kill()
			c.redisRun++
			c.redisDown = true
			return func() {
				c.redis.Start()
				c.redisDown = false
			}
		}},
		{name: "Redis frozen", lasts: seconds(1, 4), begin: func(c *campaign, _ *rand.Rand) func() {
			if c.redisDown || c.redisFrozen {
				c.miss()
				return nil
			}
			c.redis.Pause()
			c.redisFrozen = true
			run := c.redisRun
			return func() {
				c.redisFrozen = false
				if run == c.redisRun { // else it was killed meanwhile
					c.redis.Resume()
				}
			}
		}},
		{name: "connections to Redis cut", begin: func(c *campaign, _ *rand.Rand) func() {
			c.tcp.Cut()
			return nil
		}},
		{name: "Redis unreachable", lasts: seconds(0.5, 4), begin: func(c *campaign, _ *rand.Rand) func() {
			c.network(func() { c.tcpFaults.Refuse = true })
			c.tcp.Cut()
			return func() { c.network(func() { c.tcpFaults.Refuse = false }) }
		}},
		{name: "1 % of Redis's replies lost", lasts: seconds(2, 4), begin: func(c *campaign, _ *rand.Rand) func() {
			c.network(func() { c.tcpFaults.LoseReply = 0.01 })
			return func() { c.network(func() { c.tcpFaults.LoseReply = 0 }) }
		}},
		{name: "Redis slow", lasts: seconds(2, 4), begin: func(c *campaign, dice *rand.Rand) func() {
			delay := time.Duration(5+dice.IntN(45)) * ms
			c.network(func() { c.tcpFaults.Delay = delay })
			return func() { c.network(func() { c.tcpFaults.Delay = 0 }) }
		}},
	}
}

// deleteSome deletes up to n of the keys that match.
func deleteSome(ctx context.Context, rdb *redis.Client, match string, n int, dice *rand.Rand) error {
	var keys []string
	scan := rdb.Scan(ctx, 0, match, 1000).Iterator()
	for scan.Next(ctx) {
		keys = append(keys, scan.Val())
	}
	if err := scan.Err(); err != nil || len(keys) == 0 {
		return err
	}
	slices.Sort(keys) // a scan's order is the server's
	dice.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return rdb.Del(ctx, keys[:min(n, len(keys))]...).Err()
}

// usedMemory is what Redis says that it holds, in bytes.
func usedMemory(c *campaign) int {
	info, err := c.queueRDB.Info(c.ctx, "memory").Result()
	c.note(err)
	for line := range strings.Lines(info) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); ok {
			used, _ := strconv.Atoi(n) // 0 leaves the smallest limit
			return used
		}
	}
	return 0
}
