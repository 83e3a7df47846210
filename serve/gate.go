package serve

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// errBusy reports that as many already wait at a gate as may.
var errBusy = errors.New("too many requests wait already")

// gate lets a bounded weight through at once and a bounded number wait.
type gate struct {
	running *semaphore.Weighted
	waiting atomic.Int64
	queue   int64
}

func newGate(weight int64, queue int) *gate {
	return &gate{running: semaphore.NewWeighted(weight), queue: int64(queue)}
}

func defaultSearches() int { return 2 * runtime.GOMAXPROCS(0) }

// enter waits for its turn. leave must be called if err is nil. Errors: errBusy,
// the context's.
func (g *gate) enter(ctx context.Context, weight int64) (leave func(), err error) {
	if !g.running.TryAcquire(weight) {
		defer g.waiting.Add(-1)
		if g.waiting.Add(1) > g.queue {
			return nil, errBusy
		}
		if err := g.running.Acquire(ctx, weight); err != nil {
			return nil, err
		}
	}
	return func() { g.running.Release(weight) }, nil
}
