package lake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/bloom"

	"weft/storage/objects"
)

// segment is one immutable file of a table, as a listing or its Put described it.
type segment struct {
	key  string // of the object
	name segmentName
	size int64
	etag string
}

// wholeBytes: segments up to this size are read in one piece.
const wholeBytes = 1 << 20

// errInvalid marks a file that is not a segment of its table or is damaged.
var errInvalid = errors.New("not a valid segment")

// segmentIndex is what is kept of a segment to find rows in it.
type segmentIndex struct {
	file   *parquet.File
	groups []groupIndex
	body   []byte // the whole segment if it is small, else nil
}

type groupIndex struct {
	first, last string // keys
	ordinal     int    // among the row groups of the file
	rows        int
	filter      bloom.SplitBlockFilter // of keys; nil: none
	chunks      []*parquet.FileColumnChunk
}

// mayHold reports whether key can be in the row group; hash is its XXH64.
func (g *groupIndex) mayHold(key string, hash uint64) bool {
	return g.first <= key && key <= g.last && (g.filter == nil || g.filter.Check(hash))
}

func hashKey(key string) uint64 { return bloom.XXH64{}.Sum64([]byte(key)) }

// group returns the position of the row group that may hold key, or -1. Row groups
// hold ascending, disjoint ranges of keys.
func (x *segmentIndex) group(key string, hash uint64) int {
	i, _ := slices.BinarySearchFunc(x.groups, key, func(g groupIndex, key string) int { return strings.Compare(g.last, key) })
	if i < len(x.groups) && x.groups[i].mayHold(key, hash) {
		return i
	}
	return -1
}

// window opens access to the segment; a small one needs no further reads.
func (x *segmentIndex) window(ctx context.Context, store objects.Store, seg *segment) *window {
	w := &window{ctx: ctx, store: store, seg: seg}
	if x.body != nil {
		w.spans = []span{{0, x.body}}
	}
	return w
}

// readIndex reads the footer, page index and filters of a segment; the second
// result is the bytes they take. Errors: errInvalid, or what the store said.
func readIndex(ctx context.Context, store objects.Store, table string, seg *segment) (*segmentIndex, int64, error) {
	w := &window{ctx: ctx, store: store, seg: seg}
	var tail int64
	if seg.size <= wholeBytes {
		tail = seg.size
	} else {
		tail = max(4*pageBytes, seg.size/128)
	}
	if err := w.fetch(seg.size-tail, tail); err != nil {
		return nil, 0, err
	}
	var x *segmentIndex
	err := guard(func() (err error) {
		x, err = parseIndex(w, table)
		return err
	})
	switch {
	case w.err != nil:
		return nil, 0, fmt.Errorf("index of segment %s: %w", seg.key, w.err)
	case err != nil:
		return nil, 0, fmt.Errorf("%w: %s: %w", errInvalid, seg.key, err)
	}
	bytes := int64(1 << 10)
	for _, s := range w.spans {
		bytes += int64(len(s.data)) // about what the parsed form takes
	}
	if seg.size <= wholeBytes {
		x.body = w.spans[0].data
		bytes += bytes / 4
	}
	return x, bytes, nil
}

func parseIndex(w *window, table string) (*segmentIndex, error) {
	f, err := parquet.OpenFile(w, w.seg.size, parquet.SkipMagicBytes(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	format, ok := f.Lookup(metaFormat)
	if !ok {
		return nil, fmt.Errorf("footer has no %s", metaFormat)
	}
	if v, err := strconv.Atoi(format); err != nil || v < 1 || v > formatVersion {
		return nil, fmt.Errorf("%s is %q, this program reads up to %d; use a newer one", metaFormat, format, formatVersion)
	}
	if name, _ := f.Lookup(metaTable); name != table {
		return nil, fmt.Errorf("%s is %q, not %q", metaTable, name, table)
	}
	key, ok := f.Schema().Lookup("key")
	if !ok {
		return nil, errors.New("no column key")
	}
	x := &segmentIndex{file: f}
	for i, group := range f.RowGroups() {
		g := groupIndex{ordinal: i, rows: int(group.NumRows())}
		if g.rows == 0 {
			continue
		}
		for _, chunk := range group.ColumnChunks() {
			c, ok := chunk.(*parquet.FileColumnChunk)
			if !ok {
				return nil, fmt.Errorf("row group %d: unexpected column chunk %T", i, chunk)
			}
			g.chunks = append(g.chunks, c)
		}
		first, last, ok := g.chunks[key.ColumnIndex].Bounds()
		if !ok {
			return nil, fmt.Errorf("row group %d: no bounds of column key", i)
		}
		g.first, g.last = string(first.ByteArray()), string(last.ByteArray())
		if n := len(x.groups); g.last < g.first || n > 0 && g.first <= x.groups[n-1].last {
			return nil, fmt.Errorf("row group %d: keys are not in order", i)
		}
		if g.filter, err = readFilter(w, g.chunks[key.ColumnIndex]); err != nil {
			return nil, fmt.Errorf("row group %d: filter of column key: %w", i, err)
		}
		x.groups = append(x.groups, g)
	}
	return x, nil
}

func readFilter(w *window, chunk *parquet.FileColumnChunk) (bloom.SplitBlockFilter, error) {
	f, err := chunk.BloomFilterFrom(w)
	switch {
	case errors.Is(err, parquet.ErrMissingBloomFilter):
		return nil, nil
	case err != nil:
		return nil, err
	case f.Size() == 0 || f.Size()%bloom.BlockSize != 0:
		return nil, fmt.Errorf("%d bytes are not whole blocks", f.Size())
	}
	bits := make([]byte, f.Size())
	if _, err := f.ReadAt(bits, 0); err != nil {
		return nil, err
	}
	return bloom.MakeSplitBlockFilter(bits), nil
}

// guard turns a panic into an error: the Parquet reader may panic on a damaged file.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("damaged: %v", r)
		}
	}()
	return f()
}
