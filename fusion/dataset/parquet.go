package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// parquetColumn is a leaf of the schema under its top name.
type parquetColumn struct {
	name string
	list bool
	step time.Duration // of a timestamp: what its number counts; 0 for others
	hole int           // definition level of an entry of a list that is null; -1 where none can be
}

// openParquet reads flat columns and lists of numbers; deeper nesting is refused. parquet-go panics on some damaged files:
// that is told as an error.
func openParquet(f *os.File) (t *table, err error) {
	defer notPanicking(&err)
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("is not Parquet: %v", err)
	}
	schema := file.Schema()
	var columns []parquetColumn
	t = &table{}
	for _, path := range schema.Columns() {
		leaf, ok := schema.Lookup(path...)
		if !ok || leaf.MaxRepetitionLevel > 1 {
			return nil, fmt.Errorf("column %q is nested: want plain columns and lists of numbers", path[0])
		}
		c := parquetColumn{name: path[0], list: leaf.MaxRepetitionLevel == 1, hole: -1}
		if leaf.Node.Optional() {
			c.hole = int(leaf.MaxDefinitionLevel) - 1
		}
		if l := leaf.Node.Type().LogicalType(); l != nil {
			if stamp, ok := l.Value.(*format.TimestampType); ok && stamp.Unit.Value != nil {
				c.step = stamp.Unit.Value.Duration()
			}
		}
		columns, t.columns = append(columns, c), append(t.columns, c.name)
	}
	reader := parquet.NewReader(file)
	rows := make([]parquet.Row, 1)
	cells := make([]cell, len(columns))
	number := 0
	t.close = reader.Close
	t.next = func() (_ []cell, _ int, err error) {
		defer notPanicking(&err)
		if file.NumRows() == 0 { // its reader fails
			return nil, 0, io.EOF
		}
		n, err := reader.ReadRows(rows)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				return nil, 0, io.EOF
			}
			return nil, 0, err
		}
		number++
		for i := range cells {
			cells[i] = cell{List: columns[i].list, Numbers: cells[i].Numbers[:0]}
		}
		for _, v := range rows[0] {
			if err := cells[v.Column()].take(v, columns[v.Column()]); err != nil {
				return nil, 0, err
			}
		}
		return cells, number, nil
	}
	return t, nil
}

func notPanicking(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("is damaged: %v", r)
	}
}

func (c *cell) take(v parquet.Value, column parquetColumn) error {
	if v.IsNull() {
		if column.list && v.DefinitionLevel() == column.hole {
			c.Numbers = append(c.Numbers, float32(math.NaN()))
		}
		return nil
	}
	if column.list {
		x, err := number(v)
		if err != nil {
			return fmt.Errorf("column %q: %v", column.name, err)
		}
		c.Numbers = append(c.Numbers, float32(x))
		return nil
	}
	switch {
	case column.step != 0 && v.Kind() == parquet.Int64:
		perSecond := int64(time.Second / column.step)
		c.Text = time.Unix(v.Int64()/perSecond, v.Int64()%perSecond*int64(column.step)).UTC().Format(time.RFC3339Nano)
	case v.Kind() == parquet.ByteArray || v.Kind() == parquet.FixedLenByteArray:
		c.Text = string(v.ByteArray())
	case v.Kind() == parquet.Double:
		c.Text = strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case v.Kind() == parquet.Float:
		c.Text = strconv.FormatFloat(float64(v.Float()), 'g', -1, 32)
	default:
		c.Text = v.String()
	}
	return nil
}

func number(v parquet.Value) (float64, error) {
	switch v.Kind() {
	case parquet.Float:
		return float64(v.Float()), nil
	case parquet.Double:
		return v.Double(), nil
	case parquet.Int32:
		return float64(v.Int32()), nil
	case parquet.Int64:
		return float64(v.Int64()), nil
	case parquet.FixedLenByteArray:
		if b := v.ByteArray(); len(b) == 2 {
			return float64(half(binary.LittleEndian.Uint16(b))), nil
		}
		fallthrough
	default:
		return math.NaN(), fmt.Errorf("holds %v in a list: want numbers", v.Kind())
	}
}
