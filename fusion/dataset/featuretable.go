package dataset

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// featureTable is a modality's table while it is read.
type featureTable struct {
	id      int
	columns []int
	texts   []string // of a text column, one per row
	textual bool
}

// readTable reads an id and one list of numbers, columns of numbers, or one column of text, which is encoded.
func (f *features) readTable(m NamedFile, o Options) error {
	t, err := openTable(m.Path)
	if err != nil {
		return err
	}
	defer func() { _ = t.close() }()
	c, err := featureColumns(t, m, o.ItemColumn)
	if err != nil {
		return err
	}
	var row []float32
	err = t.each(func(cells []cell, _ int) error {
		f.ids = append(f.ids, cells[c.id].Text)
		if c.reads(cells, len(f.ids) == 1 && len(m.Columns) == 1 && o.Encode != nil) {
			c.texts = append(c.texts, cells[c.columns[0]].Text)
			return nil
		}
		if row, err = c.numbers(row[:0], cells, t.columns, m.Name); err != nil {
			return err
		}
		if f.dim == 0 {
			f.dim = len(row)
		}
		if len(row) != f.dim && len(row) > 0 {
			return fmt.Errorf("has %d numbers where the rows before have %d: every item needs as many", len(row), f.dim)
		}
		if len(row) == 0 { // a null list
			row = append(row, make([]float32, f.dim)...)
		}
		f.rows = append(f.rows, row...)
		return nil
	})
	if err == nil && c.textual {
		err = f.encode(c.texts, o)
	}
	if err == nil && (len(f.ids) == 0 || f.dim == 0) {
		err = fmt.Errorf("%w: %s has no rows with numbers", ErrTable, m.Path)
	}
	if err != nil {
		return err
	}
	return f.unique()
}

func featureColumns(t *table, m NamedFile, idColumn string) (c featureTable, err error) {
	c.id = slices.IndexFunc(t.columns, func(c string) bool { return c == idColumn || c == "id" || c == "item" })
	if c.id < 0 {
		return c, fmt.Errorf("%w: %s has no column %q, \"id\" or \"item\" that names the item: it has %s", ErrTable, m.Path, idColumn, quoted(t.columns))
	}
	for _, name := range m.Columns {
		i, err := t.column(name, "modality "+m.Name)
		if err != nil {
			return c, err
		}
		c.columns = append(c.columns, i)
	}
	if len(m.Columns) == 0 {
		for i := range t.columns {
			if i != c.id {
				c.columns = append(c.columns, i)
			}
		}
	}
	if len(c.columns) == 0 {
		return c, fmt.Errorf("%w: %s has nothing but ids: add a list column or columns of numbers", ErrTable, m.Path)
	}
	return c, nil
}

// reads tells whether the column is text. The first row of a single column that may be text decides.
func (c *featureTable) reads(cells []cell, decides bool) bool {
	if decides && !cells[c.columns[0]].List {
		_, err := strconv.ParseFloat(cells[c.columns[0]].Text, 32)
		c.textual = err != nil && !errors.Is(err, strconv.ErrRange) && cells[c.columns[0]].Text != ""
	}
	return c.textual
}

// numbers appends the row; an empty cell is NaN, which masks the item.
func (c *featureTable) numbers(row []float32, cells []cell, names []string, modality string) ([]float32, error) {
	for _, i := range c.columns {
		if cells[i].List {
			row = append(row, cells[i].Numbers...)
			continue
		}
		text := cells[i].Text
		if text == "" {
			text = "NaN"
		}
		x, err := strconv.ParseFloat(text, 32)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return row, badCell(names[i], cells[i].Text, "want a number; name the columns of the modality as "+modality+"=FILE:column,column, or one column of text alone")
		}
		row = append(row, float32(x))
	}
	return row, nil
}

// encode makes a vector of each text; empty texts get zeros, which mask the item.
func (f *features) encode(texts []string, o Options) error {
	var full []string
	for _, text := range texts {
		if text != "" {
			full = append(full, text)
		}
	}
	vectors, err := o.Encode(full)
	if err != nil {
		return fmt.Errorf("modality %s: encoding the %d texts of %s: %w", f.name, len(full), f.path, err)
	}
	if len(vectors) != len(full) || len(full) == 0 {
		return fmt.Errorf("%w: modality %s: %d vectors for %d texts of %s", ErrTable, f.name, len(vectors), len(full), f.path)
	}
	f.dim = len(vectors[0])
	f.rows = make([]float32, len(texts)*f.dim)
	for i, next := 0, 0; i < len(texts); i++ {
		if texts[i] != "" {
			copy(f.rows[i*f.dim:(i+1)*f.dim], vectors[next])
			next++
		}
	}
	return nil
}
