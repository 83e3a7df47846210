package main

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"weft/behaviour/clean"
	"weft/behaviour/divide"
	"weft/behaviour/listings"
	"weft/behaviour/split"
)

// interactionRow is one event of interactions.parquet.
type interactionRow struct {
	User   string  `parquet:"user,dict,snappy"`
	Item   string  `parquet:"item,dict,snappy"`
	Time   int64   `parquet:"time,timestamp(millisecond),snappy"`
	Type   string  `parquet:"type,dict,snappy"`
	Weight float64 `parquet:"weight,snappy"`
	Split  string  `parquet:"split,dict,snappy"`
	Event  string  `parquet:"event,snappy"` // its id
}

// factRow is one product of products.parquet and products_later.parquet.
type factRow struct {
	Item        string   `parquet:"item,snappy"`
	Title       string   `parquet:"title,snappy"`
	Description string   `parquet:"description,snappy"`
	Category    string   `parquet:"category,dict,snappy"`
	Brand       string   `parquet:"brand,dict,snappy"`
	Price       *float64 `parquet:"price,optional,snappy"`
	Currency    string   `parquet:"currency,dict,snappy"`
	Attributes  string   `parquet:"attributes,snappy"`                                 // JSON object, or empty
	UpdatedAt   *int64   `parquet:"updated_at,optional,timestamp(millisecond),snappy"` // null: not told
	Split       string   `parquet:"split,dict,snappy"`                                 // the first part that may know these facts
}

func factOf(p *listings.Product, from split.Part) (factRow, error) {
	r := factRow{Item: p.ID, Title: p.Title, Description: p.Listing.Description, Category: p.Category, Brand: p.Brand, Price: p.Price, Currency: p.Currency, Split: string(from)}
	if !p.UpdatedAt.IsZero() {
		ms := p.UpdatedAt.UnixMilli()
		r.UpdatedAt = &ms
	}
	if len(p.Listing.Attributes) > 0 {
		b, err := json.Marshal(p.Listing.Attributes)
		if err != nil {
			return r, fmt.Errorf("attributes of product %s: %w", p.ID, err)
		}
		r.Attributes = string(b)
	}
	return r, nil
}

// splitTables is a folder that is filled aside and published whole: manifest last.
type splitTables struct {
	dir   string
	aside string
	names []string
}

func newTables(dir string) (*splitTables, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	aside, err := os.MkdirTemp(dir, ".weft-split-*")
	if err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	return &splitTables{dir: dir, aside: aside}, nil
}

func (t *splitTables) discard() { _ = os.RemoveAll(t.aside) }

func (t *splitTables) create(name string) (*tableFile, error) {
	f, err := os.OpenFile(filepath.Join(t.aside, name), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	t.names = append(t.names, name)
	return &tableFile{name: name, f: f, sum: sha256.New()}, nil
}

// file writes a small file whole.
func (t *splitTables) file(name string, body []byte, m *splitManifest) error {
	f, err := t.create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	return errors.Join(err, f.close(m))
}

// publish moves everything into place. Who finds a manifest finds the tables that it
// describes: an earlier one is removed first.
func (t *splitTables) publish(m *splitManifest) error {
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(t.dir, manifestName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, name := range t.names {
		if err := os.Rename(filepath.Join(t.aside, name), filepath.Join(t.dir, name)); err != nil {
			return err
		}
	}
	return writeWhole(filepath.Join(t.dir, manifestName), append(body, '\n'))
}

// tableFile counts and hashes what goes into a file.
type tableFile struct {
	name string
	f    *os.File
	sum  hash.Hash
	n    int64
	rows int
}

// Write is io.Writer's.
func (f *tableFile) Write(b []byte) (int, error) {
	n, err := f.f.Write(b)
	f.sum.Write(b[:n])
	f.n += int64(n)
	return n, err
}

func (f *tableFile) close(m *splitManifest) error {
	m.Files[f.name] = splitFile{Rows: f.rows, Bytes: f.n, SHA256: hex.EncodeToString(f.sum.Sum(nil))}
	return f.f.Close()
}

// parquetTable is a Parquet file in the making.
type parquetTable[R any] struct {
	file *tableFile
	w    *parquet.GenericWriter[R]
}

// rowsPerGroup bounds what the writer holds.
const rowsPerGroup = 1 << 17

func newParquetTable[R any](t *splitTables, name string) (*parquetTable[R], error) {
	f, err := t.create(name)
	if err != nil {
		return nil, err
	}
	return &parquetTable[R]{f, parquet.NewGenericWriter[R](f, parquet.MaxRowsPerRowGroup(rowsPerGroup), parquet.CreatedBy("weft", "1", ""))}, nil
}

func (t *parquetTable[R]) write(rows []R) error {
	n, err := t.w.Write(rows)
	t.file.rows += n
	return err
}

func (t *parquetTable[R]) close(m *splitManifest) error {
	return errors.Join(t.w.Close(), t.file.close(m))
}

// profileTable is profiles.csv: a column for each attribute.
type profileTable struct {
	file  *tableFile
	w     *csv.Writer
	stats *clean.Statistics
	names []string
}

func newProfiles(t *splitTables, stats *clean.Statistics) (*profileTable, error) {
	f, err := t.create("profiles.csv")
	if err != nil {
		return nil, err
	}
	p := &profileTable{file: f, w: csv.NewWriter(io.Writer(f)), stats: stats, names: divide.Attributes(stats)}
	return p, p.w.Write(append([]string{"user"}, p.names...))
}

func (p *profileTable) write(user string, v clean.UserValues) error {
	p.file.rows++
	return p.w.Write(append([]string{user}, divide.Cells(p.stats, p.names, v)...))
}

func (p *profileTable) close(m *splitManifest) error {
	p.w.Flush()
	return errors.Join(p.w.Error(), p.file.close(m))
}
