package lake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/storage/objects"
)

// Errors of Append.
var (
	// ErrClosed: the Lake was closed. Nothing was appended.
	ErrClosed = errors.New("lake is closed")
	// ErrReadOnly: the Lake was opened to read. Nothing was appended.
	ErrReadOnly = errors.New("lake is read-only")
	// ErrInvalidRow: a row cannot be stored; the message says which and why. Nothing
	// of the call was appended.
	ErrInvalidRow = errors.New("invalid row")
)

// committer gathers the rows of one table into batches and stores each batch as
// one segment for each partition that it touches.
type committer[R any] struct {
	t *Table[R]

	mu      sync.Mutex
	open    *batch[R]          // gathering; nil: none
	sealed  time.Time          // when the last batch stopped gathering
	written int64              // last value handed out
	rows    int64              // not yet durable
	bytes   int64              // of these
	live    map[*batch[R]]bool // not yet done
	room    chan struct{}      // closed and replaced when bytes shrinks
	closed  bool

	uploads  chan struct{} // a token for each upload under way
	encoders sync.Pool
}

// batch is the rows of one commit. err is set before done is closed.
type batch[R any] struct {
	rows  []R
	bytes int64
	full  chan struct{} // closed: gather no longer
	done  chan struct{}
	err   error
}

func newCommitter[R any](t *Table[R]) *committer[R] {
	c := &committer[R]{
		t:       t,
		live:    make(map[*batch[R]]bool),
		room:    make(chan struct{}),
		uploads: make(chan struct{}, t.lake.cfg.Uploads),
	}
	c.encoders.New = func() any { return newEncoder[R](t.def.Name, t.reader.columns, &t.lake.cfg) }
	return c
}

// add puts rows into batches and returns these. rows are checked and owned.
func (c *committer[R]) add(ctx context.Context, rows []R) ([]*batch[R], error) {
	cfg := &c.t.lake.cfg
	var batches []*batch[R]
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range rows {
		for c.bytes >= cfg.PendingBytes && !c.closed {
			room := c.room
			c.mu.Unlock()
			var err error
			select {
			case <-room:
			case <-ctx.Done():
				err = ctx.Err()
			}
			c.mu.Lock()
			if err != nil {
				return batches, err
			}
		}
		if c.closed {
			return batches, ErrClosed
		}
		row := &rows[i]
		c.written = max(c.written+1, cfg.Clock().UnixMicro())
		c.t.def.Head(row).Written = c.written
		b := c.open
		if b == nil {
			b = &batch[R]{full: make(chan struct{}), done: make(chan struct{})}
			c.open = b
			c.live[b] = true
			go c.run(b, c.wait(time.Now()))
		}
		if len(batches) == 0 || batches[len(batches)-1] != b {
			batches = append(batches, b)
		}
		size := sizeOf(c.t.reader.columns, row)
		b.rows = append(b.rows, *row)
		b.bytes += size
		c.bytes += size
		c.rows++
		if b.bytes >= cfg.CommitBytes || len(b.rows) >= cfg.CommitRows {
			c.seal(b)
		}
	}
	return batches, nil
}

// wait is how long a batch that begins now gathers: a moment if the table was idle,
// else until CommitDelay after the last.
func (c *committer[R]) wait(now time.Time) time.Duration {
	cfg := &c.t.lake.cfg
	return max(cfg.IdleDelay, cfg.CommitDelay-now.Sub(c.sealed))
}

// seal ends the gathering of b. c.mu is held.
func (c *committer[R]) seal(b *batch[R]) {
	if c.open == b {
		c.open = nil
		c.sealed = time.Now()
		close(b.full)
	}
}

// run takes a batch from its first row to its end.
func (c *committer[R]) run(b *batch[R], wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.full:
	}
	// While the store is slow the batch grows instead of queueing behind others.
	c.uploads <- struct{}{}
	c.mu.Lock()
	c.seal(b)
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), c.t.lake.cfg.CommitTimeout)
	b.err = c.store(ctx, b.rows)
	cancel()
	<-c.uploads

	c.mu.Lock()
	c.rows -= int64(len(b.rows))
	c.bytes -= b.bytes
	delete(c.live, b)
	close(c.room)
	c.room = make(chan struct{})
	c.mu.Unlock()
	b.rows = nil
	close(b.done)
}

// store writes rows as segments. When it returns nil they are durable and visible.
func (c *committer[R]) store(ctx context.Context, rows []R) error {
	t := c.t
	parts := make(map[int][]R)
	for i := range rows {
		n := t.partitionOf(&rows[i])
		parts[n] = append(parts[n], rows[i])
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(t.lake.cfg.Uploads)
	for n, rows := range parts {
		g.Go(func() error { return c.storePart(ctx, t.parts[n], rows) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("lake: commit %d rows to table %s: %w", len(rows), t.def.Name, err)
	}
	return nil
}

func (c *committer[R]) storePart(ctx context.Context, p *partition, rows []R) error {
	head := c.t.def.Head
	slices.SortFunc(rows, func(a, b R) int {
		ha, hb := head(&a), head(&b)
		return cmp.Or(cmp.Compare(ha.Key, hb.Key), cmp.Compare(hb.Version, ha.Version), cmp.Compare(hb.Written, ha.Written))
	})
	rows = slices.CompactFunc(rows, func(a, b R) bool { return head(&a).Key == head(&b).Key })
	e := c.encoders.Get().(*encoder[R])
	defer c.encoders.Put(e)
	var total int64
	for i := range rows {
		total += sizeOf(e.columns, &rows[i])
	}
	e.start(total)
	for i := range rows {
		if err := e.add(&rows[i], sizeOf(e.columns, &rows[i])); err != nil {
			return err
		}
	}
	body, err := e.finish()
	if err != nil {
		return err
	}
	seg, err := c.t.lake.put(ctx, p, body, c.t.lake.nextName(0))
	if err != nil {
		return err
	}
	p.add(seg)
	return nil
}

// flush commits what is gathered and waits for what is under way now.
func (c *committer[R]) flush(ctx context.Context) error {
	c.mu.Lock()
	if c.open != nil {
		c.seal(c.open)
	}
	var live []*batch[R]
	for b := range c.live {
		live = append(live, b)
	}
	c.mu.Unlock()
	for _, b := range live {
		select {
		case <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (c *committer[R]) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	close(c.room)
	c.room = make(chan struct{})
}

func (c *committer[R]) pending() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rows
}

// partitionOfKey spreads partition keys evenly over n partitions. It is part of the
// layout: changing it loses rows.
func partitionOfKey(key string, n int) int {
	h := fnv.New32a()
	h.Write([]byte(key)) // never fails (hash.Hash)
	return int(h.Sum32() % uint32(n))
}

// put stores a segment under name. A reply that was lost shows as an object that is
// there already: if it is ours, the commit has succeeded.
func (l *Lake) put(ctx context.Context, p *partition, body []byte, name segmentName) (*segment, error) {
	key := p.prefix + name.String()
	info, err := l.cfg.Store.Put(ctx, key, body, objects.Condition{IfAbsent: true})
	if errors.Is(err, objects.ErrPrecondition) {
		var there []byte
		there, info, err = l.cfg.Store.Get(ctx, key, objects.GetOptions{})
		if err == nil && !bytes.Equal(there, body) {
			err = fmt.Errorf("segment %s exists with another content: another process uses the same writer and instance", key)
		}
	}
	if err != nil {
		return nil, err
	}
	return &segment{key: key, name: name, size: int64(len(body)), etag: info.ETag}, nil
}
