package files

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"weft/behaviour"
	"weft/tasks"
)

// csvRows reads records of CSV; their lines are those of the file.
type csvRows struct {
	table table
	r     *csv.Reader
	width int
	file  io.Closer
	done  bool
}

func openCSV(content io.Reader, file io.Closer, read Mapping) (reader, error) {
	b := bufio.NewReaderSize(content, 256<<10)
	head, err := b.Peek(64 << 10)
	if err != nil && len(head) == 0 && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if strings.HasPrefix(string(head), "\uFEFF") {
		if _, err := b.Discard(len("\uFEFF")); err != nil {
			return nil, err
		}
	}
	r := csv.NewReader(b)
	r.ReuseRecord = true
	r.Comma = separatorOf(string(head))
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, mistakef("the file is empty: want a first line with the names of the columns")
	}
	if err != nil {
		return nil, MistakeError{fmt.Errorf("the first line must hold the names of the columns: %w", err)}
	}
	header = slices.Clone(header)
	for i, name := range header {
		header[i] = strings.Clone(strings.TrimSpace(name))
	}
	t, err := read.table(header)
	return &csvRows{table: t, r: r, width: len(header), file: file}, err
}

// separatorOf is what there is most of in the first line.
func separatorOf(head string) rune {
	line, _, _ := strings.Cut(head, "\n")
	best, most := ',', strings.Count(line, ",")
	for _, c := range []rune{';', '\t'} {
		if n := strings.Count(line, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

func (c *csvRows) close() error { return c.file.Close() }

func (c *csvRows) next() ([]behaviour.RawRow, error) {
	var rows []behaviour.RawRow
	size := 0
	for !c.done && len(rows) < behaviour.BatchRows && size < behaviour.BatchBytes {
		record, err := c.r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var row behaviour.RawRow
		var wrong *csv.ParseError
		switch {
		case err == nil:
			row.Line, _ = c.r.FieldPos(0)
			row.JSON = c.table.row(func(i int) any { return record[i] })
		case errors.As(err, &wrong):
			row.Line, row.JSON = wrong.StartLine, []byte(strings.Join(record, string(c.r.Comma)))
			want := "the record is not CSV: " + wrong.Err.Error()
			if errors.Is(err, csv.ErrFieldCount) {
				want = fmt.Sprintf("the record has %d fields where the first line names %d columns", len(record), c.width)
			}
			row.Fault = &behaviour.Fault{Reason: tasks.ReasonBadField, Want: want}
		default:
			c.done = true
			bad := behaviour.Broken(err)
			if bad == nil {
				return rows, err
			}
			if len(rows) > 0 {
				row.Line = rows[len(rows)-1].Line
			}
			row.Line, row.Fault = row.Line+1, bad
		}
		row.JSON = row.JSON[:min(len(row.JSON), behaviour.MaxRowBytes+1)]
		size += len(row.JSON)
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, io.EOF
	}
	return rows, nil
}
