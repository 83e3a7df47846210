package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Parts of a product that the sample keeps.
const (
	partPhoto  = "photo"  // photo.jpg
	partDetail = "detail" // detail.jpg, a close crop of photo.jpg
	partText   = "text"   // product.json
)

// entry is one product of the sample: which photo it came from, what is kept of it, and how it looks.
type entry struct {
	Product string
	Class   string
	Photo   string // file name in the source data set
	Parts   []string
	Look    look
}

func (e entry) has(part string) bool { return slices.Contains(e.Parts, part) }

var indexHeader = []string{"product", "class", "photo", "parts", "colour", "accent"}

func readIndex(r io.Reader) ([]entry, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if len(rows) == 0 || !slices.Equal(rows[0], indexHeader) {
		return nil, fmt.Errorf("index: the first line must be %q", strings.Join(indexHeader, ","))
	}
	entries := make([]entry, 0, len(rows)-1)
	for i, row := range rows[1:] {
		e := entry{Product: row[0], Class: row[1], Photo: row[2], Parts: strings.Split(row[3], "+"), Look: look{row[4], row[5]}}
		if _, ok := garments[e.Class]; !ok {
			return nil, fmt.Errorf("index line %d: unknown class %q", i+2, e.Class)
		}
		for _, part := range e.Parts {
			if part != partPhoto && part != partDetail && part != partText {
				return nil, fmt.Errorf("index line %d: unknown part %q", i+2, part)
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func writeIndex(w io.Writer, entries []entry) error {
	out := csv.NewWriter(w)
	rows := [][]string{indexHeader}
	for _, e := range entries {
		rows = append(rows, []string{e.Product, e.Class, e.Photo, strings.Join(e.Parts, "+"), e.Look.Colour, e.Look.Accent})
	}
	return out.WriteAll(rows)
}
