package tasks

import (
	"context"
	"errors"
)

// ErrQueueFull: the queue's server has no memory left. Nothing was added; there
// is room again when workers have taken tasks away.
var ErrQueueFull = errors.New("the queue is full")

// Queue carries tasks from whoever found work to the workers. Implementations
// may lose everything they hold: the scheduler's sweep finds it again.
type Queue interface {
	// Enqueue adds t to its lane. queued is false when the same work already
	// waits: an embed task with the same ID, or a fuse task for the same subject
	// that no worker has begun. Errors: ErrQueueFull, or what the server said. Safe
	// for concurrent use.
	Enqueue(ctx context.Context, t Task) (queued bool, err error)
	// Depths reports what every queue holds, in a fixed order. Queues that were
	// never used are there with zeros.
	Depths(ctx context.Context) ([]Depth, error)
	// DepthsByTenant reports the same for each tenant of whom any queue holds a task.
	DepthsByTenant(ctx context.Context) (map[Tenant][]Depth, error)
}

// Depth is what one queue holds.
type Depth struct {
	Type      Type `json:"type"`
	Lane      Lane `json:"lane"`
	Pending   int  `json:"pending"`   // ready to run
	Active    int  `json:"active"`    // in a worker's hands
	Scheduled int  `json:"scheduled"` // put back with a delay
	Retry     int  `json:"retry"`     // failed, waiting for the next attempt
	Archived  int  `json:"archived"`  // given up by the queue itself
}

// Waiting counts what is still to be done.
func (d Depth) Waiting() int { return d.Pending + d.Active + d.Scheduled + d.Retry }

// Waiting sums over all queues.
func Waiting(ds []Depth) int {
	n := 0
	for _, d := range ds {
		n += d.Waiting()
	}
	return n
}

// QueueName is the name of the queue of a task type and lane, as operators see it.
func QueueName(t Type, l Lane) string { return string(t) + ":" + string(l) }
