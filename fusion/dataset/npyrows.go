package dataset

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
)

// Rows is a matrix of float32 in a .npy file whose rows are read where they lie, so that a large table takes no memory.
// It is safe for concurrent use; whoever opened it closes it.
type Rows struct {
	Count, Dim int
	file       *os.File
	at         int64 // of the first row
}

// OpenRows opens a .npy file of float32.
func OpenRows(path string) (*Rows, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrTable, err)
	}
	r, err := rowsOf(f)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%w: %s: %v", ErrTable, path, err)
	}
	return r, nil
}

func rowsOf(f *os.File) (*Rows, error) {
	size, rows, dim, err := readNPYHeader(f)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	if size != 4 || info.Size() != at+int64(rows)*int64(dim)*4 {
		return nil, fmt.Errorf("%d bytes for %d × %d numbers of %d bytes: want float32, whole", info.Size(), rows, dim, size)
	}
	return &Rows{Count: rows, Dim: dim, file: f, at: at}, nil
}

// Row reads row i, 0 to Count-1, into dst, Dim long.
func (r *Rows) Row(i int, dst []float32) error {
	if i < 0 || i >= r.Count || len(dst) != r.Dim {
		return fmt.Errorf("%w: row %d of %d into %d numbers of %d", ErrTable, i, r.Count, len(dst), r.Dim)
	}
	b := make([]byte, 4*r.Dim)
	if _, err := r.file.ReadAt(b, r.at+int64(i)*int64(len(b))); err != nil {
		return fmt.Errorf("%w: %s: row %d: %v", ErrTable, r.file.Name(), i, err)
	}
	for k := range dst {
		dst[k] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*k:]))
	}
	return nil
}

// Close closes the file.
func (r *Rows) Close() error { return r.file.Close() }
