package models

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
)

var (
	errNPY      = errors.New("not a two-dimensional little-endian float32 .npy file")
	npyHeader   = regexp.MustCompile(`'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\)`)
	npyPreamble = []byte("\x93NUMPY\x01\x00")
)

// readNPY reads a version 1 .npy file of float32 rows.
func readNPY(data []byte) ([][]float32, error) {
	if len(data) < 10 || !bytes.HasPrefix(data, npyPreamble) {
		return nil, errNPY
	}
	start := 10 + int(binary.LittleEndian.Uint16(data[8:]))
	if start > len(data) {
		return nil, errNPY
	}
	shape := npyHeader.FindSubmatch(data[10:start])
	if shape == nil {
		return nil, fmt.Errorf("%w: header %q", errNPY, bytes.TrimSpace(data[10:start]))
	}
	rows, err1 := strconv.Atoi(string(shape[1]))
	cols, err2 := strconv.Atoi(string(shape[2]))
	body := data[start:]
	if err1 != nil || err2 != nil || cols == 0 || len(body)%(4*cols) != 0 || len(body)/(4*cols) != rows {
		return nil, fmt.Errorf("%w: shape %s×%s with %d bytes", errNPY, shape[1], shape[2], len(body))
	}
	out := make([][]float32, rows)
	for i := range out {
		out[i] = make([]float32, cols)
		for j := range out[i] {
			out[i][j] = math.Float32frombits(binary.LittleEndian.Uint32(body[4*(i*cols+j):]))
		}
	}
	return out, nil
}
