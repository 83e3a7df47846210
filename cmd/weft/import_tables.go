package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	parquetformat "github.com/parquet-go/parquet-go/format"

	"weft/behaviour"
	"weft/tasks"
)

// csvRows reads records of CSV; their lines are those of the file.
type csvRows struct {
	table table
	r     *csv.Reader
	width int
	file  io.Closer
	done  bool
}

func openCSV(content io.Reader, file io.Closer, read mapping) (rowReader, error) {
	b := bufio.NewReaderSize(content, 256<<10)
	head, err := b.Peek(64 << 10)
	if err != nil && len(head) == 0 && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if strings.HasPrefix(string(head), "\uFEFF") {
		if _, err := b.Discard(len("\uFEFF")); err != nil {
			return nil, err
		}
	}
	r := csv.NewReader(b)
	r.ReuseRecord = true
	r.Comma = separatorOf(string(head))
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, usagef("the file is empty: want a first line with the names of the columns")
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("the first line must hold the names of the columns: %w", err)}
	}
	header = slices.Clone(header)
	for i, name := range header {
		header[i] = strings.Clone(strings.TrimSpace(name))
	}
	t, err := read.table(header)
	return &csvRows{table: t, r: r, width: len(header), file: file}, err
}

// separatorOf is what there is most of in the first line.
func separatorOf(head string) rune {
	line, _, _ := strings.Cut(head, "\n")
	best, most := ',', strings.Count(line, ",")
	for _, c := range []rune{';', '\t'} {
		if n := strings.Count(line, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

func (c *csvRows) close() error { return c.file.Close() }

func (c *csvRows) next() ([]behaviour.RawRow, error) {
	var rows []behaviour.RawRow
	size := 0
	for !c.done && len(rows) < behaviour.BatchRows && size < behaviour.BatchBytes {
		record, err := c.r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var row behaviour.RawRow
		var wrong *csv.ParseError
		switch {
		case err == nil:
			row.Line, _ = c.r.FieldPos(0)
			row.JSON = c.table.row(func(i int) any { return record[i] })
		case errors.As(err, &wrong):
			row.Line, row.JSON = wrong.StartLine, []byte(strings.Join(record, string(c.r.Comma)))
			want := "the record is not CSV: " + wrong.Err.Error()
			if errors.Is(err, csv.ErrFieldCount) {
				want = fmt.Sprintf("the record has %d fields where the first line names %d columns", len(record), c.width)
			}
			row.Fault = &behaviour.Fault{Reason: tasks.ReasonBadField, Want: want}
		default:
			c.done = true
			bad := behaviour.Broken(err)
			if bad == nil {
				return rows, err
			}
			if len(rows) > 0 {
				row.Line = rows[len(rows)-1].Line
			}
			row.Line, row.Fault = row.Line+1, bad
		}
		row.JSON = row.JSON[:min(len(row.JSON), behaviour.MaxRowBytes+1)]
		size += len(row.JSON)
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, io.EOF
	}
	return rows, nil
}

// parquetRows reads rows of Parquet; their line is their number.
type parquetRows struct {
	table  table
	groups []parquet.RowGroup
	rows   parquet.Rows
	names  []string
	leaves []parquetColumn // by leaf
	buffer []parquet.Row
	file   io.Closer
	line   int
}

// parquetColumn is a leaf and the column that it fills.
type parquetColumn struct {
	column int
	list   bool
	unit   time.Duration // of a timestamp; 0: none
	days   bool
}

func openParquet(f interface {
	io.ReaderAt
	io.Closer
}, size int64, read mapping) (rowReader, error) {
	file, err := parquet.OpenFile(f, size)
	if err != nil {
		return nil, fmt.Errorf("not a Parquet file: %w", err)
	}
	p := &parquetRows{groups: file.RowGroups(), buffer: make([]parquet.Row, 512), file: f}
	schema := file.Schema()
	for _, path := range schema.Columns() {
		leaf, _ := schema.Lookup(path...)
		c := parquetColumn{list: leaf.MaxRepetitionLevel > 0}
		if logical := leaf.Node.Type().LogicalType(); logical != nil {
			switch l := logical.Value.(type) {
			case *parquetformat.TimestampType:
				c.unit = time.Millisecond
				if l.Unit.Value != nil {
					c.unit = l.Unit.Value.Duration()
				}
			case *parquetformat.DateType:
				c.days = true
			}
		}
		name := strings.Join(path, ".")
		if c.list {
			name = path[0]
		}
		if c.column = slices.Index(p.names, name); c.column < 0 {
			c.column, p.names = len(p.names), append(p.names, name)
		}
		p.leaves = append(p.leaves, c)
	}
	p.table, err = read.table(p.names)
	return p, err
}

func (p *parquetRows) close() error {
	if p.rows != nil {
		_ = p.rows.Close()
	}
	return p.file.Close()
}

func (p *parquetRows) next() (rows []behaviour.RawRow, err error) {
	defer func() { // the library may panic on a damaged file
		if r := recover(); r != nil {
			err = fmt.Errorf("the Parquet file is damaged after row %d: %v", p.line, r)
		}
	}()
	size := 0
	for len(rows) < behaviour.BatchRows && size < behaviour.BatchBytes {
		if p.rows == nil {
			if len(p.groups) == 0 {
				break
			}
			p.rows, p.groups = p.groups[0].Rows(), p.groups[1:]
		}
		n, err := p.rows.ReadRows(p.buffer)
		for _, record := range p.buffer[:n] {
			values := p.values(record)
			p.line++
			row := behaviour.RawRow{Line: p.line, JSON: p.table.row(func(i int) any { return values[i] })}
			size += len(row.JSON)
			rows = append(rows, row)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return rows, fmt.Errorf("after row %d: %w", p.line, err)
		}
		if err != nil || n == 0 {
			if err := p.rows.Close(); err != nil {
				return rows, err
			}
			p.rows = nil
		}
	}
	if len(rows) == 0 {
		return nil, io.EOF
	}
	return rows, nil
}

// values are a record's, by column.
func (p *parquetRows) values(record parquet.Row) []any {
	values := make([]any, len(p.names))
	for _, v := range record {
		c := p.leaves[v.Column()]
		if v.IsNull() {
			continue
		}
		plain := c.plain(v)
		if !c.list {
			values[c.column] = plain
			continue
		}
		list, _ := values[c.column].([]any)
		values[c.column] = append(list, plain)
	}
	return values
}

func (c parquetColumn) plain(v parquet.Value) any {
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32:
		if c.days {
			return time.Unix(int64(v.Int32())*24*60*60, 0)
		}
		return int64(v.Int32())
	case parquet.Int64:
		switch c.unit {
		case 0:
			return v.Int64()
		case time.Nanosecond:
			return time.Unix(0, v.Int64())
		case time.Microsecond:
			return time.UnixMicro(v.Int64())
		}
		return time.UnixMilli(v.Int64())
	case parquet.Float:
		return float64(v.Float())
	case parquet.Double:
		return v.Double()
	default:
		return string(v.ByteArray())
	}
}
