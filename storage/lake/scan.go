package lake

import (
	"container/heap"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Query narrows a scan. The zero Query is every row with every column.
type Query struct {
	// Prefix keeps to keys that begin with it. From and To (empty: no end) keep to
	// From ≤ key < To.
	Prefix, From, To string
	// Columns, by their names in the segments, are what is read; nil: all. Fields of
	// other columns are zero. Key, Version, Written and Deleted are always read.
	Columns []string
	// Tombstones yields deleted keys too.
	Tombstones bool
}

// bounds is the range of keys that the query wants.
func (q *Query) bounds() (from, to string) {
	from, to = q.From, q.To
	if q.Prefix != "" {
		from = max(from, q.Prefix)
		if end := afterPrefix(q.Prefix); end != "" && (to == "" || end < to) {
			to = end
		}
	}
	return from, to
}

// afterPrefix is the least string greater than all that begin with prefix; empty if
// there is none.
func afterPrefix(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

// Scan yields the row of every key that is not deleted, in ascending order of keys
// (in a partitioned table: within each partition). See Select.
func (t *Table[R]) Scan(ctx context.Context) iter.Seq2[R, error] { return t.Select(ctx, Query{}) }

// Select yields the rows that the query wants, in ascending order of keys (in a
// partitioned table: within each partition). It sees what Get sees when it begins,
// and may see later appends. An error is yielded last.
//
// Memory is bounded by the number of runs, at most Config.ScanRuns, not by the rows:
// where there are more, Select compacts the table first (a read-only Lake merges
// them as they are). Vectors of neighbouring rows share memory; who keeps a few of
// many rows copies their vectors.
func (t *Table[R]) Select(ctx context.Context, q Query) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		if err := t.knowColumns(q.Columns); err != nil {
			yield(none, err)
			return
		}
		for _, p := range t.parts {
			from, to := q.bounds()
			stopped := false
			err := t.whileCompacted(ctx, func(progress func()) (*segment, error) {
				if err := t.bound(ctx, p); err != nil {
					return nil, err
				}
				m := newMerge(ctx, t.reader, runsOf(p.list()), &selection{from: from, to: to, columns: q.Columns}, t.lake.cfg.CacheBytes/2)
				for {
					row, more, err := m.next()
					if err != nil {
						return m.failed, err
					}
					if !more {
						return nil, nil
					}
					h := t.def.Head(&row)
					from = h.Key + "\x00" // where to go on, if a segment disappears
					progress()
					if h.Deleted && !q.Tombstones {
						continue
					}
					if !yield(row, nil) {
						stopped = true
						return nil, nil
					}
				}
			})
			if stopped {
				return
			}
			if err != nil {
				yield(none, err)
				return
			}
		}
	}
}

func (t *Table[R]) knowColumns(names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(t.reader.columns, func(c column) bool { return c.name == name }) {
			return fmt.Errorf("lake: table %s has no column %q", t.def.Name, name)
		}
	}
	return nil
}

// bound compacts a partition that has more runs than a scan may merge.
func (t *Table[R]) bound(ctx context.Context, p *partition) error {
	if t.lake.cfg.ReadOnly || len(runsOf(p.list())) <= t.lake.cfg.ScanRuns {
		return nil
	}
	_, err := t.compactPartition(ctx, p, false)
	return err
}

// run is the series of segments, ascending and disjoint in keys, that one commit or
// merge wrote.
type run struct {
	name     string
	level    int
	segments []*segment
	bytes    int64
}

// runsOf groups segments, which are in order of names.
func runsOf(segments []*segment) []run {
	var runs []run
	for _, s := range segments {
		name := s.name.run()
		if n := len(runs); n == 0 || runs[n-1].name != name {
			runs = append(runs, run{name: name, level: s.name.level})
		}
		r := &runs[len(runs)-1]
		r.segments = append(r.segments, s)
		r.bytes += s.size
	}
	return runs
}

// merge walks several runs at once and yields the row that counts for each key.
type merge[R any] struct {
	reader  *reader[R]
	unread  []*cursor[R] // not yet moved to their first row
	heads   cursorHeap[R]
	same    []*cursor[R] // those at the key in hand
	failed  *segment     // what the last error is about
	dropped func(row *R) // called with rows that do not count, if set
}

func newMerge[R any](ctx context.Context, r *reader[R], runs []run, s *selection, memory int64) *merge[R] {
	m := &merge[R]{reader: r}
	readAhead := min(4<<20, max(pageBytes, memory/int64(max(1, len(runs)))))
	for _, run := range runs {
		m.unread = append(m.unread, &cursor[R]{
			ctx: ctx, reader: r, selection: s, readAhead: readAhead, segments: slices.Clone(run.segments), row: -1,
		})
	}
	return m
}

// next returns the row that counts for the next key.
func (m *merge[R]) next() (row R, more bool, err error) {
	for _, c := range m.unread {
		if err := m.advance(c); err != nil {
			return row, false, err
		}
	}
	m.unread = m.unread[:0]
	if len(m.heads) == 0 {
		return row, false, nil
	}
	best := heap.Pop(&m.heads).(*cursor[R])
	m.same = append(m.same[:0], best)
	for len(m.heads) > 0 && m.heads[0].key() == best.key() {
		c := heap.Pop(&m.heads).(*cursor[R])
		m.same = append(m.same, c)
		if m.reader.head(&c.rows[c.row]).supersedes(m.reader.head(&best.rows[best.row])) {
			best = c
		}
	}
	row, err = best.value()
	if err != nil {
		m.failed = best.current()
		return row, false, err
	}
	if m.dropped != nil {
		for _, c := range m.same {
			if c != best {
				m.dropped(&c.rows[c.row])
			}
		}
	}
	m.unread = append(m.unread, m.same...)
	return row, true, nil
}

// advance moves a cursor to its next row and, if it has one, puts it in the heap.
func (m *merge[R]) advance(c *cursor[R]) error {
	more, err := c.next()
	if err != nil {
		m.failed = c.current()
		return err
	}
	if more {
		heap.Push(&m.heads, c)
	}
	return nil
}

// cursorHeap is a heap of cursors by key.
type cursorHeap[R any] []*cursor[R]

func (h cursorHeap[R]) Len() int           { return len(h) }
func (h cursorHeap[R]) Less(i, j int) bool { return strings.Compare(h[i].key(), h[j].key()) < 0 }
func (h cursorHeap[R]) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *cursorHeap[R]) Push(x any)        { *h = append(*h, x.(*cursor[R])) }
func (h *cursorHeap[R]) Pop() any {
	old := *h
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return c
}
