package worker

import (
	"sync"

	"weft/tasks"
)

// encoderOrder is who is next before an encoder, among the few whom the gate has let in: as there, whoever has had the least by its
// weight. Without it all that a large tenant has in memory would be encoded before what a small one has just fetched.
//
// An item's turn is a time on a clock that shows what has been served (start-time fair queueing): one item's cost after the
// tenant's last, and never in the past. A tenant's live items pass its bulk items, which go on behind them; what they take is the tenant's all the
// same. The gate evens out what costs turn out to be.
type encoderOrder struct {
	mu    sync.Mutex
	clock float64 // the turn that was served last
	next  map[tasks.Tenant]*next
}

// next is the earliest turn of a tenant's next item.
type next struct{ live, bulk float64 }

func newEncoderOrder() *encoderOrder { return &encoderOrder{next: map[tasks.Tenant]*next{}} }

// turn is that of an item that takes so much of the encoder by its tenant's weight.
func (o *encoderOrder) turn(tenant tasks.Tenant, live bool, cost float64) (turn float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.next[tenant]
	if n == nil {
		n = &next{}
		o.next[tenant] = n
	}
	n.live, n.bulk = max(n.live, o.clock), max(n.bulk, o.clock)
	if turn = n.bulk; live {
		turn = n.live
		n.live += cost
	}
	n.bulk += cost
	return turn
}

// served moves the clock: an item of this turn goes to the encoder.
func (o *encoderOrder) served(turn float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock = max(o.clock, turn)
	for tenant, n := range o.next {
		if n.bulk <= o.clock {
			delete(o.next, tenant)
		}
	}
}
