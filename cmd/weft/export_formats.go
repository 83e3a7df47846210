package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"

	"weft/fusion/dataset"
)

// writeRows writes rows to a file that appears only when it is whole.
func writeRows[R any](format, path string, rows iter.Seq2[R, error], vector func(R) (string, []float32)) (n int, err error) {
	f, err := newWhole(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Cleanup() }()
	switch format {
	case "parquet":
		n, err = writeParquet(f, rows, vector)
	case "jsonl":
		n, err = writeJSONL(f, rows, vector)
	default:
		n, err = writeNPY(f.File, strings.TrimSuffix(path, ".npy")+".ids.txt", rows, vector)
	}
	if err != nil {
		return n, err
	}
	return n, f.CloseAtomicallyReplace()
}

func writeParquet[R any](w io.Writer, rows iter.Seq2[R, error], vector func(R) (string, []float32)) (n int, err error) {
	p := parquet.NewGenericWriter[R](w, parquet.Compression(&parquet.Snappy))
	for row, err := range rows {
		if err != nil {
			return n, err
		}
		vector(row)
		if _, err := p.Write([]R{row}); err != nil {
			return n, err
		}
		n++
	}
	return n, p.Close()
}

func writeJSONL[R any](w io.Writer, rows iter.Seq2[R, error], vector func(R) (string, []float32)) (n int, err error) {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	for row, err := range rows {
		if err != nil {
			return n, err
		}
		vector(row)
		if err := enc.Encode(row); err != nil {
			return n, err
		}
		n++
	}
	return n, b.Flush()
}

// writeNPY writes float32 [n,d]. The header is written again once n is known;
// its length does not depend on n, because headers are padded.
func writeNPY[R any](f *os.File, ids string, rows iter.Seq2[R, error], vector func(R) (string, []float32)) (n int, err error) {
	sidecar, err := newWhole(ids)
	if err != nil {
		return 0, err
	}
	defer func() { _ = sidecar.Cleanup() }()
	names, data := bufio.NewWriter(sidecar), bufio.NewWriter(f)
	const most = 1 << 31
	dim := 0
	if _, err := data.Write(dataset.NPYHeader("<f4", most, most)); err != nil {
		return 0, err
	}
	for row, err := range rows {
		if err != nil {
			return n, err
		}
		id, v := vector(row)
		if dim == 0 {
			dim = len(v)
		}
		if len(v) != dim {
			return n, fmt.Errorf("row %s has %d values, the rows before it %d: choose one --modality", id, len(v), dim)
		}
		if err := binary.Write(data, binary.LittleEndian, v); err != nil {
			return n, err
		}
		if _, err := fmt.Fprintln(names, id); err != nil {
			return n, err
		}
		n++
	}
	if err := errors.Join(data.Flush(), names.Flush()); err != nil {
		return n, err
	}
	head := dataset.NPYHeader("<f4", n, dim)
	if want := len(dataset.NPYHeader("<f4", most, most)); len(head) != want {
		return n, fmt.Errorf("npy header of %d bytes, want %d", len(head), want)
	}
	if _, err := f.WriteAt(head, 0); err != nil {
		return n, err
	}
	return n, sidecar.CloseAtomicallyReplace()
}
