package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// features is a modality as its file holds it.
type features struct {
	name, path string
	ids        []string // of the rows; nil until nameItems, for an array whose rows are the items 0, 1, …
	dim        int
	rows       []float32
	implied    int // rows of such an array
	warnings   []string
}

func readFeatures(m NamedFile, o Options) (features, error) {
	f := features{name: m.Name, path: m.Path}
	if !strings.HasSuffix(strings.ToLower(m.Path), ".npy") {
		return f, f.readTable(m, o)
	}
	if len(m.Columns) > 0 {
		return f, fmt.Errorf("%w: modality %s: %s is an array and has no columns %s: name none", ErrOptions, m.Name, m.Path, quoted(m.Columns))
	}
	var count int
	var err error
	if f.rows, count, f.dim, err = ReadNPY(m.Path); err != nil {
		return f, err
	}
	sidecar := strings.TrimSuffix(m.Path, filepath.Ext(m.Path)) + ".ids.txt"
	if f.ids, err = readIDs(sidecar); errors.Is(err, fs.ErrNotExist) {
		f.implied = count
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("%w: %v", ErrTable, err)
	}
	if len(f.ids) != count {
		return f, fmt.Errorf("%w: %s names %d ids for the %d rows of %s: want one line per row", ErrTable, sidecar, len(f.ids), count, m.Path)
	}
	return f, f.unique()
}

func (f *features) unique() error {
	seen := make(map[string]int, len(f.ids))
	for i, id := range f.ids {
		if err := checkID(id); err != nil {
			return fmt.Errorf("%w: %s: row %d: the id %q %v", ErrTable, f.path, i+1, clip(id), err)
		}
		if at, ok := seen[id]; ok {
			return fmt.Errorf("%w: %s: rows %d and %d are both of item %q: keep one", ErrTable, f.path, at+1, i+1, id)
		}
		seen[id] = i
	}
	return nil
}

// nameItems gives the rows of an array without ids the names 0, 1, … Every item of the interactions must be among them.
func (f *features) nameItems(items []string) error {
	if f.implied == 0 {
		return nil
	}
	for _, name := range items {
		if n, ok := index(name); !ok || n >= f.implied {
			return fmt.Errorf("%w: modality %s: %s has %d rows, for items 0 to %d, but the interactions have item %q: give an array with a row for every item, or ids beside it in %s.ids.txt",
				ErrTable, f.name, f.path, f.implied, f.implied-1, name, strings.TrimSuffix(filepath.Base(f.path), filepath.Ext(f.path)))
		}
	}
	f.ids = make([]string, f.implied)
	for i := range f.ids {
		f.ids[i] = strconv.Itoa(i)
	}
	return nil
}

// faintest is the size below which a number is zero: what is scaled up from less leaves float32.
const faintest = 1e-30

// meets tells whether the features are of any of the items.
func (f *features) meets(items names) error {
	if f.implied > 0 || slices.ContainsFunc(f.ids, func(id string) bool { _, ok := items.row[id]; return ok }) {
		return nil
	}
	return fmt.Errorf("%w: modality %s: %s has features for none of the %d items of the interactions: its ids are such as %q, theirs such as %q", ErrTable, f.name, f.path, len(items.names), clip(f.ids[0]), clip(items.names[0]))
}

// align puts the rows into the order of the items and masks what cannot be used.
func (f *features) align(items []string) (Modality, Seen) {
	m := Modality{Name: f.name, Dim: f.dim, Rows: make([]float32, len(items)*f.dim), Present: make([]bool, len(items))}
	seen := Seen{Name: f.name, Dim: f.dim, Alike: true}
	first := int32(-1)
	at := rows(f.ids)
	for i, name := range items {
		from, ok := at[name]
		if !ok {
			seen.Missing++
			continue
		}
		row := f.rows[int(from)*f.dim : (int(from)+1)*f.dim]
		switch {
		case slices.ContainsFunc(row, func(x float32) bool { return math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) }):
			seen.NotFinite++
		case !slices.ContainsFunc(row, func(x float32) bool { return x >= faintest || x <= -faintest }):
			seen.Zero++
		default:
			m.Present[i] = true
			copy(m.Row(int32(i)), row)
			if first < 0 {
				first = int32(i)
			}
			seen.Alike = seen.Alike && slices.Equal(row, m.Row(first))
			seen.Present++
		}
	}
	if f.dim == 1 && seen.Zero > 0 { // a flag: who has it tells
		seen.Alike = false
	}
	return m, seen
}
