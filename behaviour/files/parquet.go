package files

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	parquetformat "github.com/parquet-go/parquet-go/format"

	"weft/behaviour"
)

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
}, size int64, read Mapping) (reader, error) {
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
