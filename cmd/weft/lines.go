package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

var errLongLine = errors.New("the line is too long")

// readLine reads one line without its end. A line over max is read to its end
// and answered with errLongLine.
func readLine(r *bufio.Reader, max int) ([]byte, error) {
	var line []byte
	long := false
	for {
		chunk, err := r.ReadSlice('\n')
		if !long {
			line = append(line, chunk...)
		}
		if len(line) > max {
			long, line = true, nil
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(line) > 0 || long):
		case err != nil:
			return nil, err
		}
		if long {
			return nil, fmt.Errorf("%w: over %d bytes", errLongLine, max)
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
}
