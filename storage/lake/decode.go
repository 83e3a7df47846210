package lake

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// decodeColumn reads one column of a row group into its field of rows, which are
// the rows from the first that pages yields.
func decodeColumn[R any](rows []R, c *column, leaf parquet.LeafColumn, pages *parquet.FilePages) error {
	d := columnDecoder{column: c, leaf: leaf}
	for done := 0; done < len(rows); {
		page, err := pages.ReadPage()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("%d rows of %d", done, len(rows))
			}
			return fmt.Errorf("column %q: %w", c.name, err)
		}
		n := int(page.NumRows())
		if n < 1 || n > len(rows)-done {
			parquet.Release(page)
			return fmt.Errorf("column %q: page of %d rows where %d are left", c.name, n, len(rows)-done)
		}
		err = decodePage(&d, rows[done:done+n], page)
		parquet.Release(page)
		if err != nil {
			return fmt.Errorf("column %q: %w", c.name, err)
		}
		done += n
	}
	return nil
}

// columnDecoder keeps the dictionary of the column chunk between its pages.
type columnDecoder struct {
	column     *column
	leaf       parquet.LeafColumn
	dictionary []string
}

func decodePage[R any](d *columnDecoder, rows []R, page parquet.Page) error {
	c := d.column
	present := presence{levels: page.DefinitionLevels(), full: byte(d.leaf.MaxDefinitionLevel)}
	data := page.Data()
	if c.kind == kindFloats || c.kind == kindStrings {
		return decodeLists(d, rows, page, &data)
	}
	switch c.kind {
	case kindString:
		values, err := d.strings(page, &data)
		if err != nil {
			return err
		}
		return scatter(rows, present, len(values), func(r *R, i int) { *at[string](r, c) = values[i] })
	case kindInt64:
		values := data.Int64()
		return scatter(rows, present, len(values), func(r *R, i int) { *at[int64](r, c) = values[i] })
	case kindBool:
		bits := data.Boolean()
		return scatter(rows, present, 8*len(bits), func(r *R, i int) { *at[bool](r, c) = bits[i/8]&(1<<(i%8)) != 0 })
	case kindFloat64:
		values := data.Double()
		return scatter(rows, present, len(values), func(r *R, i int) { *at[float64](r, c) = values[i] })
	case kindOptionalFloat64:
		values := append([]float64(nil), data.Double()...)
		return scatter(rows, present, len(values), func(r *R, i int) { *at[*float64](r, c) = &values[i] })
	}
	return fmt.Errorf("kind %d is not decoded", c.kind)
}

// presence tells which rows of a flat page have a value.
type presence struct {
	levels []byte // empty: all
	full   byte   // the level of a value that is there
}

// scatter calls set for each row that has a value, with the value's position.
func scatter[R any](rows []R, present presence, values int, set func(r *R, i int)) error {
	if len(present.levels) == 0 {
		if values < len(rows) {
			return fmt.Errorf("%d values for %d rows", values, len(rows))
		}
		for i := range rows {
			set(&rows[i], i)
		}
		return nil
	}
	if len(present.levels) != len(rows) {
		return fmt.Errorf("%d levels for %d rows", len(present.levels), len(rows))
	}
	next := 0
	for i, level := range present.levels {
		if level != present.full {
			continue
		}
		if next == values {
			return fmt.Errorf("%d values, more are declared", values)
		}
		set(&rows[i], next)
		next++
	}
	return nil
}

// decodeLists cuts a page of a list column into rows.
func decodeLists[R any](d *columnDecoder, rows []R, page parquet.Page, data *encoding.Values) error {
	if d.column.kind == kindFloats {
		lists := make([][]float32, len(rows))
		if err := cutFloats(lists, d.leaf, page); err != nil {
			return err
		}
		for i := range rows {
			*at[[]float32](&rows[i], d.column) = lists[i]
		}
		return nil
	}
	values, err := d.strings(page, data)
	if err != nil {
		return err
	}
	return cut(rows, page, d.leaf, len(values), func(r *R, from, to int) {
		*at[[]string](r, d.column) = values[from:to:to]
	})
}

// cutFloats cuts a page of float lists. The values of one page share one
// allocation; a list has no spare capacity, so that appending to it leaves its
// neighbour alone.
func cutFloats(lists [][]float32, leaf parquet.LeafColumn, page parquet.Page) error {
	data := page.Data()
	values := append([]float32(nil), data.Float()...)
	return cut(lists, page, leaf, len(values), func(list *[]float32, from, to int) { *list = values[from:to:to] })
}

// cut calls set for each row that has values, with their range. A row begins where
// the repetition level is 0.
func cut[R any](rows []R, page parquet.Page, leaf parquet.LeafColumn, values int, set func(r *R, from, to int)) error {
	repetition, definition, full := page.RepetitionLevels(), page.DefinitionLevels(), byte(leaf.MaxDefinitionLevel)
	if len(repetition) != len(definition) {
		return fmt.Errorf("%d repetition levels, %d definition levels", len(repetition), len(definition))
	}
	row, from, next := -1, 0, 0
	end := func() error {
		if next > values {
			return fmt.Errorf("%d values, more are declared", values)
		}
		if row >= 0 && next > from {
			set(&rows[row], from, next)
		}
		return nil
	}
	for i := range repetition {
		if repetition[i] == 0 {
			if err := end(); err != nil {
				return err
			}
			row++
			from = next
			if row >= len(rows) {
				return fmt.Errorf("more than %d rows", len(rows))
			}
		}
		if definition[i] == full {
			next++
		}
	}
	if err := end(); err != nil {
		return err
	}
	if row != len(rows)-1 {
		return fmt.Errorf("%d rows of %d", row+1, len(rows))
	}
	return nil
}

// strings returns the page's values. Those of a page share one allocation, those of
// a dictionary one for the column chunk.
func (d *columnDecoder) strings(page parquet.Page, data *encoding.Values) ([]string, error) {
	dictionary := page.Dictionary()
	if dictionary == nil {
		return splitStrings(data), nil
	}
	if d.dictionary == nil {
		all := dictionary.Page().Data()
		d.dictionary = splitStrings(&all)
	}
	indexes := data.Int32()
	values := make([]string, len(indexes))
	for i, x := range indexes {
		if x < 0 || int(x) >= len(d.dictionary) {
			return nil, fmt.Errorf("dictionary index %d of %d", x, len(d.dictionary))
		}
		values[i] = d.dictionary[x]
	}
	return values, nil
}

func splitStrings(data *encoding.Values) []string {
	bytes, offsets := data.ByteArray()
	if len(offsets) < 2 {
		return nil
	}
	all := string(bytes)
	values := make([]string, len(offsets)-1)
	for i := range values {
		values[i] = all[offsets[i]:offsets[i+1]]
	}
	return values
}
