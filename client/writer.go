package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// ErrClosed reports a Write or Flush after Close.
var ErrClosed = errors.New("the writer is closed")

// WriterConfig says how an EventWriter gathers rows. The zero value of every field is its
// default.
type WriterConfig struct {
	// Batch is how many rows go in one request, 1 to 1000; default 500.
	Batch int
	// Wait is how long a row waits for others, default 1 s.
	Wait time.Duration
	// Buffer is how many rows are held at most, default 10,000 and at least Batch. While as
	// many wait, Write does too.
	Buffer int
	// Refused is told of each row that the server will never take, with the reason; nil: only
	// Counts tells of them. It is called by one goroutine at a time and must not call the writer.
	Refused func(Event, RowResult)
}

// Limits of a batch and of a row, in bytes.
const (
	maxBatch      = 1000 // of more rows a server names only those that it refused
	maxBatchBytes = 4 << 20
	maxRowBytes   = 1 << 20
)

// Validate names the first field that cannot be used.
func (c WriterConfig) Validate() error {
	switch {
	case c.Batch < 0 || c.Batch > maxBatch:
		return fmt.Errorf("client: WriterConfig.Batch %d: want 1 to %d, or 0 for the default of 500", c.Batch, maxBatch)
	case c.Wait < 0:
		return fmt.Errorf("client: WriterConfig.Wait %v: want more than 0, or 0 for the default of 1s", c.Wait)
	case c.Buffer < 0 || c.Buffer > 0 && c.Buffer < max(c.Batch, 1):
		return fmt.Errorf("client: WriterConfig.Buffer %d: want at least Batch, or 0 for the default", c.Buffer)
	}
	return nil
}

// EventWriter sends events in batches, in the order in which they are written, from one
// goroutine of its own. A row stays in its buffer until the server has said that it is durable,
// whatever happens to the server in between. Safe for concurrent use; Close it.
type EventWriter struct {
	cfg  WriterConfig
	send func(context.Context, []byte) (Collected, error)
	stop context.CancelFunc
	done chan struct{}
	wake chan struct{}

	mu      sync.Mutex
	rows    []writerRow // not known to be durable, the oldest first
	changed chan struct{}
	written int // rows ever
	flush   int // rows that are not to wait for others
	closed  bool
	failed  error // of the latest attempt, nil after one that worked
	counts  Collected
}

type writerRow struct {
	event Event
	body  []byte
	since time.Time
}

// NewEventWriter begins a writer.
func (c *Client) NewEventWriter(cfg WriterConfig) (*EventWriter, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Batch == 0 {
		cfg.Batch = 500
	}
	if cfg.Wait == 0 {
		cfg.Wait = time.Second
	}
	if cfg.Buffer == 0 {
		cfg.Buffer = max(10_000, cfg.Batch)
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &EventWriter{cfg: cfg, stop: stop, done: make(chan struct{}), wake: make(chan struct{}, 1), changed: make(chan struct{}),
		send: func(ctx context.Context, body []byte) (Collected, error) {
			return c.Lines(ctx, "events", body, Lines{})
		}}
	go w.run(ctx)
	return w, nil
}

// Write takes an event into the buffer, and waits while that is full. An event without ID is
// given one, and one without Time the present time, so that a repeated request cannot count
// it twice. Errors: ErrClosed; that of ctx, with why the buffer does not empty; an event
// that is no JSON or has more than 1 MiB. On an error the event was not taken.
func (w *EventWriter) Write(ctx context.Context, e Event) error {
	if e.ID == "" {
		e.ID = rand.Text()
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("client: event %q: %w", e.ID, err)
	}
	if len(body) > maxRowBytes {
		return fmt.Errorf("client: event %q has %d bytes, want at most %d", e.ID, len(body), maxRowBytes)
	}
	for {
		w.mu.Lock()
		if w.closed {
			w.mu.Unlock()
			return fmt.Errorf("client: event %q: %w", e.ID, ErrClosed)
		}
		if len(w.rows) < w.cfg.Buffer {
			w.rows = append(w.rows, writerRow{e, append(body, '\n'), time.Now()})
			w.written++
			tell := len(w.rows) == 1 || len(w.rows) == w.cfg.Batch
			w.mu.Unlock()
			if tell {
				w.nudge()
			}
			return nil
		}
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return w.unfinished(ctx, fmt.Sprintf("client: the buffer of %d events is full", w.cfg.Buffer))
		}
	}
}

// Flush returns when all that was written before is durable or refused. The error is that
// of ctx, with why it takes so long; what was written stays in the buffer.
func (w *EventWriter) Flush(ctx context.Context) error {
	w.mu.Lock()
	want := w.written
	w.flush = max(w.flush, want)
	w.mu.Unlock()
	w.nudge()
	for {
		w.mu.Lock()
		left, changed := want-(w.written-len(w.rows)), w.changed
		w.mu.Unlock()
		if left <= 0 {
			return nil
		}
		select {
		case <-changed:
		case <-w.done:
			return fmt.Errorf("client: %d events were not sent: %w", left, ErrClosed)
		case <-ctx.Done():
			return w.unfinished(ctx, fmt.Sprintf("client: %d events are not sent yet", left))
		}
	}
}

// Close takes no more events, sends what is there, and returns when all of it is durable or
// refused. When ctx ends before, it gives up: the error says why, and Unsent has the rest.
func (w *EventWriter) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	w.announce()
	w.mu.Unlock()
	w.nudge()
	select {
	case <-w.done:
	case <-ctx.Done():
		w.stop()
		<-w.done
	}
	w.stop()
	if left := len(w.Unsent()); left > 0 {
		return w.unfinished(ctx, fmt.Sprintf("client: %d events were not sent", left))
	}
	return nil
}

// Unsent are the events that are not known to be durable, the oldest first. After a failed
// Close they may be written again, by another writer too: those that had arrived count once.
func (w *EventWriter) Unsent() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	events := make([]Event, len(w.rows))
	for i, r := range w.rows {
		events[i] = r.event
	}
	return events
}

// Counts tells what became of the events so far, without Results and Steps.
func (w *EventWriter) Counts() Collected {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}

func (w *EventWriter) unfinished(ctx context.Context, what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return fmt.Errorf("%s: %w: %w", what, ctx.Err(), w.failed)
	}
	return fmt.Errorf("%s: %w", what, ctx.Err())
}

func (w *EventWriter) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// announce wakes who waits for room or for the end. mu is held.
func (w *EventWriter) announce() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// run sends until the writer is closed and empty, or ctx ends.
func (w *EventWriter) run(ctx context.Context) {
	defer close(w.done)
	for failures := 0; ; {
		batch, wait, end := w.due()
		if end {
			return
		}
		if batch == nil {
			if !w.rest(ctx, wait) {
				return
			}
			continue
		}
		done, err := w.send(ctx, join(batch))
		if err == nil {
			failures = 0
			w.settle(batch, done, nil)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if tooLarge(err) {
			w.apart(ctx, batch, err)
			continue
		}
		w.settle(nil, Collected{}, err)
		failures++
		if sleep(ctx, pauseAfter(err, failures)) != nil {
			return
		}
	}
}

// due is the batch that is to go now, or how long there is still time (0: for ever).
func (w *EventWriter) due() (batch []writerRow, wait time.Duration, end bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rows) == 0 {
		return nil, 0, w.closed
	}
	wait = w.cfg.Wait - time.Since(w.rows[0].since)
	hurry := w.closed || w.flush > w.written-len(w.rows)
	if wait > 0 && len(w.rows) < w.cfg.Batch && !hurry {
		return nil, wait, false
	}
	n, size := 0, 0
	for n < min(len(w.rows), w.cfg.Batch) && (n == 0 || size+len(w.rows[n].body) <= maxBatchBytes) {
		size += len(w.rows[n].body)
		n++
	}
	return w.rows[:n:n], 0, false
}

// rest waits until there may be something to do; false when ctx ended.
func (w *EventWriter) rest(ctx context.Context, wait time.Duration) bool {
	var late <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-w.wake:
	case <-late:
	}
	return true
}

// settle takes the rows of a batch out of the buffer, and notes how the attempt went.
func (w *EventWriter) settle(batch []writerRow, done Collected, err error) {
	if w.cfg.Refused != nil {
		for _, r := range done.Results {
			if r.Outcome == "dead" && r.Line >= 1 && r.Line <= len(batch) {
				w.cfg.Refused(batch[r.Line-1].event, r)
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = err
	c := &w.counts
	c.Rows, c.Accepted, c.Dead = c.Rows+done.Rows, c.Accepted+done.Accepted, c.Dead+done.Dead
	c.Duplicate, c.Declined, c.Waiting = c.Duplicate+done.Duplicate, c.Declined+done.Declined, c.Waiting+done.Waiting
	clear(w.rows[:len(batch)])
	w.rows = w.rows[len(batch):]
	w.announce()
}

// tooLarge is the one refusal of a whole batch that repeating it cannot mend: rows that are
// wrong are refused one by one, and a wrong token or address may be put right.
func tooLarge(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status == http.StatusRequestEntityTooLarge
}

// apart sends the rows of a refused batch one by one: whichever is at fault is refused
// alone. What fails for another reason stays in the buffer, with what follows it.
func (w *EventWriter) apart(ctx context.Context, batch []writerRow, err error) {
	for i := range batch {
		done, failed := Collected{}, err
		if len(batch) > 1 {
			done, failed = w.send(ctx, batch[i].body)
		}
		switch {
		case failed == nil:
		case tooLarge(failed):
			done = Collected{Rows: 1, Dead: 1, Results: []RowResult{{Line: 1, ID: batch[i].event.ID, Outcome: "dead", Reason: "refused", Message: failed.Error()}}}
		default:
			w.settle(nil, Collected{}, failed)
			return
		}
		w.settle(batch[i:i+1], done, nil)
	}
}

func join(batch []writerRow) []byte {
	var b bytes.Buffer
	for _, r := range batch {
		b.Write(r.body)
	}
	return b.Bytes()
}
