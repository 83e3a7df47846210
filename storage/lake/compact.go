package lake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Compaction says what compacting did.
type Compaction struct {
	Merges                        int
	SegmentsRead, SegmentsWritten int
	BytesRead, BytesWritten       int64
	Rows                          int64 // that were written again
	Superseded                    int64 // rows dropped: a higher version exists
	Tombstones                    int64 // dropped: beyond the horizon
}

func (c *Compaction) add(o Compaction) {
	c.Merges += o.Merges
	c.SegmentsRead += o.SegmentsRead
	c.SegmentsWritten += o.SegmentsWritten
	c.BytesRead += o.BytesRead
	c.BytesWritten += o.BytesWritten
	c.Rows += o.Rows
	c.Superseded += o.Superseded
	c.Tombstones += o.Tombstones
}

// Compact merges what has gathered, in every table: Fanout runs of one level become
// one of the next, until no level has so many. It does nothing on a read-only Lake.
//
// A merge writes the new segments before it deletes the old ones, so at any instant
// every row is in the lake at least once; rows that are there twice count once.
// Several may compact at once: one of them does work in vain.
func (l *Lake) Compact(ctx context.Context) (Compaction, error) { return l.compactAll(ctx, false) }

// CompactFully merges each table (each partition) to one run.
func (l *Lake) CompactFully(ctx context.Context) (Compaction, error) { return l.compactAll(ctx, true) }

func (l *Lake) compactAll(ctx context.Context, full bool) (Compaction, error) {
	var total Compaction
	for _, t := range l.attached() { // one at a time: each may hold a segment in memory
		done, err := t.compact(ctx, full)
		total.add(done)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Maintain compacts every interval until ctx ends, and returns its error. Failures
// are logged and tried again.
func (l *Lake) Maintain(ctx context.Context, interval time.Duration) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if _, err := l.Compact(ctx); err != nil && ctx.Err() == nil {
			l.cfg.Log.Warn("lake: compaction failed, it is tried again", "after", interval, "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (t *Table[R]) compact(ctx context.Context, full bool) (Compaction, error) {
	var total Compaction
	if t.lake.cfg.ReadOnly {
		return total, nil
	}
	for _, p := range t.parts {
		done, err := t.compactPartition(ctx, p, full)
		total.add(done)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (t *Table[R]) compactPartition(ctx context.Context, p *partition, full bool) (Compaction, error) {
	var total Compaction
	// Whether a tombstone may go is judged by what the partition holds: see it whole.
	if err := p.refresh(ctx, t.lake.cfg.Store, t.lake.slack(), true); err != nil {
		return total, err
	}
	suspect := make(map[string]bool)
	for {
		runs := t.choose(runsOf(p.list()), full)
		if len(runs) == 0 {
			return total, nil
		}
		done, seg, err := t.mergeRuns(ctx, p, runs)
		total.add(done)
		switch {
		case err == nil:
		case ctx.Err() == nil && t.recoverable(seg, err):
			// Another compactor was here first, or a segment is damaged. What is left
			// is chosen from anew.
			if err := t.recover(ctx, seg, err, suspect); err != nil {
				return total, err
			}
		default:
			return total, fmt.Errorf("lake: compact table %s: %w", t.def.Name, err)
		}
	}
}

// choose returns the runs to merge next: the oldest of the lowest level that has
// Fanout of them, or with full all, as many as may be merged at a time.
func (t *Table[R]) choose(runs []run, full bool) []run {
	cfg := &t.lake.cfg
	slices.SortStableFunc(runs, func(a, b run) int { return a.level - b.level })
	if full {
		if len(runs) < 2 {
			return nil
		}
		return runs[:min(len(runs), cfg.MergeRuns)]
	}
	for from := 0; from < len(runs); {
		to := from
		for to < len(runs) && runs[to].level == runs[from].level {
			to++
		}
		if to-from >= cfg.Fanout && runs[from].level < maxLevel {
			return runs[from:min(to, from+cfg.MergeRuns)]
		}
		from = to
	}
	return nil
}

// mergeRuns writes one run in place of several, then deletes these. On an error it
// returns the segment that it is about, if any.
func (t *Table[R]) mergeRuns(ctx context.Context, p *partition, runs []run) (done Compaction, seg *segment, err error) {
	cfg := &t.lake.cfg
	ctx, cancel := context.WithTimeout(ctx, cfg.CompactionTimeout)
	defer cancel()
	level := 0
	var inputs []*segment
	for _, r := range runs {
		level = max(level, r.level+1)
		inputs = append(inputs, r.segments...)
		done.BytesRead += r.bytes
	}
	done.SegmentsRead = len(inputs)
	out := runWriter[R]{t: t, p: p, name: t.lake.nextName(level), expect: done.BytesRead}
	if seg, err = t.mergeInto(ctx, p, runs, inputs, &out, &done); err != nil {
		out.abandon(context.WithoutCancel(ctx))
		return done, seg, err
	}
	done.Merges = 1
	done.SegmentsWritten = len(out.written)
	for _, s := range out.written {
		done.BytesWritten += s.size
		p.add(s)
	}
	for _, s := range inputs {
		p.remove(s.key)
		t.lake.cache.drop(s.key)
	}
	for _, s := range inputs {
		if err := cfg.Store.Delete(ctx, s.key); err != nil {
			return done, nil, fmt.Errorf("delete merged segment: %w", err)
		}
	}
	return done, nil, nil
}

func (t *Table[R]) mergeInto(ctx context.Context, p *partition, runs []run, inputs []*segment, out *runWriter[R], done *Compaction) (*segment, error) {
	cfg := &t.lake.cfg
	m := newMerge(ctx, t.reader, runs, &selection{}, cfg.CacheBytes/2)
	for {
		row, more, err := m.next()
		if err != nil {
			return m.failed, err
		}
		if !more {
			break
		}
		done.Superseded += int64(len(m.same) - 1)
		if t.def.Head(&row).Deleted && len(m.same) == 1 {
			drop, seg, err := t.mayForget(ctx, p, t.def.Head(&row), inputs, m.same[0].current())
			if err != nil {
				return seg, err
			}
			if drop {
				done.Tombstones++
				continue
			}
		}
		done.Rows++
		if err := out.add(ctx, &row); err != nil {
			return nil, err
		}
	}
	return nil, out.finish(ctx)
}

// mayForget reports whether the tombstone, the only row of its key in the merge, may
// be left out, in which case older rows of the key must not be able to come back:
//
//   - its version is beyond the horizon, so no task still holds an older one;
//   - no other segment of the partition may hold the key;
//   - its segment is so old that any compaction which could have read the rows it
//     superseded has ended, and with it the last chance that they are written again.
//
// That it is the only row in the merge matters too: a crash between the deletions of
// the merged segments could otherwise delete the tombstone and leave the row.
func (t *Table[R]) mayForget(ctx context.Context, p *partition, h *Row, inputs []*segment, holder *segment) (bool, *segment, error) {
	cfg := &t.lake.cfg
	now := cfg.Clock()
	if now.UnixMilli()-h.Version < cfg.TombstoneHorizon.Milliseconds() ||
		now.UnixMilli()-holder.name.ms < 4*cfg.CompactionTimeout.Milliseconds() {
		return false, nil, nil
	}
	hash := hashKey(h.Key)
	for _, s := range p.list() {
		if slices.Contains(inputs, s) {
			continue
		}
		x, err := t.reader.index(ctx, s)
		if err != nil {
			return false, s, err
		}
		if x.group(h.Key, hash) >= 0 {
			return false, nil, nil
		}
	}
	return true, nil, nil
}

// runWriter writes rows, in order of keys, as the segments of one run.
type runWriter[R any] struct {
	t       *Table[R]
	p       *partition
	name    segmentName
	expect  int64       // about how many bytes there will be
	encoder *encoder[R] // nil: no segment is open
	written []*segment
}

func (w *runWriter[R]) add(ctx context.Context, row *R) error {
	cfg := &w.t.lake.cfg
	w.open()
	if w.encoder.rows > 0 && w.encoder.size() >= cfg.SegmentBytes && len(w.written) < maxPart {
		if err := w.store(ctx); err != nil {
			return err
		}
	}
	return w.encoder.add(row, sizeOf(w.t.reader.columns, row))
}

func (w *runWriter[R]) open() {
	if w.encoder == nil {
		w.encoder = newEncoder[R](w.t.def.Name, w.t.reader.columns, &w.t.lake.cfg)
		w.encoder.start(min(w.expect, w.t.lake.cfg.SegmentBytes))
	}
}

// finish stores what is left. A run without rows is one empty segment.
func (w *runWriter[R]) finish(ctx context.Context) error {
	w.open()
	if w.encoder.rows == 0 && len(w.written) > 0 {
		return nil
	}
	return w.store(ctx)
}

// store ends the open segment and begins another.
func (w *runWriter[R]) store(ctx context.Context) error {
	body, err := w.encoder.finish()
	if err != nil {
		return err
	}
	name := w.name
	name.part = len(w.written)
	s, err := w.t.lake.put(ctx, w.p, body, name)
	if err != nil {
		return err
	}
	w.written = append(w.written, s)
	w.encoder.start(0)
	return nil
}

// abandon deletes what was written; that it may fail is harmless, the rows are then
// there twice.
func (w *runWriter[R]) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, w.t.lake.cfg.CommitTimeout)
	defer cancel()
	var errs []error
	for _, s := range w.written {
		errs = append(errs, w.t.lake.cfg.Store.Delete(ctx, s.key))
	}
	if err := errors.Join(errs...); err != nil {
		w.t.lake.cfg.Log.Warn("lake: segments of an abandoned merge remain", "table", w.t.def.Name, "error", err)
	}
}
