package scheduler

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"weft/tasks"
)

// people are shoppers of whom somebody has committed rows. The set coalesces, and is
// bounded: beyond the bound the sweep is soon enough.
type people struct {
	mu   sync.Mutex
	due  map[tasks.UserID]struct{}
	busy bool
	wake chan struct{}
}

// enqueueing is how many shoppers' tasks are put into the queue at once.
const enqueueing = 16

// Changed is the hint that rows of these shoppers, and reviews of these products, have
// been committed. It never blocks. Whatever is lost of it the sweep finds.
func (s *Scheduler) Changed(users []tasks.UserID, products []tasks.ProductID) {
	p := &s.people
	p.mu.Lock()
	if p.due == nil {
		p.due = map[tasks.UserID]struct{}{}
	}
	for _, id := range users {
		if len(p.due) >= maxHints {
			s.sweepUsersSoon()
			break
		}
		p.due[id] = struct{}{}
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	for _, id := range products {
		_ = s.Hint(id, 0) // the sweep finds what is lost
	}
}

func (p *people) empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.due) == 0 && !p.busy
}

// take empties the set.
func (p *people) take() map[tasks.UserID]struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := p.due
	p.due = nil
	p.busy = len(due) > 0
	return due
}

func (s *Scheduler) peopleLoop(ctx context.Context) {
	for {
		due := s.people.take()
		if len(due) == 0 {
			select {
			case <-s.people.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		var group errgroup.Group
		group.SetLimit(enqueueing)
		for id := range due {
			if err := s.liveUsers.room(ctx); err != nil {
				break // the sweep finds them
			}
			group.Go(func() error {
				_, err := s.enqueue(ctx, tasks.Task{Type: tasks.UserFuse, User: id}, tasks.Live)
				return err
			})
		}
		if err := group.Wait(); err != nil && ctx.Err() == nil {
			s.Log.Warn("not all hints could be followed; the sweep will", "shoppers", len(due), "error", err)
		}
	}
}
