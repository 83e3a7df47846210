package lake

import (
	"context"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// selection is which rows and columns a scan wants. to is empty for no end.
type selection struct {
	from, to string // keys: from ≤ key < to
	columns  []string
}

func (s *selection) wants(column string) bool {
	return s.columns == nil || slices.Contains(s.columns, column)
}

// cursor walks the rows of one run in order of keys: its segments follow one
// another, and so do their row groups. It holds the narrow columns of one row
// group, and of the wide ones what readAhead allows.
type cursor[R any] struct {
	ctx       context.Context
	reader    *reader[R]
	selection *selection
	readAhead int64

	segments []*segment // left, including the current one
	index    *segmentIndex
	window   *window
	group    int // next row group of the current segment
	rows     []R
	row      int // current row
	wide     []wideColumn
}

// wideColumn is a wide column of the current row group.
type wideColumn struct {
	column *column
	leaf   parquet.LeafColumn
	page   pagePlace
	lists  [][]float32 // of page; nil: not read
}

// current is the segment that an error of next or row is about.
func (c *cursor[R]) current() *segment { return c.segments[0] }

// next moves to the next row wanted and reports whether there is one.
func (c *cursor[R]) next() (bool, error) {
	c.row++
	for {
		for c.row < len(c.rows) {
			key := c.key()
			if c.selection.to != "" && key >= c.selection.to {
				return false, nil
			}
			if key >= c.selection.from {
				return true, nil
			}
			c.row++
		}
		more, err := c.nextGroup()
		if !more || err != nil {
			return false, err
		}
	}
}

func (c *cursor[R]) key() string { return c.reader.head(&c.rows[c.row]).Key }

// nextGroup reads the next row group that can hold wanted rows.
func (c *cursor[R]) nextGroup() (bool, error) {
	c.rows, c.row = nil, 0
	for len(c.segments) > 0 {
		if c.index == nil {
			x, err := c.reader.index(c.ctx, c.segments[0])
			if err != nil {
				return false, err
			}
			c.index, c.group = x, 0
			c.window = x.window(c.ctx, c.reader.store, c.segments[0])
		}
		for c.group < len(c.index.groups) {
			group := c.group
			g := &c.index.groups[group]
			c.group++
			if g.last < c.selection.from {
				continue
			}
			if c.selection.to != "" && g.first >= c.selection.to {
				return false, nil
			}
			return true, c.read(group)
		}
		c.segments = c.segments[1:]
		c.index, c.window = nil, nil
	}
	return false, nil
}

func (c *cursor[R]) read(group int) error {
	if c.index.body == nil {
		c.window.spans = nil
	}
	var err error
	c.rows, err = c.reader.readGroup(c.window, c.index, group, c.reader.narrow(c.selection.columns))
	if err != nil {
		return err
	}
	c.wide = c.wide[:0]
	for i := range c.reader.columns {
		col := &c.reader.columns[i]
		if !col.wide() || !c.selection.wants(col.name) {
			continue
		}
		if leaf, ok := c.index.file.Schema().Lookup(col.path...); ok {
			c.wide = append(c.wide, wideColumn{column: col, leaf: leaf})
		}
	}
	if c.index.body == nil {
		c.window.spans = nil // the narrow columns are decoded
	}
	return nil
}

// value returns the current row with its wide columns.
func (c *cursor[R]) value() (R, error) {
	row := c.rows[c.row]
	for i := range c.wide {
		w := &c.wide[i]
		if w.lists == nil || c.row >= w.page.first+w.page.rows {
			if err := c.readPage(w); err != nil {
				return row, err
			}
		}
		*floats(&row, w.column) = w.lists[c.row-w.page.first]
	}
	return row, nil
}

// readPage decodes the page of w that holds the current row; it fetches ahead.
func (c *cursor[R]) readPage(w *wideColumn) error {
	group := c.group - 1
	p, err := pageOf(c.index, group, w.leaf, c.row)
	if err != nil {
		return invalid(c.current(), err)
	}
	if !c.window.holds(p.offset, p.size) {
		chunk := chunkRanges(c.index, &c.index.groups[group], []parquet.LeafColumn{w.leaf})[0]
		c.window.forget(chunk.from, p.offset)
		if err := c.window.fetch(p.offset, max(p.size, min(c.readAhead, chunk.to-p.offset))); err != nil {
			return err
		}
	}
	w.lists, err = readPage(c.window, c.index, group, w.leaf, p)
	w.page = p
	return err
}
