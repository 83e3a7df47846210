package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// A census tells the tasks in the queues apart by their tenants. It reads the ids
// themselves, which are few: the schedulers feed each tenant a bounded window. So it is
// right whatever was lost or came back meanwhile.

// listing is the ids that one queue holds. asynq adds to pending at its head and takes
// from its tail.
type listing struct {
	pending, active  []string
	scheduled, retry []redis.Z // with the Unix time they are put back until
	paused           bool
}

// census lists what the queues hold, in one round trip.
func census(ctx context.Context, rdb redis.UniversalClient) ([]listing, error) {
	type replies struct {
		pending, active  *redis.StringSliceCmd
		scheduled, retry *redis.ZSliceCmd
		paused           *redis.IntCmd
	}
	var asked []replies
	err := pipelined(ctx, rdb, func(p redis.Pipeliner) {
		for _, q := range queueNames() {
			asked = append(asked, replies{
				p.LRange(ctx, asynqKey(q, "pending"), 0, -1), p.LRange(ctx, asynqKey(q, "active"), 0, -1),
				p.ZRangeWithScores(ctx, asynqKey(q, "scheduled"), 0, -1), p.ZRangeWithScores(ctx, asynqKey(q, "retry"), 0, -1),
				p.Exists(ctx, pausedKey(q)),
			})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("looking into the queues: %w", err)
	}
	out := make([]listing, len(asked))
	for i, a := range asked {
		out[i] = listing{a.pending.Val(), a.active.Val(), a.scheduled.Val(), a.retry.Val(), a.paused.Val() > 0}
	}
	return out, nil
}

// DepthsByTenant implements tasks.Queue, in one round trip. Archived tasks are nobody's.
func (c *Client) DepthsByTenant(ctx context.Context) (map[tasks.Tenant][]tasks.Depth, error) {
	queues, err := census(ctx, c.rdb)
	if err != nil {
		return nil, err
	}
	out := map[tasks.Tenant][]tasks.Depth{}
	for tenant, loads := range loadsOf(queues, time.Time{}) {
		for _, l := range loads {
			out[tenant] = append(out[tenant], l.Depth)
		}
	}
	return out, nil
}

// loadsOf counts the ids by tenant. Oldest is that of tasks whose time has come; pending
// ones are asked for by waits.
func loadsOf(queues []listing, now time.Time) map[tasks.Tenant][]tasks.Load {
	out := map[tasks.Tenant][]tasks.Load{}
	load := func(queue int, id string) *tasks.Load {
		tenant := tenantOf(id)
		if out[tenant] == nil {
			out[tenant] = emptyLoads()
		}
		return &out[tenant][queue]
	}
	for i, q := range queues {
		for _, id := range q.pending {
			load(i, id).Pending++
		}
		for _, id := range q.active {
			load(i, id).Active++
		}
		later := func(zs []redis.Z, count func(*tasks.Load)) {
			for _, z := range zs {
				id, _ := z.Member.(string)
				l := load(i, id)
				count(l)
				if age := float64(now.Unix()) - z.Score; age >= 0 {
					l.Due++
					l.Oldest = max(l.Oldest, age)
				}
			}
		}
		later(q.scheduled, func(l *tasks.Load) { l.Scheduled++ })
		later(q.retry, func(l *tasks.Load) { l.Retry++ })
	}
	return out
}

func emptyLoads() []tasks.Load {
	var loads []tasks.Load
	for _, t := range tasks.Types() {
		for _, l := range tasks.Lanes() {
			loads = append(loads, tasks.Load{Depth: tasks.Depth{Type: t, Lane: l}})
		}
	}
	return loads
}

// waits asks how long the first pending task of each tenant and queue has waited.
func waits(ctx context.Context, rdb redis.UniversalClient, queues []listing, now time.Time, loads map[tasks.Tenant][]tasks.Load) error {
	type first struct {
		load  *tasks.Load
		since *redis.StringCmd
	}
	var asked []first
	err := pipelined(ctx, rdb, func(p redis.Pipeliner) {
		for i, q := range queues {
			seen := map[tasks.Tenant]bool{}
			for j := len(q.pending) - 1; j >= 0; j-- {
				id := q.pending[j]
				if tenant := tenantOf(id); !seen[tenant] {
					seen[tenant] = true
					asked = append(asked, first{&loads[tenant][i], p.HGet(ctx, asynqKey(queueNames()[i], "t:"+id), "pending_since")})
				}
			}
		}
	})
	if err != nil {
		return fmt.Errorf("asking how long the queues have waited: %w", err)
	}
	for _, a := range asked {
		if ns, err := a.since.Int64(); err == nil {
			a.load.Oldest = max(a.load.Oldest, now.Sub(time.Unix(0, ns)).Seconds())
		}
	}
	return nil
}
