package serve

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// Search says what to look for.
type Search struct {
	// K is how many products to find, at least 1.
	K int
	// PerCategory is how many of them may share a category; 0: any number. Products
	// without a category are not counted.
	PerCategory int
	// Whole reads all products however many there are. A search with a Factor does.
	Whole bool
	// Keep tells which products may be found; nil: all. It is called by several
	// goroutines at once, and only for products that come near enough. Sparse says that
	// it may keep few, which may lie anywhere: more is read before a search ends.
	Keep   func(*Entry) bool
	Sparse bool
	// Factor multiplies scores before they are compared (see weigh), by more than 0 and
	// at most MostFactor; nil: nothing does. It is called as Keep is.
	Factor     func(*Entry) float64
	MostFactor float64 // at least 1
}

// spareHits are found beyond what is asked for: a product that is set to another place
// during a search may be met as it was and as it is.
const spareHits = 4

// Except keeps all products but one.
func Except(id string) func(*Entry) bool { return func(e *Entry) bool { return e.ID != id } }

// Near returns the products nearest to q that a search allows, the nearest first.
// They are the best in the sense that of each category its nearest are taken. q need
// not be of unit length. It uses every core. Errors: ErrVector for a q that cannot be
// compared, the context's.
func (n *Neighbours) Near(ctx context.Context, q []float32, s Search) ([]Hit, error) {
	n.mu.RLock()
	dim, stride := n.dim, n.stride
	n.mu.RUnlock()
	if dim == 0 || s.K < 1 {
		return nil, ctx.Err()
	}
	if len(q) != dim {
		return nil, fmt.Errorf("%w: the query has %d dimensions, the products have %d", ErrVector, len(q), dim)
	}
	var sum float64
	for _, x := range q {
		sum += float64(x) * float64(x)
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil, fmt.Errorf("%w: the query has length %v, want a finite one above 0", ErrVector, math.Sqrt(sum))
	}
	unit := make([]float32, dim)
	for i, x := range q {
		unit[i] = float32(float64(x) / math.Sqrt(sum))
	}
	query := newQuery(unit, stride)

	parts, err := n.read(ctx, &query, &s)
	if err != nil {
		return nil, err
	}
	found := merge(parts, s.K)
	hits := make([]Hit, len(found))
	for i := range found {
		hits[i] = Hit{Entry: *found[i].at, Score: found[i].score}
		if s.Factor == nil {
			hits[i].Score = min(1, max(-1, hits[i].Score)) // rounding may pass 1
		}
	}
	return hits, nil
}

// read goes through the blocks on every core, the nearest cells first, and ends when patience is over: when so many
// blocks on end have changed nothing in what is found.
func (n *Neighbours) read(ctx context.Context, q *query, s *Search) ([]selection, error) {
	blocks, patience := n.near(q, s)
	parts := make([]selection, max(1, min(runtime.GOMAXPROCS(0), len(blocks)/2)))
	var next, changed atomic.Int64 // numbers of blocks
	var wg sync.WaitGroup
	for i := range parts {
		part := &parts[i]
		*part = selection{k: s.K + spareHits, perCategory: s.PerCategory}
		scan := func() {
			for ctx.Err() == nil {
				at := next.Add(1) - 1
				if at >= int64(len(blocks)) || at > changed.Load()+int64(patience) {
					return
				}
				if blocks[at].scan(q, s, part) || !part.filled() {
					raise(&changed, at)
				}
			}
		}
		if i == len(parts)-1 {
			scan()
		} else {
			wg.Go(scan)
		}
	}
	wg.Wait()
	return parts, ctx.Err()
}

// raise makes n at least to.
func raise(n *atomic.Int64, to int64) {
	for now := n.Load(); now < to && !n.CompareAndSwap(now, to); now = n.Load() {
	}
}

// scan offers what of a block may be among the best, and tells whether any of it was taken.
func (b *block) scan(q *query, s *Search, to *selection) (taken bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var sums [blockRows]int32
	dotRows(q.codes, b.codes, sums[:])
	for row, e := range b.entries {
		if e == nil {
			continue
		}
		atMost, factor := q.atMost(sums[row], b.scale[row], b.miss[row]), float32(1)
		if s.Factor == nil {
			if !to.admits(atMost, b.categories[row]) || s.Keep != nil && !s.Keep(e) {
				continue
			}
		} else {
			if !to.admits(weigh(atMost, float32(s.MostFactor)), b.categories[row]) || s.Keep != nil && !s.Keep(e) {
				continue
			}
			if factor = float32(s.Factor(e)); !to.admits(weigh(atMost, factor), b.categories[row]) {
				continue
			}
		}
		dim := len(q.exact)
		if to.offer(scored{weigh(dot(q.exact, b.rows[row*dim:][:dim]), factor), b.categories[row], e}) {
			taken = true
		}
	}
	return taken
}
