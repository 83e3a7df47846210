package queue

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// The names below are asynq's own, as of v0.26. They are read here and nowhere
// else, because asynq's Inspector costs a Lua script and a MEMORY USAGE per
// queue, too much for a figure that is asked for many times a second.
const asynqQueues = "asynq:queues"

func asynqKey(queue, what string) string { return "asynq:{" + queue + "}:" + what }

// Register makes the eight queues known to asynq's own tools. asynq does so
// once per process; after a FLUSHALL nobody would.
func Register(ctx context.Context, rdb redis.UniversalClient) error {
	var names []any
	for _, t := range tasks.Types() {
		for _, l := range tasks.Lanes() {
			names = append(names, tasks.QueueName(t, l))
		}
	}
	if err := rdb.SAdd(ctx, asynqQueues, names...).Err(); err != nil {
		return fmt.Errorf("registering the queues: %w", err)
	}
	return nil
}

// depths counts what the queues hold, in one round trip.
func depths(ctx context.Context, rdb redis.UniversalClient) ([]tasks.Depth, error) {
	type counts struct{ pending, active, scheduled, retry, archived *redis.IntCmd }
	var out []tasks.Depth
	var cmds []counts
	_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, t := range tasks.Types() {
			for _, l := range tasks.Lanes() {
				q := tasks.QueueName(t, l)
				out = append(out, tasks.Depth{Type: t, Lane: l})
				cmds = append(cmds, counts{
					p.LLen(ctx, asynqKey(q, "pending")), p.LLen(ctx, asynqKey(q, "active")),
					p.ZCard(ctx, asynqKey(q, "scheduled")), p.ZCard(ctx, asynqKey(q, "retry")), p.ZCard(ctx, asynqKey(q, "archived")),
				})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting the queues: %w", err)
	}
	for i, c := range cmds {
		d := &out[i]
		d.Pending, d.Active, d.Scheduled = int(c.pending.Val()), int(c.active.Val()), int(c.scheduled.Val())
		d.Retry, d.Archived = int(c.retry.Val()), int(c.archived.Val())
	}
	return out, nil
}
