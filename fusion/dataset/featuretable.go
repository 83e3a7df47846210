package dataset

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// featureTable is a modality's table while it is read.
type featureTable struct {
	id      int
	columns []int
	// Of a single named column, which may be text: all cells, since only all of them tell.
	texts []string
	at    []int // their rows
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
	mayBeText := len(m.Columns) == 1 && o.Encode != nil
	var row []float32
	err = t.each(func(cells []cell, number int) error {
		f.ids = append(f.ids, cells[c.id].Text)
		if mayBeText && !cells[c.columns[0]].List {
			c.texts, c.at = append(c.texts, cells[c.columns[0]].Text), append(c.at, number)
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
	if err == nil {
		err = f.unique() // before anything is encoded
	}
	if err == nil && len(c.texts) > 0 {
		err = f.single(c, t, o)
	}
	if err != nil {
		return err
	}
	if len(f.ids) == 0 || f.dim == 0 {
		return fmt.Errorf("%w: %s has no rows with numbers", ErrTable, m.Path)
	}
	if missing := len(f.ids)*f.dim - len(f.rows); missing > 0 { // null lists before the first that is none
		f.rows = append(make([]float32, missing), f.rows...)
	}
	return nil
}

func featureColumns(t *table, m NamedFile, idColumn string) (c featureTable, err error) {
	c.id = slices.IndexFunc(t.columns, func(c string) bool { return c == idColumn || c == "id" || c == "item" })
	if c.id < 0 {
		return c, fmt.Errorf("%w: %s has no column %q or \"id\" that names the item: it has %s", ErrTable, m.Path, idColumn, quoted(t.columns))
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

// numbers appends the row; an empty cell is NaN, which masks the item.
func (c *featureTable) numbers(row []float32, cells []cell, names []string, modality string) ([]float32, error) {
	for _, i := range c.columns {
		if cells[i].List {
			row = append(row, cells[i].Numbers...)
			continue
		}
		x, ok := cellNumber(cells[i].Text)
		if !ok {
			return row, badCell(names[i], cells[i].Text, "want a number; name the columns of the modality as "+modality+"=FILE:column,column, or one column of text alone")
		}
		row = append(row, x)
	}
	return row, nil
}

// cellNumber reads a number; what is empty is NaN.
func cellNumber(text string) (float32, bool) {
	if text == "" {
		text = "NaN"
	}
	x, err := strconv.ParseFloat(text, 32)
	return float32(x), err == nil || errors.Is(err, strconv.ErrRange)
}

// single takes the one column that was named: text if most of what it holds is no number.
func (f *features) single(c featureTable, t *table, o Options) error {
	full, words := 0, 0
	for _, text := range c.texts {
		if text != "" {
			full++
			if _, ok := cellNumber(text); !ok {
				words++
			}
		}
	}
	name := t.columns[c.columns[0]]
	if 2*words > full {
		return f.encode(c.texts, name, o)
	}
	f.dim = 1
	for i, text := range c.texts {
		x, ok := cellNumber(text)
		if !ok {
			return fmt.Errorf("%w: %s, row %d: %v", ErrTable, f.path, c.at[i], badCell(name, text, "want a number, as most of the column are; leave it empty where there is none"))
		}
		f.rows = append(f.rows, x)
	}
	return nil
}

// adorned is a number that is written for people: a price with its currency, a decimal comma, a unit.
var adorned = regexp.MustCompile(`^\D{0,4}\d[\d.,' ]*\D{0,4}$`)

// encode makes a vector of each text; empty texts get zeros, which mask the item.
func (f *features) encode(texts []string, column string, o Options) error {
	var full []string
	broken, numbers := 0, 0
	for _, text := range texts {
		if text == "" {
			continue
		}
		full = append(full, text)
		if !utf8.ValidString(text) {
			broken++
		}
		if adorned.MatchString(text) {
			numbers++
		}
	}
	if broken > 0 {
		f.warnings = append(f.warnings, fmt.Sprintf("modality %s: %d of %d texts of column %q are not UTF-8; save %s as UTF-8", f.name, broken, len(full), column, f.path))
	}
	if 2*numbers > len(full) {
		f.warnings = append(f.warnings, fmt.Sprintf("modality %s: column %q is read as text, though it looks like numbers, such as %q: write plain ones, such as 12.5", f.name, column, clip(full[0])))
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
