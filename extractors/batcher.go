package extractors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrClosed is returned for items that come after Close.
var ErrClosed = errors.New("closed")

// BatchConfig says how a Batcher forms batches.
type BatchConfig[In any] struct {
	MaxItems int // largest batch, 1 to 4,096; default 8
	// MaxWeight bounds a batch's padded weight, its number of items times the
	// weight of the heaviest: for texts the tokens that are computed. An item
	// heavier than that goes alone. 0 is no bound.
	MaxWeight int
	// MaxAge is how long items may wait for company while a runner is idle and
	// another is at work. An encoder that is wholly idle never waits, and 0,
	// the default, means that no idle runner does.
	MaxAge  time.Duration
	Runners int                // batches in flight, one per core; 1 to 1,024, default 1
	Queue   int                // items that may wait, beyond them Do blocks; default 4·MaxItems·Runners
	Weight  func(In) int       // weight of an item, for MaxWeight
	Less    func(a, b In) bool // order in which neighbours share a batch, by length for texts; nil is order of arrival
	// First tells that a is run before b, whoever came first; nil: in order of arrival. Whoever
	// gives it sees to it that nothing starves.
	First func(a, b In) bool

	// Whole tells errors that are no item's fault, such as a closed session:
	// every item of the batch gets them and nothing is tried again. Besides it,
	// the end of the batch's context is one.
	Whole func(error) bool
	// Observe hears of every batch after it ran; it must be quick.
	Observe func(BatchStats)
}

// BatchStats describes one batch that ran.
type BatchStats struct {
	Items  int
	Weight int           // padded, as for MaxWeight
	Waited time.Duration // from the arrival of the oldest item to the start
	Ran    time.Duration
	Failed int // items that ended in an error
}

// Validate names the first field out of range.
func (c BatchConfig[In]) Validate() error {
	for _, f := range []struct {
		name             string
		value, low, high int
	}{
		{"MaxItems", c.MaxItems, 0, 4096},
		{"MaxWeight", c.MaxWeight, 0, 1 << 30},
		{"MaxAge", int(c.MaxAge), 0, int(time.Minute)},
		{"Runners", c.Runners, 0, 1024},
		{"Queue", c.Queue, 0, 1 << 20},
	} {
		if f.value < f.low || f.value > f.high {
			return fmt.Errorf("batcher: %s: %d is not from %d to %d", f.name, f.value, f.low, f.high)
		}
	}
	if c.MaxWeight > 0 && c.Weight == nil {
		return errors.New("batcher: Weight: is missing, MaxWeight needs it")
	}
	return nil
}

func (c BatchConfig[In]) withDefaults() BatchConfig[In] {
	if c.MaxItems == 0 {
		c.MaxItems = 8
	}
	if c.Runners == 0 {
		c.Runners = 1
	}
	if c.Queue == 0 {
		c.Queue = 4 * c.MaxItems * c.Runners
	}
	if c.Weight == nil {
		c.Weight = func(In) int { return 1 }
	}
	if c.Whole == nil {
		c.Whole = func(error) bool { return false }
	}
	return c
}

// Batcher gathers single items of many callers into batches for a function that
// works best on several at once. Every item settles on its own: it has its own
// result or its own error. A Batcher is safe for concurrent use; whoever made
// it closes it.
type Batcher[In, Out any] struct {
	cfg   BatchConfig[In]
	run   func(context.Context, []In) ([]Out, error)
	slots chan struct{} // one per waiting item
	done  chan struct{} // closed by Close

	mu      sync.Mutex
	wake    sync.Cond // the queue, the runners or the clock moved
	queue   []*item[In, Out]
	weight  int // of the whole queue
	arrived uint64
	idle    int // runners that wait for items
	closed  bool
	ripen   *time.Timer // wakes a runner when the oldest item reaches MaxAge

	pool    sync.Pool
	runners sync.WaitGroup
}

// item is one caller's input on its way. Its owner is the queue, then a batch,
// then the caller; a caller that left does not come back for it.
type item[In, Out any] struct {
	in      In
	weight  int
	number  uint64 // order of arrival
	arrived time.Time
	batch   *batch // once taken; guarded by the batcher's mu
	result  chan result[Out]
}

type result[Out any] struct {
	out Out
	err error
}

// batch counts the callers that still want its results.
type batch struct {
	wanted int
	cancel context.CancelFunc
}

// NewBatcher starts the runners. run gets 1 to MaxItems items and returns as
// many outputs in their order, or an error; it is called from Runners
// goroutines at once. When run fails or panics on several items, halves of
// them are run again until those at fault stand alone. Its context ends when
// no caller wants the batch any more.
func NewBatcher[In, Out any](cfg BatchConfig[In], run func(ctx context.Context, items []In) ([]Out, error)) (*Batcher[In, Out], error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	b := &Batcher[In, Out]{cfg: cfg, run: run, slots: make(chan struct{}, cfg.Queue), done: make(chan struct{})}
	b.wake.L = &b.mu
	b.pool.New = func() any { return &item[In, Out]{result: make(chan result[Out], 1)} }
	for range cfg.Runners {
		b.runners.Go(b.serve)
	}
	return b, nil
}

// Do puts one item into a batch and waits for its result. It returns early with
// the cause when ctx ends, which takes the item out of the queue or drops its
// result, and with ErrClosed after Close. An error of run for this item is
// returned as it is; a panic of run as a *PanicError.
func (b *Batcher[In, Out]) Do(ctx context.Context, in In) (Out, error) {
	var none Out
	if ctx.Err() != nil {
		return none, context.Cause(ctx)
	}
	select {
	case b.slots <- struct{}{}:
	default:
		select {
		case b.slots <- struct{}{}:
		case <-ctx.Done():
			return none, context.Cause(ctx)
		case <-b.done:
			return none, ErrClosed
		}
	}
	it := b.pool.Get().(*item[In, Out])
	it.in, it.weight, it.arrived = in, b.cfg.Weight(in), time.Now()
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		<-b.slots
		return none, ErrClosed
	}
	b.arrived++
	it.number = b.arrived
	b.queue = append(b.queue, it)
	b.weight += it.weight
	if b.idle > 0 {
		b.wake.Signal()
	}
	b.mu.Unlock()

	select {
	case r := <-it.result:
		return b.release(it, r)
	case <-ctx.Done():
	}
	select {
	case r := <-it.result: // both at once: the work is done, so hand it over
		return b.release(it, r)
	default:
		b.abandon(it)
		return none, context.Cause(ctx)
	}
}

// release returns an item that has its result to the pool.
func (b *Batcher[In, Out]) release(it *item[In, Out], r result[Out]) (Out, error) {
	var none In
	it.in, it.batch = none, nil
	b.pool.Put(it)
	return r.out, r.err
}

// abandon takes an item out of the queue, or tells its batch that one caller
// fewer waits.
func (b *Batcher[In, Out]) abandon(it *item[In, Out]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if it.batch != nil {
		it.batch.wanted--
		if it.batch.wanted == 0 {
			it.batch.cancel()
		}
		return
	}
	for i, q := range b.queue {
		if q == it {
			b.remove(i, i+1)
			return
		}
	}
}

// Close lets the items that wait and run finish, and returns when they have.
// Later items get ErrClosed; closing again is harmless and waits as well.
func (b *Batcher[In, Out]) Close() error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.done)
	}
	b.wake.Broadcast()
	b.mu.Unlock()
	b.runners.Wait()
	return nil
}

// PanicError is what a panic of the batch function becomes.
type PanicError struct {
	Value any
	Stack []byte
}

// Error gives the panic's value; the stack is for logs.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }
