package campaign

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// batch is faults that are injected close together, after which the fleet has to
// converge.
type batch struct {
	faults []kind
	window time.Duration // in which they begin
}

// alone tells that the batch holds one kind of fault.
func (b batch) alone() bool {
	return !slices.ContainsFunc(b.faults, func(k kind) bool { return k.name != b.faults[0].name })
}

const (
	batchFaults = 8
	batchWindow = 4 * time.Second
	// shortWindow spreads the faults of the short version: what the death of a worker
	// leaves behind is freed while the other faults go on.
	shortWindow = 16 * time.Second
)

// plan deals n faults: in the short version two batches, crashes in the first, with
// every kind in it; in the long one each kind alone in turn, and every fourth batch
// a mixture.
func plan(all []kind, n int, short bool, dice *rand.Rand) []batch {
	if short {
		deck := make([]kind, n)
		for i := range deck {
			deck[i] = all[i%len(all)]
		}
		dice.Shuffle(n, func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		slices.SortStableFunc(deck, func(a, b kind) int { return cmp.Compare(rank(a), rank(b)) })
		return []batch{{deck[:n/2], shortWindow}, {deck[n/2:], shortWindow / 2}}
	}
	var batches []batch
	var order []kind
	for i := 0; n > 0; i++ {
		size := min(batchFaults, n)
		n -= size
		b := batch{window: batchWindow}
		if i%4 == 3 {
			for range size {
				b.faults = append(b.faults, all[dice.IntN(len(all))])
			}
		} else {
			if len(order) == 0 {
				order = slices.Clone(all)
				dice.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			}
			b.faults = slices.Repeat(order[:1], size)
			order = order[1:]
		}
		batches = append(batches, b)
	}
	return batches
}

func rank(k kind) int {
	if k.crash {
		return 0
	}
	return 1
}

// A fault that meets nothing to break, such as a worker that is being started, waits
// for its moment.
const (
	tryAgain  = 250 * time.Millisecond
	mostTries = 40
)

// A fault begins while tasks wait or are in work: where the queues are empty it waits
// a little.
const (
	untilBusy = 15 * time.Millisecond
	mostIdle  = 5 * time.Second
)

// event is a fault's beginning or end.
type event struct {
	at  time.Duration // since the batch began
	act func()
}

// inject runs the faults of a batch under load. It returns when all have ended.
func (c *campaign) inject(b batch) {
	load, stop := context.WithCancel(c.ctx)
	c.background(func(context.Context) { c.shop.load(load, c.cfg.rate, c.cfg.products) })
	began := time.Now()
	var events []event
	add := func(e event) {
		events = append(events, e)
		slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	}
	for _, k := range b.faults {
		at := between0(c.dice, b.window)
		if k.crash && b.window == shortWindow {
			at /= 8
		}
		lasts := k.lasts[0] + between0(c.dice, k.lasts[1]-k.lasts[0])
		tries := 0
		var try func()
		try = func() {
			busy := c.busy()
			if busy == 0 && time.Since(began) < at+mostIdle {
				add(event{time.Since(began) + untilBusy, try})
				return
			}
			tries++
			c.missed = false
			end := k.begin(c, c.dice)
			if c.missed && tries < mostTries {
				add(event{time.Since(began) + tryAgain, try})
				return
			}
			c.report.injected(k, c.missed, busy)
			if end != nil {
				add(event{time.Since(began) + lasts, end})
			}
		}
		add(event{at, try})
	}
	for len(events) > 0 {
		next := events[0]
		events = events[1:]
		if !c.until(began.Add(next.at)) {
			break
		}
		next.act()
	}
	stop()
	c.calm()
}

// between0 is a random duration from 0 up to d.
func between0(dice *rand.Rand, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(dice.Int64N(int64(d)))
}

// until waits for a moment; false if the campaign ended before.
func (c *campaign) until(moment time.Time) bool {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}
