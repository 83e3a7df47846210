package behaviour

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"weft/tasks"
)

// Size of one batch of rows: what a reader gathers, and what is stored in one commit.
const (
	BatchRows  = 10_000
	BatchBytes = 4 << 20
)

// MaxExcerpt is how much is kept of a row that is refused.
const MaxExcerpt = 2048

// RowLimit is the longest row of a kind, in bytes.
func RowLimit(k Kind) int {
	if k == Products {
		return tasks.MaxListingBytes
	}
	return MaxRowBytes
}

// Lines reads rows that are lines of JSON. It holds one batch, and of a line that is
// too long no more than an excerpt.
type Lines struct {
	r     *bufio.Reader
	limit int
	line  int // last read
	done  bool
	err   error // why the input broke off
}

// NewLines reads from r, which the caller closes. first is the number of the first
// line.
func NewLines(r io.Reader, k Kind, first int) *Lines {
	return &Lines{r: bufio.NewReaderSize(r, 64<<10), limit: RowLimit(k), line: first - 1}
}

// Next returns the next rows: about BatchRows or BatchBytes of them. Blank lines are
// counted, and passed over. Where the input breaks off, the last row says so; err is
// io.EOF after the last rows, or what reading said if Broken tells nothing of it.
func (l *Lines) Next() ([]RawRow, error) {
	var rows []RawRow
	size := 0
	for !l.done && len(rows) < BatchRows && size < BatchBytes {
		text, err := l.next()
		l.line++
		var bad *Fault
		switch {
		case errors.Is(err, errLong):
			bad = tooLong(l.limit)
		case errors.Is(err, io.EOF):
			l.done = true
		case err != nil:
			l.done, l.err = true, err
			if bad = Broken(err); bad == nil {
				return rows, err
			}
		}
		if bad == nil && len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		size += len(text)
		rows = append(rows, RawRow{Line: l.line, JSON: text, Fault: bad})
	}
	if len(rows) == 0 {
		return nil, io.EOF
	}
	return rows, nil
}

// Broken says why the last row of all is only where the input broke off; nil if it
// did not.
func (l *Lines) Broken() error { return l.err }

var errLong = errors.New("the line is too long")

// next reads a line without its end. Of one over the limit, errLong and an excerpt.
func (l *Lines) next() ([]byte, error) {
	var line []byte
	long := false
	for {
		chunk, err := l.r.ReadSlice('\n')
		if err == nil && line == nil && len(bytes.TrimSpace(chunk)) == 0 {
			return nil, nil // a file of a hundred million of them is read in passing
		}
		if !long {
			line = append(line, chunk...)
		}
		if len(line) > l.limit+2 || !long && len(bytes.TrimRight(line, "\r\n")) > l.limit {
			long, line = true, append([]byte(nil), line[:MaxExcerpt]...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && long: // told as long; the end is found again
		case err != nil:
			return line, err
		}
		if long {
			return line, errLong
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
}

// Elements splits a body that is one JSON object, or an array of them, into rows. The
// error says why it is neither.
func Elements(body []byte) ([]RawRow, error) {
	body = bytes.TrimSpace(body)
	var parts []json.RawMessage
	switch {
	case len(body) == 0:
		return nil, errors.New("the body is empty; send a JSON object, an array of them, or one for each line as application/x-ndjson")
	case body[0] == '[':
		if err := json.Unmarshal(body, &parts); err != nil {
			return nil, fmt.Errorf("the body is not a JSON array: %w", err)
		}
	default:
		var one json.RawMessage
		if err := json.Unmarshal(body, &one); err != nil {
			return nil, fmt.Errorf("the body is not valid JSON: %w; one object for each line is sent as application/x-ndjson", err)
		}
		parts = append(parts, one)
	}
	rows := make([]RawRow, len(parts))
	for i, p := range parts {
		rows[i] = RawRow{Line: i + 1, JSON: p}
	}
	return rows, nil
}
