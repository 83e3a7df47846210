package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrQueueName reports a name that no queue has.
var ErrQueueName = errors.New("no such queue")

// pausedKey is asynq's own mark; its dequeue script looks for it first.
func pausedKey(queue string) string { return asynqKey(queue, "paused") }

// Names are those of the eight queues, as operators see them.
func Names() []string { return queueNames() }

// chosen are the named queues, all where none is named. Errors: ErrQueueName.
func chosen(names []string) ([]string, error) {
	if len(names) == 0 {
		return queueNames(), nil
	}
	for _, n := range names {
		if !slices.Contains(queueNames(), n) {
			return nil, fmt.Errorf("%w %q: want one of %s", ErrQueueName, n, strings.Join(queueNames(), ", "))
		}
	}
	return names, nil
}

// Pause keeps workers from taking further tasks of the named queues, of all where
// none is named; what they have in hand they finish, and tasks are still added. It
// tells which of them were not paused before. A server that loses its memory forgets
// it. Errors: ErrQueueName.
func (c *Client) Pause(ctx context.Context, names ...string) (changed []string, err error) {
	return c.mark(ctx, names, "pausing", func(p redis.Pipeliner, queue string) func() bool {
		r := p.SetNX(ctx, pausedKey(queue), time.Now().Unix(), 0)
		return r.Val
	})
}

// Resume ends a Pause, and tells which of the queues were paused. Errors: ErrQueueName.
func (c *Client) Resume(ctx context.Context, names ...string) (changed []string, err error) {
	return c.mark(ctx, names, "resuming", func(p redis.Pipeliner, queue string) func() bool {
		r := p.Del(ctx, pausedKey(queue))
		return func() bool { return r.Val() > 0 }
	})
}

func (c *Client) mark(ctx context.Context, names []string, doing string, each func(redis.Pipeliner, string) func() bool) ([]string, error) {
	queues, err := chosen(names)
	if err != nil {
		return nil, err
	}
	changes := make([]func() bool, len(queues))
	_, err = c.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, q := range queues {
			changes[i] = each(p, q)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", doing, strings.Join(queues, ", "), full(err))
	}
	changed := []string{}
	for i, q := range queues {
		if changes[i]() {
			changed = append(changed, q)
		}
	}
	return changed, nil
}
