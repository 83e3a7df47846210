package tables

import (
	"encoding/csv"
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"

	"weft/behaviour/clean"
	"weft/behaviour/divide"
)

// parquetTable is a Parquet file in the making.
type parquetTable[R any] struct {
	file *tableFile
	w    *parquet.GenericWriter[R]
}

// rowsPerGroup bounds what the writer holds.
const rowsPerGroup = 1 << 17

func newParquetTable[R any](t *folder, name string) (*parquetTable[R], error) {
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

func (t *parquetTable[R]) close(m *Manifest) error {
	return errors.Join(t.w.Close(), t.file.close(m))
}

// profileTable is profiles.csv: a column for each attribute.
type profileTable struct {
	file  *tableFile
	w     *csv.Writer
	stats *clean.Statistics
	names []string
}

func newProfiles(t *folder, stats *clean.Statistics) (*profileTable, error) {
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

func (p *profileTable) close(m *Manifest) error {
	p.w.Flush()
	return errors.Join(p.w.Error(), p.file.close(m))
}
