package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"weft/tasks"
)

// fullShare is the share of the queue's memory above which the sweep adds nothing:
// a server at its limit could not even hand out what it holds.
const fullShare = 0.8

// lookEvery is how many tasks are added before the queues are looked at again.
const lookEvery = 100

const (
	lookPause = 50 * time.Millisecond // between two looks at the queues
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

// window is the part of a tenant's share that the tasks of a kind in one lane fill.
type window struct {
	s    *Scheduler
	of   part
	lane tasks.Lane
	full func(context.Context) // called while there is no room; may be nil
	held atomic.Pointer[tasks.Held]

	turn   chan struct{} // held by whoever looks for room
	budget int           // tasks that may be enqueued before the queues are looked at again
}

func newWindow(s *Scheduler, of part, lane tasks.Lane) *window {
	return &window{s: s, of: of, lane: lane, turn: make(chan struct{}, 1)}
}

// room blocks until the tenant may add a task: the queues stay small however much is
// missing, and no tenant's work stands behind all of another's. Whoever waits here loses
// nothing: hints coalesce meanwhile, and the sweep goes on where it stood.
func (w *window) room(ctx context.Context) error {
	s := w.s
	for warned := false; w.budget <= 0; {
		short := s.short(ctx)
		room, held, err := s.Shares.room(ctx, s.Tenant, w.of, w.lane, s.Settings())
		if err != nil {
			return fmt.Errorf("counting what waits: %w", err)
		}
		if w.budget = room; room > 0 && !short {
			break
		}
		wait := lookPause
		if short {
			w.budget, wait, held = 0, fullPause, tasks.HeldByMemory
			if !warned {
				s.Log.Warn("the queue's server is short of memory; waiting until it has room", "above", fullShare)
			}
			warned = true
		}
		w.held.Store(&held)
		if w.full != nil {
			w.full(ctx)
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
	w.held.Store(nil)
	w.budget--
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
