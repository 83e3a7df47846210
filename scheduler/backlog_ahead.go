package scheduler

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"weft/tasks"
)

// ahead counts what the sweep has not come to yet. The queues hold a window of the
// work only, so while the window is full they do not say how much there is: a second
// reading of the bucket runs ahead of the sweep and counts, once a sweep.
type ahead struct {
	mu      sync.Mutex
	folder  string // that the sweep is at
	since   time.Time
	counted map[tasks.Type]int // ahead of where the sweep was when the count began
	passed  map[tasks.Type]int // of those, enqueued since; nil: no count has begun
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// at notes where the sweep is.
func (a *ahead) at(folder string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.folder = folder
}

// pass notes that the sweep has enqueued a task.
func (a *ahead) pass(t tasks.Type) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.passed != nil {
		a.passed[t]++
	}
}

// blocked begins the count, if it has not begun: the sweep waits for room.
func (a *ahead) blocked(ctx context.Context, s *Scheduler) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.passed == nil {
		a.since, a.counted, a.passed = time.Now(), map[tasks.Type]int{}, map[tasks.Type]int{}
		var counting context.Context
		counting, a.cancel = context.WithCancel(ctx)
		after := a.folder
		a.done.Go(func() {
			if err := a.count(counting, s.view(), after, s.encoded); err != nil && counting.Err() == nil {
				s.Log.Warn("what waits in the bucket could not be counted; the backlog is told too small", "error", err)
			}
		})
	}
}

// count reads the bucket behind a folder by the sweep's own decision, and enqueues nothing.
func (a *ahead) count(ctx context.Context, v View, after string, has encoded) error {
	in := openStreamsAfter(ctx, v, after)
	defer in.close()
	for {
		g, ok := in.next()
		if !ok {
			return in.failed()
		}
		if g.folder <= after || g.product == "" || (len(g.media) == 0 && !g.known.vector) {
			continue
		}
		next, err := plan(ctx, g.media, g.reviews.Parts(), g.known, has)
		if err != nil {
			return err
		}
		a.mu.Lock()
		for _, t := range next.embed {
			a.counted[t.Type]++
		}
		if next.fuse {
			a.counted[tasks.ProductFuse]++
		}
		a.mu.Unlock()
	}
}

// left is what of the count is not yet enqueued, and when the count began.
func (a *ahead) left() (items map[tasks.Type]int, since int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.passed == nil {
		return nil, 0
	}
	items = maps.Clone(a.counted)
	for t, n := range items {
		items[t] = max(0, n-a.passed[t])
	}
	return items, a.since.UnixMilli()
}

// finish ends the count with the sweep: everything is enqueued, or found again by
// the next one.
func (a *ahead) finish() {
	a.mu.Lock()
	cancel := a.cancel
	a.mu.Unlock()
	if cancel == nil {
		return
	}
	cancel()
	a.done.Wait()
	a.mu.Lock()
	a.passed, a.cancel = nil, nil
	a.mu.Unlock()
}

// pastFolder is a key after which a listing goes on with the folder that follows: '0' is
// the byte after '/'.
func pastFolder(folder string) string {
	if f, ok := strings.CutSuffix(folder, "/"); ok {
		return f + "0"
	}
	return folder
}
