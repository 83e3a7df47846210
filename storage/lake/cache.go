package lake

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

// cacheKey names something decoded from a segment. Segments are immutable and their
// names are never used again, so nothing in the cache goes stale.
type cacheKey struct {
	segment string // object key
	what    byte   // one of the constants below
	group   int
	column  int
	page    int
}

const (
	cachedIndex  = iota // *segmentIndex
	cachedBlock         // *block[R]: the narrow columns of a row group
	cachedVector        // *vectors: one page of a wide column
)

// cache keeps what was used last, within a number of bytes. Several askers for one
// missing thing wait for one load.
type cache struct {
	limit int64

	mu      sync.Mutex
	bytes   int64
	order   *list.List // of *cacheEntry, most recently used first; loaded ones only
	entries map[cacheKey]*cacheEntry
}

type cacheEntry struct {
	key   cacheKey
	ready chan struct{} // closed when value and err are set
	value any
	bytes int64
	err   error
	place *list.Element // nil while loading
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, order: list.New(), entries: make(map[cacheKey]*cacheEntry)}
}

// cached returns the value under key, from load if it is not there. load returns the
// value and the bytes it takes.
func cached[T any](ctx context.Context, c *cache, key cacheKey, load func() (T, int64, error)) (T, error) {
	for {
		c.mu.Lock()
		e, found := c.entries[key]
		if !found {
			e = &cacheEntry{key: key, ready: make(chan struct{})}
			c.entries[key] = e
			c.mu.Unlock()
			return fill(c, e, load)
		}
		if e.place != nil {
			c.order.MoveToFront(e.place)
		}
		c.mu.Unlock()
		var none T
		select {
		case <-e.ready:
		case <-ctx.Done():
			return none, ctx.Err()
		}
		if e.err == nil {
			return e.value.(T), nil
		}
		// The load may have failed because its own asker gave up: then try again.
		if !errors.Is(e.err, context.Canceled) && !errors.Is(e.err, context.DeadlineExceeded) {
			return none, e.err
		}
		if err := ctx.Err(); err != nil {
			return none, err
		}
	}
}

func fill[T any](c *cache, e *cacheEntry, load func() (T, int64, error)) (T, error) {
	value, bytes, err := load()
	c.mu.Lock()
	defer c.mu.Unlock()
	e.value, e.bytes, e.err = value, bytes, err
	close(e.ready)
	if c.entries[e.key] != e {
		return value, err // dropped meanwhile
	}
	if err != nil {
		delete(c.entries, e.key)
		return value, err
	}
	e.place = c.order.PushFront(e)
	c.bytes += bytes
	for c.bytes > c.limit && c.order.Len() > 0 {
		c.remove(c.order.Back().Value.(*cacheEntry))
	}
	return value, nil
}

// drop forgets everything decoded from a segment.
func (c *cache) drop(segment string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, e := range c.entries {
		if key.segment == segment {
			c.remove(e)
		}
	}
}

func (c *cache) remove(e *cacheEntry) {
	delete(c.entries, e.key)
	if e.place != nil {
		c.order.Remove(e.place)
		e.place = nil
		c.bytes -= e.bytes
	}
}
