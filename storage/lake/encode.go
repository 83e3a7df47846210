package lake

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/parquet-go/parquet-go"
)

// formatVersion is raised when segments change so that an older reader would read
// them wrongly. New columns do not raise it: readers ignore columns they do not
// know, and take missing ones as zero.
const formatVersion = 1

// Keys of the footer metadata.
const (
	metaFormat = "weft.format" // formatVersion
	metaTable  = "weft.table"  // name of the table
)

const (
	pageBytes       = 64 << 10
	bloomBitsPerKey = 12 // about 0.5 % false positives
)

// encoder writes segments of one table. It is not safe for concurrent use; its
// buffers are reused from one segment to the next.
type encoder[R any] struct {
	columns    []column
	groupBytes int64
	groupRows  int

	writer     *parquet.GenericWriter[R]
	body       *bytes.Buffer
	page       []R // gathered for one write, which ends at most one page
	inPage     int64
	inGroup    int64
	rowsInside int // in the open row group
	rows       int64
}

func newEncoder[R any](table string, columns []column, cfg *Config) *encoder[R] {
	options := []parquet.WriterOption{
		parquet.KeyValueMetadata(metaFormat, strconv.Itoa(formatVersion)),
		parquet.KeyValueMetadata(metaTable, table),
		parquet.PageBufferSize(pageBytes),
		// Bounds are the index of keys: they must be whole.
		parquet.ColumnIndexSizeLimit(func(path []string) int {
			if path[0] == "key" {
				return MaxKey
			}
			return parquet.DefaultColumnIndexSizeLimit
		}),
		parquet.BloomFilters(parquet.SplitBlockFilter(bloomBitsPerKey, "key")),
		// Beside the footer, so that one read gets all of the index.
		parquet.DeferBloomFiltersWithBuffers(parquet.NewBufferPool()),
		parquet.MaxRowsPerRowGroup(int64(cfg.GroupRows)),
		parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("key"))),
	}
	for i := range columns {
		if columns[i].wide() {
			options = append(options, parquet.SkipPageBounds(columns[i].path...))
		}
	}
	body := new(bytes.Buffer)
	return &encoder[R]{
		columns:    columns,
		groupBytes: cfg.GroupBytes,
		groupRows:  cfg.GroupRows,
		body:       body,
		writer:     parquet.NewGenericWriter[R](body, options...),
	}
}

// start begins a segment of about size bytes, dropping what was written before.
func (e *encoder[R]) start(size int64) {
	e.body.Reset()
	e.body.Grow(int(size + size/16 + pageBytes))
	e.writer.Reset(e.body)
	clear(e.page)
	e.page = e.page[:0]
	e.inPage, e.inGroup, e.rowsInside, e.rows = 0, 0, 0, 0
}

// add appends a row; rows come in ascending order of their keys.
func (e *encoder[R]) add(row *R, size int64) error {
	if e.rowsInside > 0 && (e.inGroup+size > e.groupBytes || e.rowsInside >= e.groupRows) {
		if err := e.flushPage(); err != nil {
			return err
		}
		if err := e.writer.Flush(); err != nil {
			return fmt.Errorf("encode row group: %w", err)
		}
		e.inGroup, e.rowsInside = 0, 0
	}
	e.page = append(e.page, *row)
	e.inPage += size
	e.inGroup += size
	e.rowsInside++
	e.rows++
	if e.inPage >= pageBytes/2 {
		return e.flushPage()
	}
	return nil
}

func (e *encoder[R]) flushPage() error {
	if _, err := e.writer.Write(e.page); err != nil {
		return fmt.Errorf("encode rows: %w", err)
	}
	clear(e.page)
	e.page = e.page[:0]
	e.inPage = 0
	return nil
}

// size is about how many bytes finish would return.
func (e *encoder[R]) size() int64 { return int64(e.body.Len()) + e.inGroup }

// finish completes the segment and returns its bytes, valid until start.
func (e *encoder[R]) finish() ([]byte, error) {
	if err := e.flushPage(); err != nil {
		return nil, err
	}
	if err := e.writer.Close(); err != nil {
		return nil, fmt.Errorf("encode segment: %w", err)
	}
	return e.body.Bytes(), nil
}
