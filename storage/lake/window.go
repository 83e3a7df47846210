package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"weft/storage/objects"
)

// window gives the Parquet reader random access to a segment through ranged reads.
// What fetch has brought is served from memory; anything else is fetched when it is
// asked for. One goroutine uses it, for the life of ctx.
type window struct {
	ctx   context.Context
	store objects.Store
	seg   *segment
	spans []span
	// sealed: nothing more is fetched. The Parquet reader reads ahead into a buffer,
	// past the pages that were asked for; there the window ends.
	sealed bool
	// err is the first failure of the store, as opposed to one of the format.
	err error
}

type span struct {
	off  int64
	data []byte
}

func (s span) covers(off, n int64) bool {
	return off >= s.off && off+n <= s.off+int64(len(s.data))
}

// holds reports whether n bytes at off are in memory.
func (w *window) holds(off, n int64) bool {
	for _, s := range w.spans {
		if s.covers(off, n) {
			return true
		}
	}
	return false
}

// fetch makes n bytes at off available.
func (w *window) fetch(off, n int64) error {
	n = min(n, w.seg.size-off)
	if off < 0 || n < 1 {
		return invalid(w.seg, fmt.Errorf("read %d bytes at %d: it has %d", n, off, w.seg.size))
	}
	if w.holds(off, n) {
		return nil
	}
	data, err := w.store.ReadRange(w.ctx, w.seg.key, off, n, w.seg.etag)
	if err != nil {
		if w.err == nil {
			w.err = err
		}
		return fmt.Errorf("read %d bytes at %d of segment %s: %w", n, off, w.seg.key, err)
	}
	w.spans = append(w.spans, span{off, data})
	return nil
}

// forget drops what begins between from and to.
func (w *window) forget(from, to int64) {
	w.spans = slices.DeleteFunc(w.spans, func(s span) bool { return s.off >= from && s.off < to })
}

// ReadAt implements [io.ReaderAt].
func (w *window) ReadAt(p []byte, off int64) (int, error) {
	for range 2 {
		for _, s := range w.spans {
			end := s.off + int64(len(s.data))
			if s.covers(off, int64(len(p))) || w.sealed && off >= s.off && off < end {
				n := copy(p, s.data[off-s.off:])
				if n < len(p) {
					return n, io.EOF
				}
				return n, nil
			}
		}
		if w.sealed || off < 0 || off >= w.seg.size {
			return 0, io.EOF
		}
		if err := w.fetch(off, max(int64(len(p)), pageBytes)); err != nil {
			return 0, err
		}
	}
	return 0, io.ErrUnexpectedEOF
}

// gone reports that a segment is no longer what a listing said: compaction has
// deleted it.
func gone(err error) bool {
	return errors.Is(err, objects.ErrNotExist) || errors.Is(err, objects.ErrPrecondition)
}
