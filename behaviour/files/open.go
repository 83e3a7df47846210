package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"weft/behaviour"
)

// File of rows, opened by Open.
type File struct {
	Batch behaviour.Batch // where its rows are from, without rows
	rows  reader
}

// reader yields rows in batches, io.EOF after the last.
type reader interface {
	next() ([]behaviour.RawRow, error)
	close() error
}

// Open opens a file of rows of a kind by its form. A folder, a form that is not known, and columns that are not there are
// MistakeErrors. The caller closes it.
func Open(path string, k behaviour.Kind, read Mapping) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	file := &File{Batch: behaviour.Batch{Kind: k, Source: filepath.Base(path)}}
	if err := file.open(f, path, read); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

func (r *File) open(f *os.File, path string, read Mapping) error {
	k := r.Batch.Kind
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.IsDir() {
		return mistakef("it is a folder: name the files of %s", k)
	}
	r.Batch.At = st.ModTime()
	if r.Batch.File, err = behaviour.FileDigest(f); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	form := FormatOf(path)
	if form == Parquet {
		r.rows, err = openParquet(f, st.Size(), read)
		return err
	}
	content, err := behaviour.Unpack(f, behaviour.MaxFileBytes)
	if err != nil {
		return err
	}
	switch {
	case form == CSV:
		r.rows, err = openCSV(content, f, read)
		return err
	case form == Lines && read.given:
		return mistakef("columns, a type of all rows, time format and zone are for CSV and Parquet: these rows have names")
	case form == Lines:
		r.rows = lineFile{behaviour.NewLines(content, k, 1), f}
		return nil
	}
	return mistakef("want .jsonl, .csv (.gz too) or .parquet for rows of %s", k)
}

// Close closes the file.
func (r *File) Close() error { return r.rows.close() }

type lineFile struct {
	*behaviour.Lines
	file io.Closer
}

func (l lineFile) next() ([]behaviour.RawRow, error) { return l.Next() }
func (l lineFile) close() error                      { return l.file.Close() }

type readBatch struct {
	rows []behaviour.RawRow
	err  error
}

// Batches yields the rows in batches, once. The next is read while the last is with the caller. It ends after an error,
// and when ctx ends.
func (r *File) Batches(ctx context.Context) iter.Seq2[[]behaviour.RawRow, error] {
	return func(yield func([]behaviour.RawRow, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		ahead := r.ahead(ctx)
		defer func() { // a reader that outlived this would read a closed file
			stop()
			for range ahead {
			}
		}()
		for b := range ahead {
			if !yield(b.rows, b.err) {
				return
			}
		}
	}
}

func (r *File) ahead(ctx context.Context) <-chan readBatch {
	out := make(chan readBatch, 1)
	go func() {
		defer close(out)
		for ctx.Err() == nil {
			rows, err := r.rows.next()
			if errors.Is(err, io.EOF) {
				return
			}
			select {
			case out <- readBatch{rows, err}:
			case <-ctx.Done():
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}
