package files

import (
	"path/filepath"
	"strings"
)

// Format of a file of rows, by its name.
type Format int

const (
	Other   Format = iota
	Lines          // .jsonl, .ndjson
	CSV            // .csv, .tsv
	Parquet        // .parquet
)

// FormatOf a file, packed with gzip or not; Other where its name says nothing known.
func FormatOf(path string) Format {
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(path)), ".gz")
	switch filepath.Ext(name) {
	case ".jsonl", ".ndjson":
		return Lines
	case ".csv", ".tsv":
		return CSV
	case ".parquet":
		return Parquet
	}
	return Other
}
