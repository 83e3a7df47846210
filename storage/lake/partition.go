package lake

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"weft/storage/objects"
)

// Corrupt is a file below a table that is not a valid segment. It is left where it
// is and its rows are left out.
type Corrupt struct {
	Table string
	Key   string // of the object
	Err   error
}

// partition is the set of segments below one prefix, as far as this Lake knows.
type partition struct {
	table  string
	prefix string // ends in a slash
	log    *slog.Logger

	refreshing chan struct{} // holds the one right to list

	mu       sync.Mutex
	segments map[string]*segment // by object key
	sorted   []*segment          // the same by name; nil: to be made. Never changed in place
	corrupt  map[string]Corrupt  // by object key
	begun    int                 // listings so far
	finished int                 // the last of them that succeeded
	fully    int                 // the last full one that did
	listedAt time.Time           // when it began
	fullAt   time.Time           // when the last full one began
}

func newPartition(table, prefix string, log *slog.Logger) *partition {
	return &partition{
		table: table, prefix: prefix, log: log,
		refreshing: make(chan struct{}, 1),
		segments:   make(map[string]*segment),
		corrupt:    make(map[string]Corrupt),
	}
}

// list returns the segments in order of their names, that is of time. The caller
// must not change it.
func (p *partition) list() []*segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sorted == nil {
		p.sorted = make([]*segment, 0, len(p.segments))
		for _, s := range p.segments {
			p.sorted = append(p.sorted, s)
		}
		slices.SortFunc(p.sorted, func(a, b *segment) int { return strings.Compare(a.key, b.key) })
	}
	return p.sorted
}

func (p *partition) add(s *segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.segments[s.key] = s
	p.sorted = nil
}

func (p *partition) remove(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.segments, key)
	p.sorted = nil
}

// setCorrupt takes a file out of the table, once, loudly.
func (p *partition) setCorrupt(key string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.corrupt[key]; known {
		return
	}
	p.corrupt[key] = Corrupt{Table: p.table, Key: key, Err: err}
	delete(p.segments, key)
	p.sorted = nil
	p.log.Error("lake: file left out, its rows are missing until it is repaired or removed",
		"table", p.table, "key", key, "error", err)
}

// slack is what refresh needs to know of the configuration.
type slack struct {
	window, full time.Duration
	now          time.Time
}

// refresh lists what is new and, in the part that is listed, what is gone. The
// whole is listed if full is set, or the last time was long ago. Those who ask while
// a listing is under way share the next one.
func (p *partition) refresh(ctx context.Context, store objects.Store, s slack, full bool) error {
	p.mu.Lock()
	want := p.begun + 1
	p.mu.Unlock()
	select {
	case p.refreshing <- struct{}{}:
		defer func() { <-p.refreshing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	known := p.list()
	p.mu.Lock()
	if p.fully >= want || p.finished >= want && !full {
		p.mu.Unlock()
		return nil
	}
	p.begun++
	number := p.begun
	full = full || p.fullAt.IsZero() || s.now.Sub(p.fullAt) >= s.full
	since := p.listedAt
	p.mu.Unlock()
	after := ""
	if !full {
		// What was stored after the last listing began has at least this time in its
		// name, unless its writer's clock or its upload was slow.
		after = p.prefix + namesSince(minTime(since, s.now).Add(-s.window))
	}
	listed := make(map[string]bool)
	var found []*segment
	for info, err := range store.List(ctx, p.prefix, after) {
		if err != nil {
			return fmt.Errorf("lake: list segments of table %s: %w", p.table, err)
		}
		name, ok := parseSegmentName(strings.TrimPrefix(info.Key, p.prefix))
		if !ok {
			p.setCorrupt(info.Key, fmt.Errorf("%w: not the name of a segment", errInvalid))
			continue
		}
		listed[info.Key] = true
		found = append(found, &segment{key: info.Key, name: name, size: info.Size, etag: info.ETag})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, seg := range found {
		if _, bad := p.corrupt[seg.key]; !bad && p.segments[seg.key] == nil {
			p.segments[seg.key] = seg
		}
	}
	// Only what was known before the listing began can be missing from it.
	for _, seg := range known {
		if seg.key > after && !listed[seg.key] {
			delete(p.segments, seg.key)
		}
	}
	if full {
		p.fully, p.fullAt = number, s.now
		for key := range p.corrupt {
			if _, ok := parseSegmentName(strings.TrimPrefix(key, p.prefix)); ok && !listed[key] {
				delete(p.corrupt, key) // someone has removed it
			}
		}
	}
	p.finished, p.listedAt = number, s.now
	p.sorted = nil
	return nil
}

// age is how long ago the last listing began.
func (p *partition) age(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Sub(p.listedAt)
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (p *partition) corrupted() []Corrupt {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Corrupt
	for _, c := range p.corrupt {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Corrupt) int { return strings.Compare(a.Key, b.Key) })
	return all
}
