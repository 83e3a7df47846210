package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/behaviour/parts"
	"weft/storage/lake"
	"weft/tasks"
)

// hints is a set of products that somebody says have changed. It coalesces, and
// is bounded: beyond the bound the sweep is soon enough.
type hints struct {
	mu   sync.Mutex
	due  map[tasks.ProductID]time.Time // not before
	busy bool
	wake chan struct{}
}

const maxHints = 10_000

// ErrHintLost: too many wait already. The sweep finds what was hinted at.
var ErrHintLost = errors.New("too many hints wait")

// Hint asks for a product to be looked at soon, not before after: a folder that is
// still being written is left alone until it is quiet. It never blocks, also while the
// tenant's share is full. Errors: ErrHintLost.
func (s *Scheduler) Hint(id tasks.ProductID, after time.Duration) error {
	s.hints.mu.Lock()
	if s.hints.due == nil {
		s.hints.due = map[tasks.ProductID]time.Time{}
	}
	_, known := s.hints.due[id]
	kept := known || len(s.hints.due) < maxHints
	if kept {
		s.hints.due[id] = time.Now().Add(after)
	}
	s.hints.mu.Unlock()
	select {
	case s.hints.wake <- struct{}{}:
	default:
	}
	if !kept {
		return ErrHintLost
	}
	return nil
}

func (h *hints) empty() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.due) == 0 && !h.busy
}

// take removes the products that are due; next is when another one will be.
func (h *hints) take(now time.Time) (ready []tasks.ProductID, next time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, at := range h.due {
		if !at.After(now) {
			ready = append(ready, id)
			delete(h.due, id)
		} else if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	h.busy = len(ready) > 0
	return ready, next
}

func (s *Scheduler) hintLoop(ctx context.Context) {
	for {
		ready, next := s.hints.take(time.Now())
		if len(ready) > 0 {
			s.follow(ctx, ready)
			continue
		}
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = time.After(time.Until(next))
		}
		select {
		case <-s.hints.wake:
		case <-timer:
		case <-ctx.Done():
			return
		}
	}
}

// following is how many hints are followed at once.
const following = 8

func (s *Scheduler) follow(ctx context.Context, ids []tasks.ProductID) {
	lost := func(err error) {
		if ctx.Err() == nil {
			s.Log.Warn("hints could not be followed; the sweep will", "products", len(ids), "error", err)
		}
	}
	if s.Shared {
		// What the workers have made since: without it nobody would know that a product that was
		// deleted has a vector to withdraw.
		if err := s.Lake.Refresh(ctx); err != nil {
			lost(err)
			return
		}
	}
	var group errgroup.Group
	group.SetLimit(following)
	for _, id := range ids {
		group.Go(func() error { return s.Consider(ctx, id) })
	}
	if err := group.Wait(); err != nil {
		lost(err)
	}
}

// Consider looks at one product and enqueues what it needs, as live work.
func (s *Scheduler) Consider(ctx context.Context, id tasks.ProductID) error {
	g, err := s.lookAt(ctx, id)
	if err != nil {
		return fmt.Errorf("looking at product %s: %w", id, err)
	}
	if len(g.media) == 0 && !g.known.vector {
		return nil
	}
	next, err := plan(ctx, g.media, g.reviews.Parts(), g.known, s.encoded)
	if err != nil {
		return fmt.Errorf("planning product %s: %w", id, err)
	}
	return s.issue(ctx, id, next, tasks.Live, &Report{})
}

// lookAt gathers by key what the sweep reads in passing.
func (s *Scheduler) lookAt(ctx context.Context, id tasks.ProductID) (group, error) {
	g := group{folder: tasks.ProductPrefix(id), product: id, known: known{contents: map[string]content{}, dead: map[string]letter{}}}
	for info, err := range s.Objects.List(ctx, g.folder, "") {
		if err != nil {
			return g, err
		}
		m := tasks.ParseMediaKey(info.Key)
		if m.Err != nil || m.Modality == "" {
			continue
		}
		g.media = append(g.media, medium{m, info})
		if row, ok, err := s.Lake.Objects.Get(ctx, info.Key); err != nil {
			return g, err
		} else if ok {
			g.known.contents[info.Key] = content{etag: row.ETag, sha: row.ContentSHA256}
		}
		if row, ok, err := s.Lake.Dead.Get(ctx, info.Key); err != nil {
			return g, err
		} else if ok {
			g.known.dead[info.Key] = letter{row.ETag, row.Dropped != 0}
		}
	}
	row, ok, err := s.Lake.Products.Get(ctx, lake.ProductKey(string(s.Generation), string(id)))
	g.known.vector, g.known.sources = ok, row.Sources
	if err != nil || s.Behaviour == nil || len(g.media) == 0 {
		return g, err
	}
	g.reviews, err = parts.ReviewsOf(ctx, s.Behaviour.ProductReviews, id)
	return g, err
}
