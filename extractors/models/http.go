package models

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// ErrFetch is wrapped when a source could not be read.
var ErrFetch = errors.New("cannot fetch")

var errStalled = errors.New("no data for a minute")

const (
	partial      = ".part" // suffix of downloads that can be taken up again
	stallTimeout = time.Minute
)

// fetchHTTP downloads to a partial file, going on where an earlier pull was
// interrupted, and moves it to path when it is whole and as pinned.
func (p *pull) fetchHTTP(ctx context.Context, url string, f File, path string) error {
	part := filepath.Join(p.tmp, f.SHA256+partial)
	w, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := p.get(ctx, url, f, w); err != nil {
		return fmt.Errorf("%w: %w", ErrFetch, err)
	}
	if _, err := w.Seek(0, io.SeekStart); err != nil {
		return err
	}
	err = place(p.tmp, path, f, w)
	if err == nil || errors.Is(err, ErrMismatch) {
		err = errors.Join(err, os.Remove(part))
	}
	return err
}

func (p *pull) get(ctx context.Context, url string, f File, w *os.File) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	defer stall.Stop()

	done, err := w.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if done >= f.Size {
		return nil // killed between the last byte and the rename
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if done > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", done))
	}
	resp, err := p.cache.cfg.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("%w; check the network", cause(ctx, err))
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
	case http.StatusOK: // from the start: the server has no ranges
		done = 0
		if err := w.Truncate(0); err != nil {
			return err
		}
		if _, err := w.Seek(0, io.SeekStart); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	label := filepath.Base(req.URL.Path)
	body := io.LimitReader(resp.Body, f.Size-done+1)
	buf := make([]byte, 256<<10)
	for {
		n, err := body.Read(buf)
		stall.Reset(stallTimeout)
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		done += int64(n)
		p.progress.report(label, min(done, f.Size), f.Size)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %d of %d bytes: %w; try again to go on from there", done, f.Size, cause(ctx, err))
		}
	}
}

// cause prefers why a context ended to the transport's word for it.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}
