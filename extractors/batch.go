package extractors

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"
)

// serve is one runner: it takes batches until the batcher is closed and empty.
func (b *Batcher[In, Out]) serve() {
	for {
		items, bt, ctx := b.take()
		if items == nil {
			return
		}
		b.settle(ctx, items)
		bt.cancel()
	}
}

// take waits for a batch that is due and removes it from the queue; nil after
// Close.
func (b *Batcher[In, Out]) take() ([]*item[In, Out], *batch, context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.idle++
	for !b.due() {
		if b.closed && len(b.queue) == 0 {
			b.idle--
			return nil, nil, nil
		}
		b.wake.Wait()
	}
	b.idle--
	items := b.cut()
	ctx, cancel := context.WithCancel(context.Background())
	bt := &batch{wanted: len(items), cancel: cancel}
	for _, it := range items {
		it.batch = bt
	}
	if b.idle > 0 && b.due() {
		b.wake.Signal() // the signals of several arrivals may have met one runner
	}
	return items, bt, ctx
}

// due reports whether an idle runner should run what waits. The caller holds mu
// and counts as idle.
func (b *Batcher[In, Out]) due() bool {
	switch {
	case len(b.queue) == 0:
		return false
	case b.cfg.MaxAge == 0, b.closed, b.idle == b.cfg.Runners,
		len(b.queue) >= b.cfg.MaxItems, b.cfg.MaxWeight > 0 && b.weight >= b.cfg.MaxWeight:
		return true
	}
	left := b.cfg.MaxAge - time.Since(b.queue[b.oldest()].arrived)
	if left <= 0 {
		return true
	}
	if b.ripen == nil {
		b.ripen = time.AfterFunc(left, b.wakeAll)
	} else {
		b.ripen.Reset(left)
	}
	return false
}

func (b *Batcher[In, Out]) wakeAll() {
	b.mu.Lock()
	b.wake.Broadcast()
	b.mu.Unlock()
}

func (b *Batcher[In, Out]) oldest() int {
	if b.cfg.Less == nil {
		return 0
	}
	oldest := 0
	for i, it := range b.queue {
		if it.number < b.queue[oldest].number {
			oldest = i
		}
	}
	return oldest
}

// first is the item whose turn it is: the oldest, so that nothing starves, unless First knows better.
func (b *Batcher[In, Out]) first() int {
	first := b.oldest()
	if b.cfg.First == nil {
		return first
	}
	for i, it := range b.queue {
		if other := b.queue[first]; b.cfg.First(it.in, other.in) || it.number < other.number && !b.cfg.First(other.in, it.in) {
			first = i
		}
	}
	return first
}

// cut removes the next batch: the item whose turn it is, with the neighbours in order that fit.
func (b *Batcher[In, Out]) cut() []*item[In, Out] {
	if b.cfg.Less != nil && len(b.queue) > 1 {
		slices.SortStableFunc(b.queue, func(x, y *item[In, Out]) int {
			switch {
			case b.cfg.Less(x.in, y.in):
				return -1
			case b.cfg.Less(y.in, x.in):
				return 1
			}
			return 0
		})
	}
	from := b.first()
	to, heaviest := from+1, b.queue[from].weight
	fits := func(it *item[In, Out]) bool {
		n, w := to-from+1, max(heaviest, it.weight)
		return n <= b.cfg.MaxItems && (b.cfg.MaxWeight == 0 || n*w <= b.cfg.MaxWeight)
	}
	for grown := true; grown; {
		grown = false
		if to < len(b.queue) && fits(b.queue[to]) {
			heaviest = max(heaviest, b.queue[to].weight)
			to, grown = to+1, true
		}
		if from > 0 && fits(b.queue[from-1]) {
			heaviest = max(heaviest, b.queue[from-1].weight)
			from, grown = from-1, true
		}
	}
	items := slices.Clone(b.queue[from:to])
	b.remove(from, to)
	return items
}

// remove takes items out of the queue, which makes room for as many. The
// caller holds mu.
func (b *Batcher[In, Out]) remove(from, to int) {
	for _, it := range b.queue[from:to] {
		b.weight -= it.weight
		<-b.slots
	}
	b.queue = slices.Delete(b.queue, from, to)
}

// settle runs a batch and gives every item its result.
func (b *Batcher[In, Out]) settle(ctx context.Context, items []*item[In, Out]) {
	start := time.Now()
	stats := BatchStats{Items: len(items)}
	oldest := items[0].arrived
	ins := make([]In, len(items))
	for i, it := range items {
		ins[i] = it.in
		stats.Weight = max(stats.Weight, it.weight)
		if it.arrived.Before(oldest) {
			oldest = it.arrived
		}
	}
	stats.Weight *= len(items)
	stats.Failed = b.bisect(ctx, ins, items)
	if b.cfg.Observe != nil {
		stats.Waited, stats.Ran = start.Sub(oldest), time.Since(start)
		b.cfg.Observe(stats)
	}
}

// bisect runs the items together and, when that fails and they are several,
// each half by itself. It returns how many items failed.
func (b *Batcher[In, Out]) bisect(ctx context.Context, ins []In, items []*item[In, Out]) (failed int) {
	outs, err := b.call(ctx, ins)
	if err == nil {
		for i, it := range items {
			it.result <- result[Out]{out: outs[i]}
		}
		return 0
	}
	if len(items) == 1 || ctx.Err() != nil || b.cfg.Whole(err) {
		for _, it := range items {
			it.result <- result[Out]{err: err}
		}
		return len(items)
	}
	half := len(items) / 2
	return b.bisect(ctx, ins[:half], items[:half]) + b.bisect(ctx, ins[half:], items[half:])
}

// call runs the batch function and turns a panic and a wrong number of outputs
// into errors.
func (b *Batcher[In, Out]) call(ctx context.Context, ins []In) (outs []Out, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	outs, err = b.run(ctx, ins)
	if err == nil && len(outs) != len(ins) {
		err = fmt.Errorf("batcher: %d outputs for %d items", len(outs), len(ins))
	}
	return outs, err
}
