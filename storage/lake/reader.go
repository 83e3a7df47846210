package lake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"weft/storage/objects"
)

// reader decodes the segments of one table. It is safe for concurrent use.
type reader[R any] struct {
	store   objects.Store
	cache   *cache
	table   string
	columns []column
	head    func(*R) *Row
}

// index returns the index of a segment, from the cache if it is there.
func (r *reader[R]) index(ctx context.Context, seg *segment) (*segmentIndex, error) {
	return cached(ctx, r.cache, cacheKey{segment: seg.key, what: cachedIndex}, func() (*segmentIndex, int64, error) {
		return readIndex(ctx, r.store, r.table, seg)
	})
}

// find returns the row of a segment that has the key, without its wide columns, and
// where it lies.
func (r *reader[R]) find(ctx context.Context, seg *segment, key string, hash uint64) (row R, at place, found bool, err error) {
	x, err := r.index(ctx, seg)
	if err != nil {
		return row, at, false, err
	}
	g := x.group(key, hash)
	if g < 0 {
		return row, at, false, nil
	}
	rows, err := r.block(ctx, seg, x, g)
	if err != nil {
		return row, at, false, err
	}
	i := sort.Search(len(rows), func(i int) bool { return r.head(&rows[i]).Key >= key })
	if i == len(rows) || r.head(&rows[i]).Key != key {
		return row, at, false, nil
	}
	return rows[i], place{seg, x, g, i}, true, nil
}

// block returns the rows of a row group without their wide columns, from the cache if
// they are there.
func (r *reader[R]) block(ctx context.Context, seg *segment, x *segmentIndex, group int) ([]R, error) {
	return cached(ctx, r.cache, cacheKey{segment: seg.key, what: cachedBlock, group: group}, func() ([]R, int64, error) {
		rows, err := r.readGroup(x.window(ctx, r.store, seg), x, group, r.narrow(nil))
		var bytes int64
		for i := range rows {
			bytes += sizeOf(r.columns, &rows[i])
		}
		return rows, bytes, err
	})
}

// place is where a row lies.
type place struct {
	seg   *segment
	index *segmentIndex
	group int
	row   int
}

// complete reads the wide columns of a row that find returned and makes the row
// independent of the cache.
func (r *reader[R]) complete(ctx context.Context, row *R, at place) error {
	for i := range r.columns {
		c := &r.columns[i]
		if !c.wide() {
			continue
		}
		leaf, ok := at.index.file.Schema().Lookup(c.path...)
		if !ok {
			continue
		}
		p, err := pageOf(at.index, at.group, leaf, at.row)
		if err != nil {
			return invalid(at.seg, err)
		}
		key := cacheKey{segment: at.seg.key, what: cachedVector, group: at.group, column: leaf.ColumnIndex, page: p.number}
		lists, err := cached(ctx, r.cache, key, func() ([][]float32, int64, error) {
			w := at.index.window(ctx, r.store, at.seg)
			if err := w.fetch(p.offset, p.size); err != nil {
				return nil, 0, err
			}
			lists, err := readPage(w, at.index, at.group, leaf, p)
			return lists, 4*int64(p.size) + int64(len(lists))*int64(unsafe.Sizeof(lists)), err
		})
		if err != nil {
			return err
		}
		*floats(row, c) = lists[at.row-p.first]
	}
	own(r.columns, row, true)
	return nil
}

func floats[R any](row *R, c *column) *[]float32 { return at[[]float32](row, c) }

// narrow is the columns that are not wide, of those named (nil: all); key, version,
// written and deleted are always among them.
func (r *reader[R]) narrow(names []string) []*column {
	var columns []*column
	for i := range r.columns {
		c := &r.columns[i]
		if !c.wide() && (names == nil || slices.Contains(names, c.name) || slices.Contains(headColumns(), c.name)) {
			columns = append(columns, c)
		}
	}
	return columns
}

func headColumns() []string { return []string{"key", "version", "written", "deleted"} }

// readGroup decodes columns of a row group. Columns the segment lacks stay zero.
func (r *reader[R]) readGroup(w *window, x *segmentIndex, group int, columns []*column) ([]R, error) {
	g := &x.groups[group]
	var leaves []parquet.LeafColumn
	var wanted []*column
	for _, c := range columns {
		leaf, ok := x.file.Schema().Lookup(c.path...)
		if !ok {
			continue
		}
		if err := sameType(c, leaf); err != nil {
			return nil, invalid(w.seg, err)
		}
		leaves, wanted = append(leaves, leaf), append(wanted, c)
	}
	for _, s := range chunkRanges(x, g, leaves) {
		if err := w.fetch(s.from, s.to-s.from); err != nil {
			return nil, err
		}
	}
	w.sealed = true
	defer func() { w.sealed = false }()
	rows := make([]R, g.rows)
	err := guard(func() error {
		for i, c := range wanted {
			pages := g.chunks[leaves[i].ColumnIndex].PagesFrom(w)
			err := decodeColumn(rows, c, leaves[i], pages)
			if err = errors.Join(err, pages.Close()); err != nil {
				return fmt.Errorf("row group %d: %w", group, err)
			}
		}
		for i := 1; i < len(rows); i++ {
			if r.head(&rows[i-1]).Key >= r.head(&rows[i]).Key {
				return fmt.Errorf("row group %d: keys are not in order", group)
			}
		}
		return nil
	})
	if err != nil {
		return nil, invalid(w.seg, err)
	}
	return rows, nil
}

type byteRange struct{ from, to int64 }

// chunkRanges is where the column chunks lie, close ones joined.
func chunkRanges(x *segmentIndex, g *groupIndex, leaves []parquet.LeafColumn) []byteRange {
	var ranges []byteRange
	for _, leaf := range leaves {
		m := &x.file.Metadata().RowGroups[g.ordinal].Columns[leaf.ColumnIndex].MetaData
		from := m.DataPageOffset
		if m.DictionaryPageOffset != 0 {
			from = min(from, m.DictionaryPageOffset)
		}
		ranges = append(ranges, byteRange{from, from + m.TotalCompressedSize})
	}
	slices.SortFunc(ranges, func(a, b byteRange) int { return cmp.Compare(a.from, b.from) })
	joined := ranges[:0]
	for _, s := range ranges {
		if n := len(joined); n > 0 && s.from-joined[n-1].to <= pageBytes {
			joined[n-1].to = max(joined[n-1].to, s.to)
		} else {
			joined = append(joined, s)
		}
	}
	return joined
}

// sameType refuses a column that another program wrote with another type.
func sameType(c *column, leaf parquet.LeafColumn) error {
	want := map[kind]parquet.Kind{
		kindString: parquet.ByteArray, kindStrings: parquet.ByteArray, kindInt64: parquet.Int64, kindBool: parquet.Boolean,
		kindFloat64: parquet.Double, kindOptionalFloat64: parquet.Double, kindFloats: parquet.Float,
	}[c.kind]
	list := c.kind == kindFloats || c.kind == kindStrings
	if got := leaf.Node.Type().Kind(); got != want || list != (leaf.MaxRepetitionLevel == 1) {
		return fmt.Errorf("column %s is %v with %d repetition levels; this program expects %v, list: %t",
			strings.Join(c.path, "."), got, leaf.MaxRepetitionLevel, want, list)
	}
	return nil
}

// pagePlace is one page of a column chunk.
type pagePlace struct {
	number, first int // first: its first row in the row group
	rows          int
	offset, size  int64
}

// pageOf returns the page that holds a row of the row group.
func pageOf(x *segmentIndex, group int, leaf parquet.LeafColumn, row int) (pagePlace, error) {
	g := &x.groups[group]
	offsets, err := g.chunks[leaf.ColumnIndex].OffsetIndex()
	if err != nil {
		return pagePlace{}, err
	}
	n := offsets.NumPages()
	i := sort.Search(n, func(i int) bool { return offsets.FirstRowIndex(i) > int64(row) }) - 1
	if i < 0 {
		return pagePlace{}, fmt.Errorf("row group %d: no page holds row %d", group, row)
	}
	p := pagePlace{number: i, first: int(offsets.FirstRowIndex(i)), offset: offsets.Offset(i), size: offsets.CompressedPageSize(i)}
	end := g.rows
	if i+1 < n {
		end = int(offsets.FirstRowIndex(i + 1))
	}
	p.rows = end - p.first
	return p, nil
}

// readPage decodes one page of a wide column, which w has fetched.
func readPage(w *window, x *segmentIndex, group int, leaf parquet.LeafColumn, p pagePlace) ([][]float32, error) {
	w.sealed = true
	defer func() { w.sealed = false }()
	lists := make([][]float32, p.rows)
	err := guard(func() (err error) {
		pages := x.groups[group].chunks[leaf.ColumnIndex].PagesFrom(w)
		defer func() { err = errors.Join(err, pages.Close()) }()
		if err := pages.SeekToRow(int64(p.first)); err != nil {
			return err
		}
		page, err := pages.ReadPage()
		if err != nil {
			return err
		}
		defer parquet.Release(page)
		if int(page.NumRows()) != p.rows {
			return fmt.Errorf("page of %d rows where the index says %d", page.NumRows(), p.rows)
		}
		return cutFloats(lists, leaf, page)
	})
	if err != nil {
		return nil, invalid(w.seg, fmt.Errorf("row group %d, page %d of column %s: %w", group, p.number, strings.Join(leaf.Path, "."), err))
	}
	return lists, nil
}

func invalid(seg *segment, err error) error {
	return fmt.Errorf("%w: %s: %w", errInvalid, seg.key, err)
}
