package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"weft/tasks"
)

// fullShare is the share of the queue's memory above which the sweep adds nothing:
// a server at its limit could not even hand out what it holds.
const fullShare = 0.8

// lookEvery is how many tasks are added before the queues are looked at again.
const lookEvery = 500

const (
	roomPause = 50 * time.Millisecond // between two looks at the queues
	fullPause = time.Second           // between two looks at a full server
)

// enqueue fills in what all tasks of this scheduler share and adds t. It waits
// while the server is full.
func (s *Scheduler) enqueue(ctx context.Context, t tasks.Task, lane tasks.Lane) (bool, error) {
	t.Tenant, t.Generation, t.Lane = s.Tenant, s.Generation, lane
	if t.Trace == "" {
		t.Trace = newTrace()
	}
	for warned := false; ; warned = true {
		queued, err := s.Queue.Enqueue(ctx, t)
		if err == nil {
			s.Log.LogAttrs(ctx, slog.LevelDebug, "enqueued", slog.String("task", string(t.Type)), slog.String("key", t.Key), slog.String("subject", t.Subject()),
				slog.Bool("new", queued), slog.String("trace", t.Trace))
			return queued, nil
		}
		if !errors.Is(err, tasks.ErrQueueFull) {
			return false, fmt.Errorf("scheduling: %w", err)
		}
		if !warned {
			s.Log.Warn("the queue's server is full; waiting until workers have made room", "error", err)
		}
		if err := pause(ctx, fullPause); err != nil {
			return false, err
		}
	}
}

// window bounds the tasks of a kind that wait in the queues. One goroutine uses it.
type window struct {
	s      *Scheduler
	counts func(tasks.Type) bool
	budget int // tasks that may be enqueued before the queues are counted again
	limit  int // tasks that may wait
	sized  time.Time
	full   func(context.Context) // called while there is no room; may be nil
}

// perWorker is the part of the window that one worker asks for: as much as it takes
// in hand, and as much again.
const perWorker = 1000

// size lets the window grow with the workers.
func (w *window) size(ctx context.Context) {
	if w.limit = max(w.limit, w.s.Window); w.s.Workers == nil || time.Since(w.sized) < tellEvery {
		return
	}
	w.sized = time.Now()
	if n, err := w.s.Workers(ctx); err == nil {
		w.limit = max(w.s.Window, n*perWorker)
	}
}

func isUser(t tasks.Type) bool    { return t == tasks.UserFuse }
func isProduct(t tasks.Type) bool { return t != tasks.UserFuse }

// waitingOf counts the tasks of a kind that are still to be done.
func waitingOf(ds []tasks.Depth, counts func(tasks.Type) bool) (n int) {
	for _, d := range ds {
		if counts(d.Type) {
			n += d.Waiting()
		}
	}
	return n
}

// room blocks until the window has room for another task: the queues stay
// small however much is missing. Only the sweeps wait here; hints are live work
// and pass.
func (w *window) room(ctx context.Context) error {
	s := w.s
	for warned := false; w.budget <= 0; {
		ds, err := s.Queue.Depths(ctx)
		if err != nil {
			return fmt.Errorf("counting what waits: %w", err)
		}
		short := s.short(ctx)
		w.size(ctx)
		if w.budget = w.limit - waitingOf(ds, w.counts); w.budget > 0 && !short {
			break
		}
		if w.full != nil {
			w.full(ctx)
		}
		wait := roomPause
		if short {
			w.budget, wait = 0, fullPause
			if !warned {
				s.Log.Warn("the queue's server is short of memory; waiting until it has room", "above", fullShare)
			}
			warned = true
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
	w.budget = min(w.budget, lookEvery) - 1
	return nil
}

// short tells that the queue's server is close to its memory limit. One that does
// not tell is taken to have room: it says so when it has none.
func (s *Scheduler) short(ctx context.Context) bool {
	if s.Memory == nil {
		return false
	}
	used, limit, err := s.Memory(ctx)
	return err == nil && limit > 0 && float64(used) > fullShare*float64(limit)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
