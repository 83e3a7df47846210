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
	tell func(context.Context, tasks.Unissued) error // nil: nobody asks

	mu      sync.Mutex
	folder  string // that the sweep is at
	since   time.Time
	counted map[tasks.Type]int // ahead of where the sweep was when the count began
	passed  map[tasks.Type]int // of those, enqueued since; nil: no count has begun
	told    time.Time
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// tellEvery is how often the count is told anew: it is forgotten otherwise.
const tellEvery = 2 * time.Second

// at notes where the sweep is, and tells the count again when that is due.
func (a *ahead) at(ctx context.Context, folder string) {
	a.mu.Lock()
	a.folder = folder
	a.mu.Unlock()
	a.renew(ctx)
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
	if a.tell == nil {
		return
	}
	a.mu.Lock()
	begin := a.passed == nil
	if begin {
		a.since, a.counted, a.passed, a.told = time.Now(), map[tasks.Type]int{}, map[tasks.Type]int{}, time.Time{}
		var counting context.Context
		counting, a.cancel = context.WithCancel(ctx)
		after := a.folder
		a.done.Go(func() {
			if err := a.count(counting, s.view(), after, s.encoded); err != nil && counting.Err() == nil {
				s.Log.Warn("what waits in the bucket could not be counted; the backlog is told too small", "error", err)
			}
		})
	}
	a.mu.Unlock()
	a.renew(ctx)
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

// renew tells what is left of the count.
func (a *ahead) renew(ctx context.Context) {
	a.mu.Lock()
	if a.passed == nil || time.Since(a.told) < tellEvery {
		a.mu.Unlock()
		return
	}
	a.told = time.Now()
	u := a.left()
	a.mu.Unlock()
	_ = a.tell(ctx, u) // it is told again soon
}

func (a *ahead) left() tasks.Unissued {
	u := tasks.Unissued{Items: maps.Clone(a.counted), Since: a.since.UnixMilli()}
	for t, n := range u.Items {
		u.Items[t] = max(0, n-a.passed[t])
	}
	return u
}

// finish ends the count with the sweep: everything is enqueued, or found again by
// the next one.
func (a *ahead) finish(ctx context.Context) {
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
	_ = a.tell(context.WithoutCancel(ctx), tasks.Unissued{}) // else it is forgotten within a minute
}

// pastFolder is a key after which a listing goes on with the folder that follows: '0' is
// the byte after '/'.
func pastFolder(folder string) string {
	if f, ok := strings.CutSuffix(folder, "/"); ok {
		return f + "0"
	}
	return folder
}
