package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cell is one value of a table. Text is how it is written; a list has Numbers instead.
type cell struct {
	Text    string
	Numbers []float32
	List    bool
}

// table is a file read row by row. A row is valid until the next is read.
type table struct {
	path    string
	columns []string
	// next returns the row and its number: the line of a CSV file, the count from 1 of a Parquet file. io.EOF ends.
	next  func() (row []cell, number int, err error)
	close func() error
}

// openTable opens CSV (.csv, .tsv, also .gz) or Parquet by the name of the file.
func openTable(path string) (*table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrTable, err)
	}
	var t *table
	name := strings.ToLower(path)
	switch plain := strings.TrimSuffix(name, ".gz"); {
	case strings.HasSuffix(name, ".parquet"):
		t, err = openParquet(f)
	case strings.HasSuffix(plain, ".csv"), strings.HasSuffix(plain, ".tsv"):
		t, err = openCSV(f, plain != name, strings.HasSuffix(plain, ".tsv"))
	default:
		err = errors.New("its name ends in none of .csv, .tsv, .csv.gz, .tsv.gz, .parquet")
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%w: %s: %v", ErrTable, path, err)
	}
	t.path = path
	inner := t.close
	t.close = func() error { return errors.Join(inner(), f.Close()) }
	return t, nil
}

func openCSV(f io.Reader, zipped, tabs bool) (*table, error) {
	closer := func() error { return nil }
	if zipped {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, fmt.Errorf("is not gzip: %v", err)
		}
		f, closer = z, z.Close
	}
	in := bufio.NewReaderSize(f, 1<<16)
	switch begin, _ := in.Peek(4); {
	case bytes.HasPrefix(begin, []byte{0x1f, 0x8b}):
		return nil, errors.New("is gzip: let its name end in .gz")
	case bytes.HasPrefix(begin, []byte{0xff, 0xfe}), bytes.HasPrefix(begin, []byte{0xfe, 0xff}):
		return nil, errors.New("is UTF-16: save it as UTF-8")
	case bytes.Equal(begin, []byte("PAR1")):
		return nil, errors.New("is Parquet: let its name end in .parquet")
	}
	r := csv.NewReader(in)
	r.ReuseRecord = true
	if tabs {
		r.Comma = '\t'
	}
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("is empty: want a first line with the names of the columns")
	}
	if err != nil {
		return nil, err
	}
	columns := slices.Clone(head)
	columns[0] = strings.TrimPrefix(columns[0], "\ufeff")
	for i := range columns {
		columns[i] = strings.TrimSpace(columns[i])
	}
	cells := make([]cell, len(columns))
	return &table{columns: columns, close: closer, next: func() ([]cell, int, error) {
		record, err := r.Read()
		if err != nil {
			return nil, 0, err
		}
		for i, text := range record {
			cells[i] = cell{Text: strings.TrimSpace(text)}
		}
		line, _ := r.FieldPos(0)
		return cells, line, nil
	}}, nil
}

// column finds a column that must be there.
func (t *table) column(name, what string) (int, error) {
	if i := slices.Index(t.columns, name); i >= 0 {
		if slices.Contains(t.columns[i+1:], name) {
			return 0, fmt.Errorf("%w: %s has the column %q twice: which one holds cannot be known; name each once", ErrTable, filepath.Base(t.path), name)
		}
		return i, nil
	}
	return 0, fmt.Errorf("%w: %s has no column %q for %s: it has %s; name the right one", ErrTable, filepath.Base(t.path), name, what, quoted(t.columns))
}

// each calls visit for every row. An error that visit returns is told with the file and the row.
func (t *table) each(visit func(row []cell, number int) error) error {
	last := 0
	for {
		row, number, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %s, after row %d: %v: repair the file", ErrTable, filepath.Base(t.path), last, err)
		}
		if err := visit(row, number); err != nil {
			return fmt.Errorf("%w: %s, row %d: %v", ErrTable, filepath.Base(t.path), number, err)
		}
		last = number
	}
}

func badCell(column, value, want string) error {
	return fmt.Errorf("column %q, value %q: %s", column, clip(value), want)
}

// clip keeps messages readable.
func clip(s string) string {
	const longest = 80
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", clip(n))
	}
	if len(q) > 20 {
		q = append(q[:20], fmt.Sprintf("and %d more", len(names)-20))
	}
	return strings.Join(q, ", ")
}
