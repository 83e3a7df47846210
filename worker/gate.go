package worker

import (
	"context"
	"fmt"
	"sync"

	"weft/tasks"
)

// gate bounds what is in work at once, and lets those who wait in by turns: the tenant
// that has had the least of the encoders by its weight comes first, and of a tenant's
// two lanes likewise. It is start-time fair queueing: what a place will cost is charged
// when it is given, by the mean of those before, and set right when it is given back. One
// who was away is charged from now on: time not used is not saved up. Some places are kept for tenants of
// whom nothing is inside: they need not wait until somebody leaves.
type gate struct {
	mu    sync.Mutex
	free  int
	kept  int     // of the free places, for those who have none
	price float64 // mean cost of a place, in seconds
	now   float64 // what the tenant that came in last had been charged
	lines map[tasks.Tenant]*line
}

// line is those of one tenant.
type line struct {
	charged float64 // seconds by weight
	now     float64 // as the gate's, among the lanes
	inside  int
	lanes   [2]lane // live, bulk
}

type lane struct {
	charged float64
	waiting []*room
}

// laneOf is a lane's place in a line.
func laneOf(l tasks.Lane) int {
	if l == tasks.Bulk {
		return 1
	}
	return 0
}

// laneWeights let live work pass bulk work of the same tenant, and do not starve it.
var laneWeights = [2]float64{8, 1}

const (
	firstPrice = 0.02 // seconds, until places have been given back
	leastCost  = 0.1  // of the mean: a known content is fetched and looked up all the same
	priceShare = 0.05 // weight of a new cost in the mean
)

// newGate has so many places for any one tenant, and some more for others.
func newGate(places, kept int) *gate {
	return &gate{free: places + kept, kept: kept, price: firstPrice, lines: map[tasks.Tenant]*line{}}
}

// room is a place behind a gate. It is given back once, as soon as possible.
type room struct {
	gate   *gate
	tenant tasks.Tenant
	lane   int
	weight float64
	in     chan struct{} // closed when it is given
	price  float64       // that was charged
	once   sync.Once

	mu   sync.Mutex
	cost float64 // seconds spent so far
}

// enter waits for a place for one of a tenant's tasks.
func (g *gate) enter(ctx context.Context, tenant tasks.Tenant, of tasks.Lane, weight float64) (*room, error) {
	r := &room{gate: g, tenant: tenant, lane: laneOf(of), weight: weight, in: make(chan struct{})}
	g.mu.Lock()
	l := g.lines[tenant]
	if l == nil {
		l = &line{charged: g.now}
		g.lines[tenant] = l
	}
	if l.inside == 0 && len(l.lanes[0].waiting)+len(l.lanes[1].waiting) == 0 {
		l.charged = max(l.charged, g.now)
	}
	if q := &l.lanes[r.lane]; len(q.waiting) == 0 {
		q.charged = max(q.charged, l.now)
	}
	l.lanes[r.lane].waiting = append(l.lanes[r.lane].waiting, r)
	g.admit()
	g.mu.Unlock()
	select {
	case <-r.in:
		return r, nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	q := &l.lanes[r.lane]
	for i, waiting := range q.waiting {
		if waiting == r {
			q.waiting = append(q.waiting[:i:i], q.waiting[i+1:]...)
			g.forget(tenant, l)
			return nil, fmt.Errorf("waiting for room: %w", context.Cause(ctx))
		}
	}
	return r, nil // it was let in at the same moment
}

// admit gives the free places to those whose turn it is.
func (g *gate) admit() {
	for g.free > 0 {
		next := g.next()
		if next == nil {
			return
		}
		n := 0
		if live, bulk := &next.lanes[0], &next.lanes[1]; len(live.waiting) == 0 || len(bulk.waiting) > 0 && bulk.charged < live.charged {
			n = 1
		}
		q := &next.lanes[n]
		r := q.waiting[0]
		q.waiting = q.waiting[1:]
		g.now, next.now = max(g.now, next.charged), max(next.now, q.charged)
		r.price = g.price
		next.charged += r.price / r.weight
		q.charged += r.price / laneWeights[n]
		next.inside++
		g.free--
		close(r.in)
	}
}

// next is the line of the tenant whose turn it is, nil where nobody waits whom a free place is for.
func (g *gate) next() (least *line) {
	for _, l := range g.lines {
		if len(l.lanes[0].waiting)+len(l.lanes[1].waiting) > 0 && (g.free > g.kept || l.inside == 0) && (least == nil || l.charged < least.charged) {
			least = l
		}
	}
	return least
}

// forget drops a line that nothing is remembered by.
func (g *gate) forget(tenant tasks.Tenant, l *line) {
	if l.inside == 0 && len(l.lanes[0].waiting)+len(l.lanes[1].waiting) == 0 && l.charged <= g.now {
		delete(g.lines, tenant)
	}
}

// spend notes what the place has cost by now, in seconds.
func (r *room) spend(seconds float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cost += seconds
}

// leave gives the place back; it may be called again.
func (r *room) leave() {
	r.once.Do(func() {
		r.mu.Lock()
		cost := r.cost
		r.mu.Unlock()
		g := r.gate
		g.mu.Lock()
		defer g.mu.Unlock()
		if cost > 0 {
			g.price += priceShare * (cost - g.price)
		}
		cost = max(cost, leastCost*g.price)
		l := g.lines[r.tenant]
		l.charged += (cost - r.price) / r.weight
		l.lanes[r.lane].charged += (cost - r.price) / laneWeights[r.lane]
		l.inside--
		g.free++
		g.admit()
		g.forget(r.tenant, l)
	})
}
