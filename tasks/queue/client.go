package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// maxRetry is how often a task may fail before it is given up. asynq's ack can
// fail once without being tried again, so this is never below 3.
const maxRetry = 5

// HardDeadline is asynq's own limit on one attempt. Handlers get less
// (SoftDeadline), so that they decide before asynq does.
const (
	HardDeadline = 5 * time.Minute
	SoftDeadline = 4 * time.Minute
)

// waitingTTL bounds how long a mark whose task was lost can hold the next one
// back. In a backlog longer than this a subject may be queued twice, which only
// costs a second, empty run. Until its task is queued a mark lives for markTTL only:
// a process that is killed in between holds its subject back no longer.
const (
	waitingTTL = 20 * time.Second
	markTTL    = 3 * time.Second
)

// Client enqueues tasks. It is safe for concurrent use. The caller closes the
// Redis client that it was made with.
type Client struct {
	rdb   redis.UniversalClient
	asynq *asynq.Client
}

var _ tasks.Queue = (*Client)(nil)

// NewClient enqueues through rdb, which it does not close.
func NewClient(rdb redis.UniversalClient) *Client {
	return &Client{rdb: rdb, asynq: asynq.NewClientFromRedisClient(rdb)}
}

// waitingKey marks a fuse task that nobody has begun. It is set before the task
// is enqueued and deleted before the handler reads the parts: whatever arrives
// while the handler runs finds no mark and enqueues the next run.
func waitingKey(t tasks.Task) string {
	return fmt.Sprintf("weft:%s:waiting:%s:%s:%s", t.Tenant, t.Generation, t.Type, t.Subject())
}

func coalesced(t tasks.Task) bool {
	return t.Type == tasks.ProductFuse || t.Type == tasks.UserFuse
}

// Enqueue adds t; see tasks.Queue.
func (c *Client) Enqueue(ctx context.Context, t tasks.Task) (bool, error) {
	payload, err := t.Encode()
	if err != nil {
		return false, err
	}
	opts := []asynq.Option{
		asynq.Queue(tasks.QueueName(t.Type, t.Lane)), asynq.TaskID(queueID(t)), asynq.MaxRetry(maxRetry), asynq.Timeout(HardDeadline),
	}
	if coalesced(t) {
		first, err := c.rdb.SetNX(ctx, waitingKey(t), 1, markTTL).Result()
		if err != nil {
			return false, fmt.Errorf("marking %s %s as waiting: %w", t.Type, t.Subject(), full(err))
		}
		if !first {
			return false, nil
		}
	}
	_, err = c.asynq.EnqueueContext(ctx, asynq.NewTask(string(t.Type), payload), opts...)
	switch {
	case errors.Is(err, asynq.ErrTaskIDConflict):
		return false, nil
	case err != nil:
		if coalesced(t) { // without its task the mark would hold others back
			_ = c.rdb.Del(context.WithoutCancel(ctx), waitingKey(t)).Err()
		}
		return false, fmt.Errorf("enqueueing %s %s%s: %w", t.Type, t.Subject(), t.Key, full(err))
	}
	if coalesced(t) { // no mark is made by this: it is gone if the task has begun. A failure costs an empty run
		_ = c.rdb.Expire(ctx, waitingKey(t), waitingTTL).Err()
	}
	return true, nil
}

// queueID is the id of a task in its queue. It begins with the tenant, so that the queues
// tell whose their tasks are: counts kept beside them would drift with every crash, and
// be lost apart from what they count.
func queueID(t tasks.Task) string {
	id := t.ID()
	if coalesced(t) {
		id = rand.Text() // one may wait while another runs
	}
	return string(t.Tenant) + "/" + id
}

// tenantOf is whose task an id is of; empty for one that does not tell.
func tenantOf(id string) tasks.Tenant {
	tenant, _, ok := strings.Cut(id, "/")
	if !ok {
		return ""
	}
	return tasks.Tenant(tenant)
}

// Depths reports all eight queues in one round trip.
func (c *Client) Depths(ctx context.Context) ([]tasks.Depth, error) { return depths(ctx, c.rdb) }

// full marks the error of a server that is at its memory limit. asynq hands on
// only the text of what the server said.
func full(err error) error {
	if redis.IsOOMError(err) || strings.Contains(err.Error(), "OOM command not allowed") {
		return fmt.Errorf("%w: %v", tasks.ErrQueueFull, err)
	}
	return err
}
