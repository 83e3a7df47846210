package serve

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"weft/behaviour"
	"weft/storage/vectors"
	"weft/tasks"
)

// Vectors is where a tenant's vectors are read: a *vectors.Store.
type Vectors interface {
	// Live is the generation to read. Errors: vectors.ErrNotLive while there is none.
	Live(ctx context.Context) (tasks.Generation, error)
	// Get reads one vector. Errors: vectors.ErrNotFound, also for a deleted one.
	Get(ctx context.Context, gen tasks.Generation, kind vectors.Kind, id string) (vectors.Record, error)
	// All yields every vector of a kind that was there throughout, in any order;
	// vectors.ErrCorrupt concerns one record, any other error is the last.
	All(ctx context.Context, gen tasks.Generation, kind vectors.Kind) iter.Seq2[vectors.Record, error]
	// Heads is All without the vectors, tombstones included.
	Heads(ctx context.Context, gen tasks.Generation, kind vectors.Kind) iter.Seq2[vectors.Head, error]
	// Last is the newest position of the update stream.
	Last(ctx context.Context) (string, error)
	// Follow yields the updates after a position as they come, until ctx ends; an
	// error is the last.
	Follow(ctx context.Context, after string) iter.Seq2[vectors.Update, error]
}

// Between looks at the live generation, between attempts while the vectors store
// cannot be read, and at least between two snapshots of the shop.
const (
	liveEvery     = time.Second
	retryIn       = time.Second
	snapshotEvery = 10 * time.Second
	// snapshotShare bounds the time that snapshots take: of each twenty seconds, one.
	snapshotShare = 20
)

// catalogue keeps the products of a tenant's live generation in memory.
type catalogue struct {
	tenant  tasks.Tenant
	vectors Vectors
	tables  *behaviour.Tables // nil: nobody does anything
	consent bool              // what silence means
	log     *slog.Logger
	metrics *metrics
	recheck time.Duration

	applying sync.Mutex
	current  atomic.Pointer[Shelf] // nil until filled for the first time

	shop  atomic.Pointer[aged] // nil until filled for the first time
	stale chan struct{}        // of the snapshot: somebody asked for it
}

// aged is a snapshot, and from when on it may be taken anew.
type aged struct {
	*Snapshot
	until time.Time
}

func newCatalogue(name tasks.Tenant, t Tenant, recheck time.Duration, log *slog.Logger, m *metrics) *catalogue {
	return &catalogue{tenant: name, vectors: t.Vectors, tables: t.Behaviour, consent: t.Consent, recheck: recheck, stale: make(chan struct{}, 1), log: log.With(slog.String("tenant", string(name))), metrics: m}
}

// shelf is the products to search, and whether it has ever been filled. While
// another generation is being read, and while the vectors store is away, the last
// whole one goes on answering.
func (c *catalogue) shelf() (*Shelf, bool) {
	s := c.current.Load()
	return s, s != nil
}

// snapshot of the shop: there is one once there is a shelf. When it has aged, another
// is taken in the background, so that nobody waits for it, and none while nobody asks.
func (c *catalogue) snapshot() *Snapshot {
	s := c.shop.Load()
	if time.Now().After(s.until) {
		select {
		case c.stale <- struct{}{}:
		default: // it is known
		}
	}
	return s.Snapshot
}

// retake takes snapshots as they become stale.
func (c *catalogue) retake(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.stale:
			if time.Now().After(c.shop.Load().until) {
				c.takeSnapshot(ctx, c.current.Load())
			}
		}
	}
}

// takeSnapshot of the products on a shelf. Where the lake cannot be read the one before
// stays; the first one is then without popularity.
func (c *catalogue) takeSnapshot(ctx context.Context, shelf *Shelf) {
	begin := time.Now()
	var err error
	if c.tables != nil {
		err = errors.Join(c.tables.Events.RefreshIfOlder(ctx, time.Second), c.tables.Users.RefreshIfOlder(ctx, time.Second))
	}
	s, failed := TakeSnapshot(ctx, shelf, c.tables, c.consent)
	if ctx.Err() != nil {
		return
	}
	if err = errors.Join(err, failed); err != nil {
		c.log.LogAttrs(ctx, slog.LevelWarn, "popularity is not as of now", slog.Any("error", err))
		if before := c.shop.Load(); before != nil {
			s = before.Snapshot
		}
	}
	took := time.Since(begin)
	c.shop.Store(&aged{s, time.Now().Add(max(snapshotEvery, snapshotShare*took))})
}

// follow fills the index and keeps it current until ctx ends.
func (c *catalogue) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := c.generation(ctx)
		if ctx.Err() != nil {
			return
		}
		level := slog.LevelWarn
		if errors.Is(err, vectors.ErrNotLive) || errors.Is(err, errMoved) {
			level = slog.LevelInfo
		}
		c.log.LogAttrs(ctx, level, "reading the vectors anew", slog.Any("cause", err))
		if !errors.Is(err, errMoved) {
			pause(ctx, retryIn)
		}
	}
}

// errMoved ends the following of one generation: another is live, or none.
var errMoved = errors.New("the live generation moved")

// generation reads the live generation whole, then follows its updates. It returns
// why that ended, never nil.
func (c *catalogue) generation(ctx context.Context) error {
	gen, err := c.vectors.Live(ctx)
	if err != nil {
		return fmt.Errorf("live generation: %w", err)
	}
	// Whatever is written while the index is being filled comes again through the stream.
	after, err := c.vectors.Last(ctx)
	if err != nil {
		return fmt.Errorf("update stream: %w", err)
	}
	if err := c.fill(ctx, gen); err != nil {
		return err
	}
	watching, stop := context.WithCancelCause(ctx)
	var others sync.WaitGroup
	defer func() { stop(nil); others.Wait() }()
	others.Go(func() { c.watchLive(watching, gen, stop) })
	others.Go(func() { c.recheckEvery(watching, gen, stop) })
	others.Go(func() { c.retake(watching) })
	others.Go(func() { c.arrange(watching) })
	for {
		after, err = c.updates(watching, gen, after)
		if cause := context.Cause(watching); cause != nil {
			return cause
		}
		if !errors.Is(err, vectors.ErrUnavailable) {
			return fmt.Errorf("update stream: %w", err)
		}
		c.log.LogAttrs(ctx, slog.LevelWarn, "following the updates was cut, going on", slog.Any("cause", err))
		pause(watching, retryIn)
	}
}

// updates applies the updates after a position as they come. It returns the last
// one applied, and why there are no more, never nil.
func (c *catalogue) updates(ctx context.Context, gen tasks.Generation, after string) (string, error) {
	for u, err := range c.vectors.Follow(ctx, after) {
		if err == nil && u.Kind == vectors.Product && u.Generation == gen {
			err = c.apply(ctx, gen, u.ID)
		}
		if err != nil {
			return after, err
		}
		after = u.Position
	}
	return after, errors.New("it ended")
}

// fill reads a generation whole and lets it answer from then on.
func (c *catalogue) fill(ctx context.Context, gen tasks.Generation) error {
	begin := time.Now()
	shelf := NewShelf(gen)
	for r, err := range c.vectors.All(ctx, gen, vectors.Product) {
		switch {
		case errors.Is(err, vectors.ErrCorrupt):
			c.skip(ctx, err)
		case err != nil:
			return fmt.Errorf("reading generation %s: %w", gen, err)
		default:
			c.set(ctx, shelf, r)
		}
	}
	if c.takeSnapshot(ctx, shelf); ctx.Err() != nil {
		return ctx.Err()
	}
	c.metrics.fills.WithLabelValues(string(c.tenant)).Inc()
	c.measure(shelf) // before it answers: whoever sees it ready sees its size
	c.current.Store(shelf)
	c.log.LogAttrs(ctx, slog.LevelInfo, "neighbours are in memory", slog.String("generation", string(gen)), slog.Int("products", shelf.Len()),
		slog.Int64("bytes", shelf.Bytes()), slog.Duration("took", time.Since(begin)))
	return nil
}

// apply brings one product up to date with the vectors store. One at a time, so that
// an older reading never replaces a newer one.
func (c *catalogue) apply(ctx context.Context, gen tasks.Generation, id string) error {
	c.applying.Lock()
	defer c.applying.Unlock()
	shelf := c.current.Load()
	r, err := c.vectors.Get(ctx, gen, vectors.Product, id)
	switch {
	case errors.Is(err, vectors.ErrNotFound):
		shelf.Remove(id)
	case errors.Is(err, vectors.ErrCorrupt), errors.Is(err, vectors.ErrInvalid):
		shelf.Remove(id)
		c.skip(ctx, err)
	case err != nil:
		return fmt.Errorf("reading product %q: %w", id, err)
	default:
		c.set(ctx, shelf, r)
	}
	c.measure(shelf)
	return nil
}

func (c *catalogue) set(ctx context.Context, shelf *Shelf, r vectors.Record) {
	if err := shelf.Set(r); err != nil {
		c.skip(ctx, err)
	}
}

func (c *catalogue) skip(ctx context.Context, err error) {
	c.metrics.skipped.WithLabelValues(string(c.tenant)).Inc()
	c.log.LogAttrs(ctx, slog.LevelWarn, "left out of neighbour search", slog.Any("error", err))
}

func (c *catalogue) measure(shelf *Shelf) {
	c.metrics.products.WithLabelValues(string(c.tenant)).Set(float64(shelf.Len()))
	c.metrics.bytes.WithLabelValues(string(c.tenant)).Set(float64(shelf.Bytes()))
}

// watchLive stops the following when gen is no longer live. That none is live means
// that the vectors were lost and are being filled again: what is in memory goes on
// serving, and is read anew once they are whole.
func (c *catalogue) watchLive(ctx context.Context, gen tasks.Generation, stop context.CancelCauseFunc) {
	for {
		pause(ctx, liveEvery)
		if ctx.Err() != nil {
			return
		}
		now, err := c.vectors.Live(ctx)
		if errors.Is(err, vectors.ErrNotLive) || (err == nil && now != gen) {
			stop(errMoved)
			return
		}
	}
}

// arrangeEvery is how often it is looked whether there are so many products that they
// want arranging.
const arrangeEvery = time.Minute

// arrange keeps large indexes arranged.
func (c *catalogue) arrange(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.current.Load().Arrange(ctx); err != nil && ctx.Err() == nil {
			c.log.LogAttrs(ctx, slog.LevelWarn, "the products could not be arranged in cells: every search reads all", slog.Any("error", err))
		}
		pause(ctx, arrangeEvery)
	}
}

// recheckEvery compares what is in memory with the vectors store from time to time:
// an update whose announcement was lost, and vectors that were filled in again
// without one, are found here.
func (c *catalogue) recheckEvery(ctx context.Context, gen tasks.Generation, stop context.CancelCauseFunc) {
	for {
		pause(ctx, c.recheck)
		if ctx.Err() != nil {
			return
		}
		if err := c.compare(ctx, gen); err != nil && !errors.Is(err, vectors.ErrUnavailable) {
			stop(fmt.Errorf("comparing with the vectors store: %w", err))
			return
		}
	}
}

func (c *catalogue) compare(ctx context.Context, gen tasks.Generation) error {
	held := c.current.Load().content.Versions()
	differ := 0
	apply := func(id string) error {
		differ++
		return c.apply(ctx, gen, id)
	}
	for h, err := range c.vectors.Heads(ctx, gen, vectors.Product) {
		if err != nil && !errors.Is(err, vectors.ErrCorrupt) {
			return err
		}
		at, known := held[h.ID]
		delete(held, h.ID)
		current := err == nil && !h.Deleted
		if known != current || (known && at != h.UpdatedAt) {
			if err := apply(h.ID); err != nil {
				return err
			}
		}
	}
	for id := range held { // in memory only
		if err := apply(id); err != nil {
			return err
		}
	}
	if differ > 0 {
		c.log.LogAttrs(ctx, slog.LevelInfo, "found updates that had not been announced", slog.Int("products", differ))
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
