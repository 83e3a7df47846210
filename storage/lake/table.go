package lake

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Definition describes a table whose rows are of type R: a struct that embeds Row
// and whose other fields are columns, named by a parquet tag, of the types string,
// int64, bool, float64, *float64 (optional), []string and []float32 (both with the
// tag option list). []float32 columns come last: they are what is read by need.
type Definition[R any] struct {
	// Name is the folder below lake/v1/.
	Name string
	// Head returns the embedded Row.
	Head func(*R) *Row
	// Partitions spreads the rows over so many folders by the hash of PartitionKey, so
	// that erasing what belongs to one partition key rewrites little. 0: one folder.
	// Neither may change once there are rows.
	Partitions   int
	PartitionKey func(*R) string
}

// Table is one table of a Lake. It is safe for concurrent use.
type Table[R any] struct {
	lake   *Lake
	def    Definition[R]
	parts  []*partition
	reader *reader[R]
	commit *committer[R]
}

// Attach opens a table of the lake in addition to those that every Lake has. A name
// can be attached once.
func Attach[R any](ctx context.Context, l *Lake, def Definition[R]) (*Table[R], error) {
	t, err := attach(l, def)
	if err != nil {
		return nil, err
	}
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// begin lists the segments, and stores an empty one if there is none.
func (t *Table[R]) begin(ctx context.Context) error {
	if err := t.refresh(ctx, true); err != nil || t.lake.cfg.ReadOnly {
		return err
	}
	for _, p := range t.parts {
		if len(p.list()) > 0 {
			return nil
		}
	}
	w := runWriter[R]{t: t, p: t.parts[0], name: t.lake.nextName(0)}
	if err := w.finish(ctx); err != nil {
		return fmt.Errorf("lake: begin table %s: %w", t.def.Name, err)
	}
	w.p.add(w.written[0])
	return nil
}

func attach[R any](l *Lake, def Definition[R]) (*Table[R], error) {
	if !tablePattern.MatchString(def.Name) {
		return nil, fmt.Errorf("lake: table name %q: use lower-case letters, digits and underscores", def.Name)
	}
	if def.Head == nil || def.Partitions < 0 || def.Partitions > 256 || (def.Partitions > 0) != (def.PartitionKey != nil) {
		return nil, fmt.Errorf("lake: table %s: Head must be set, Partitions between 0 and 256, and PartitionKey set if and only if Partitions is", def.Name)
	}
	columns, err := columnsOf[R]()
	if err != nil {
		return nil, fmt.Errorf("lake: table %s: %w", def.Name, err)
	}
	t := &Table[R]{
		lake:   l,
		def:    def,
		reader: &reader[R]{store: l.cfg.Store, cache: l.cache, table: def.Name, columns: columns, head: def.Head},
	}
	prefix := Root + def.Name + "/"
	if def.Partitions == 0 {
		t.parts = []*partition{newPartition(def.Name, prefix, l.cfg.Log)}
	}
	for n := range def.Partitions {
		t.parts = append(t.parts, newPartition(def.Name, fmt.Sprintf("%sp=%02x/", prefix, n), l.cfg.Log))
	}
	t.commit = newCommitter(t)
	if err := l.register(def.Name, t); err != nil {
		return nil, err
	}
	return t, nil
}

// Name is the table's name.
func (t *Table[R]) Name() string { return t.def.Name }

func (t *Table[R]) partitionOf(row *R) int {
	if t.def.Partitions == 0 {
		return 0
	}
	return partitionOfKey(t.def.PartitionKey(row), t.def.Partitions)
}

// Append stores rows and returns when all of them are durable and visible to this
// Lake. It sets Written. Calls at about the same time share a commit; their order is
// the order of Written. The rows are copied: the caller may change them afterwards.
//
// On an error some or all of the rows may have been stored: append them again. When
// ctx ends first, its error is returned and the commit goes on. Errors: ErrClosed,
// ErrReadOnly, ErrInvalidRow, or what the store said.
func (t *Table[R]) Append(ctx context.Context, rows ...R) error {
	if t.lake.cfg.ReadOnly {
		return fmt.Errorf("lake: table %s: %w", t.def.Name, ErrReadOnly)
	}
	owned := make([]R, len(rows))
	for i := range rows {
		owned[i] = rows[i]
		own(t.reader.columns, &owned[i], false)
		h := t.def.Head(&owned[i])
		switch {
		case h.Key == "" || len(h.Key) > MaxKey:
			return fmt.Errorf("lake: table %s: %w %d: key has %d bytes, allowed are 1 to %d", t.def.Name, ErrInvalidRow, i, len(h.Key), MaxKey)
		case h.Version < 1:
			return fmt.Errorf("lake: table %s: %w %d: key %q has version %d; it is Unix ms, at least 1", t.def.Name, ErrInvalidRow, i, h.Key, h.Version)
		}
	}
	batches, err := t.commit.add(ctx, owned)
	for _, b := range batches {
		select {
		case <-b.done:
			err = errors.Join(err, b.err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

// Delete appends a tombstone. In a partitioned table it works only where the key
// alone tells the partition: append a row with Deleted set instead.
func (t *Table[R]) Delete(ctx context.Context, key string, version int64) error {
	var row R
	*t.def.Head(&row) = Row{Key: key, Version: version, Deleted: true}
	return t.Append(ctx, row)
}

// Get returns the row of a key, false if there is none or it is deleted. It sees
// what this Lake has appended, and of other writers what was stored before the last
// Refresh. The row is the caller's.
func (t *Table[R]) Get(ctx context.Context, key string) (R, bool, error) {
	row, found, err := t.Latest(ctx, key)
	if err != nil || !found || t.def.Head(&row).Deleted {
		var none R
		return none, false, err
	}
	return row, true, nil
}

// Latest is Get that also returns tombstones.
func (t *Table[R]) Latest(ctx context.Context, key string) (R, bool, error) {
	if !utf8.ValidString(key) {
		key = validText(key)
	}
	hash := hashKey(key)
	var row R
	var found bool
	err := t.whileCompacted(ctx, func(func()) (seg *segment, err error) {
		row, found, seg, err = t.latest(ctx, key, hash)
		return seg, err
	})
	return row, found, err
}

func (t *Table[R]) latest(ctx context.Context, key string, hash uint64) (best R, found bool, seg *segment, err error) {
	var lies place
	for _, p := range t.parts {
		for _, seg := range p.list() {
			row, at, ok, err := t.reader.find(ctx, seg, key, hash)
			if err != nil {
				return best, false, seg, err
			}
			if ok && (!found || t.def.Head(&row).supersedes(t.def.Head(&best))) {
				best, lies, found = row, at, true
			}
		}
	}
	if found {
		if err := t.reader.complete(ctx, &best, lies); err != nil {
			return best, false, lies.seg, err
		}
	}
	return best, found, nil, nil
}

// whileCompacted calls read until no segment it uses has disappeared or turned out
// to be damaged. read returns the segment that an error is about, and calls progress
// when it has come further than before.
func (t *Table[R]) whileCompacted(ctx context.Context, read func(progress func()) (*segment, error)) error {
	attempts := 0
	suspect := make(map[string]bool)
	for {
		seg, err := read(func() { attempts = 0 })
		attempts++
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil || attempts == maxAttempts || !t.recoverable(seg, err):
			return fmt.Errorf("lake: read table %s: %w", t.def.Name, err)
		}
		if err := t.recover(ctx, seg, err, suspect); err != nil {
			return err
		}
	}
}

// maxAttempts bounds how often a read starts again without progress. Each time
// something has changed: a compaction has finished or a damaged file is left out.
const maxAttempts = 100

func (t *Table[R]) recoverable(seg *segment, err error) bool {
	return seg != nil && (gone(err) || errors.Is(err, errInvalid))
}

// recover makes the next attempt possible after seg was gone or invalid. What was
// invalid once is read again: the bytes may have been damaged on their way.
func (t *Table[R]) recover(ctx context.Context, seg *segment, err error, suspect map[string]bool) error {
	t.lake.cache.drop(seg.key)
	p := t.partitionWith(seg)
	if errors.Is(err, errInvalid) {
		if suspect[seg.key] {
			p.setCorrupt(seg.key, err)
		}
		suspect[seg.key] = true
		return nil
	}
	p.remove(seg.key)
	return p.refresh(ctx, t.lake.cfg.Store, t.lake.slack(), true)
}

func (t *Table[R]) partitionWith(seg *segment) *partition {
	for _, p := range t.parts {
		if len(seg.key) > len(p.prefix) && seg.key[:len(p.prefix)] == p.prefix {
			return p
		}
	}
	panic("lake: segment " + seg.key + " of another table") // segments come from t.parts only
}

// Refresh looks for segments that other writers have added or compaction has
// replaced: afterwards Get sees all that was durable when Refresh was called. It
// lists the most recent part, now and then all. Calls at the same time share a
// listing.
func (t *Table[R]) Refresh(ctx context.Context) error { return t.refresh(ctx, false) }

// RefreshIfOlder is Refresh, unless the last one began less than age ago: for those
// who ask often and may overlook what was stored since.
func (t *Table[R]) RefreshIfOlder(ctx context.Context, age time.Duration) error {
	for _, p := range t.parts {
		if s := t.lake.slack(); p.age(s.now) >= age {
			if err := p.refresh(ctx, t.lake.cfg.Store, s, false); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Table[R]) refresh(ctx context.Context, full bool) error {
	for _, p := range t.parts {
		if err := p.refresh(ctx, t.lake.cfg.Store, t.lake.slack(), full); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table[R]) flush(ctx context.Context) error { return t.commit.flush(ctx) }
func (t *Table[R]) close()                          { t.commit.close() }
func (t *Table[R]) pending() int64                  { return t.commit.pending() }

func (t *Table[R]) corrupt() []Corrupt {
	var all []Corrupt
	for _, p := range t.parts {
		all = append(all, p.corrupted()...)
	}
	return all
}
