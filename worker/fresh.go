package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// listEvery is the least time between two listings of the tables of behaviour. A task
// waits for one that begins after itself, so that it sees what was committed before it
// was queued; all that come in between share it. On S3 a listing is paid for.
const listEvery = 100 * time.Millisecond

// listings coalesces the refreshing of the tables of behaviour.
type listings struct {
	mu   sync.Mutex
	next *flight   // not begun; nil: none
	last time.Time // when the last began
}

// fresh returns when what other processes had committed before the call is seen.
func (w *Worker) fresh(ctx context.Context) error {
	if !w.Shared {
		return nil
	}
	defer w.metrics.time("refresh")()
	l := &w.listings
	l.mu.Lock()
	f := l.next
	if f == nil {
		f = &flight{done: make(chan struct{})}
		l.next = f
		time.AfterFunc(max(0, listEvery-time.Since(l.last)), func() { w.list(f) })
	}
	l.mu.Unlock()
	select {
	case <-f.done:
		if f.err != nil {
			return fmt.Errorf("looking for new rows: %w", f.err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("looking for new rows: %w", context.Cause(ctx))
	}
}

// list refreshes the tables for all who wait for f.
func (w *Worker) list(f *flight) {
	w.listings.mu.Lock()
	w.listings.next, w.listings.last = nil, time.Now()
	w.listings.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs [3]error
	var wg sync.WaitGroup
	wg.Go(func() { errs[0] = w.Behaviour.Events.Refresh(ctx) })
	wg.Go(func() { errs[1] = w.Behaviour.Reviews.Refresh(ctx) })
	wg.Go(func() { errs[2] = w.Behaviour.Users.Refresh(ctx) })
	wg.Wait()
	f.err = errors.Join(errs[:]...)
	close(f.done)
}
