package dataset

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// The parts of a .npy header, a Python dictionary written by numpy.lib.format.
var (
	npyDescr   = regexp.MustCompile(`'descr':\s*'([^']*)'`)
	npyFortran = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	npyShape   = regexp.MustCompile(`'shape':\s*\(([^)]*)\)`)
)

// largestArray bounds what a header may ask for, in numbers: 16 GiB of float32.
const largestArray = 1 << 32

// ReadNPY reads a matrix of float16, float32 or float64 as float32. A vector is a matrix with one column.
func ReadNPY(path string) (data []float32, rows, dim int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("%w: %v", ErrTable, err)
	}
	defer func() { _ = f.Close() }()
	data, rows, dim, err = parseNPY(bufio.NewReaderSize(f, 1<<18))
	if err != nil {
		return nil, 0, 0, fmt.Errorf("%w: %s: %v", ErrTable, path, err)
	}
	return data, rows, dim, nil
}

func parseNPY(r io.Reader) (data []float32, rows, dim int, err error) {
	size, rows, dim, err := readNPYHeader(r)
	if err != nil {
		return nil, 0, 0, err
	}
	data = make([]float32, 0, min(rows*dim, 1<<20)) // grows with what is really there
	chunk := make([]byte, 8192*size)
	for left := rows * dim; left > 0; {
		n := min(left, 8192)
		if _, err := io.ReadFull(r, chunk[:n*size]); err != nil {
			return nil, 0, 0, fmt.Errorf("ends after %d of %d numbers: copy the file again", len(data), rows*dim)
		}
		for i := range n {
			data = append(data, npyNumber(chunk[i*size:], size))
		}
		left -= n
	}
	if n, err := io.ReadFull(r, chunk[:1]); n > 0 || !errors.Is(err, io.EOF) {
		return nil, 0, 0, errors.New("goes on after its last number: copy the file again")
	}
	return data, rows, dim, nil
}

// readNPYHeader returns the bytes of a number and the shape.
func readNPYHeader(r io.Reader) (size, rows, dim int, err error) {
	head := make([]byte, 12)
	if _, err := io.ReadFull(r, head[:10]); err != nil || string(head[:6]) != "\x93NUMPY" {
		return 0, 0, 0, errors.New("is not a .npy file: write it with numpy.save")
	}
	length := int(binary.LittleEndian.Uint16(head[8:]))
	if head[6] > 1 { // versions 2 and 3 have a longer length
		if _, err := io.ReadFull(r, head[10:12]); err != nil {
			return 0, 0, 0, errors.New("ends in its header: copy the file again")
		}
		length = int(binary.LittleEndian.Uint32(head[8:]))
	}
	if length > 1<<20 {
		return 0, 0, 0, errors.New("has a header of more than 1 MiB: it is not a plain array")
	}
	dict := make([]byte, length)
	if _, err := io.ReadFull(r, dict); err != nil {
		return 0, 0, 0, errors.New("ends in its header: copy the file again")
	}
	descr, fortran, shape := npyDescr.FindSubmatch(dict), npyFortran.FindSubmatch(dict), npyShape.FindSubmatch(dict)
	if descr == nil || fortran == nil || shape == nil {
		return 0, 0, 0, errors.New("has a header that is not a plain array's: save one array of numbers")
	}
	switch string(descr[1]) {
	case "<f2", "<f4", "<f8":
		size = int(descr[1][2] - '0')
	default:
		return 0, 0, 0, fmt.Errorf("holds numbers of type %q: want float16, float32 or float64, little-endian: a.astype('<f4')", descr[1])
	}
	if string(fortran[1]) == "True" {
		return 0, 0, 0, errors.New("is stored column after column: save numpy.ascontiguousarray(a)")
	}
	var sizes []int
	for part := range strings.SplitSeq(string(shape[1]), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > largestArray {
			return 0, 0, 0, fmt.Errorf("has the shape (%s): want (items, dimensions)", shape[1])
		}
		sizes = append(sizes, n)
	}
	if len(sizes) == 1 {
		sizes = append(sizes, 1)
	}
	if len(sizes) != 2 || sizes[0] == 0 || sizes[1] == 0 || sizes[0] > largestArray/sizes[1] {
		return 0, 0, 0, fmt.Errorf("has the shape (%s): want (items, dimensions)", shape[1])
	}
	return size, sizes[0], sizes[1], nil
}

func npyNumber(b []byte, size int) float32 {
	switch size {
	case 2:
		return half(binary.LittleEndian.Uint16(b))
	case 4:
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	default:
		return float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
}

// half widens an IEEE 754 binary16.
func half(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent, fraction := uint32(h>>10)&31, uint32(h)&1023
	switch exponent {
	case 0: // zero and subnormal: the fraction counts 2⁻²⁴
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	default:
		return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
	}
}
