package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"weft/tasks"
)

// listings reads product rows: each becomes the product.json of its id. A row
// that cannot be read is dead under file digest and line.
func (im *importer) listings(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	digest := hex.EncodeToString(sum.Sum(nil)[:8])
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	lines := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		row, err := readLine(lines, tasks.MaxListingBytes)
		if errors.Is(err, io.EOF) {
			return nil
		}
		id := fmt.Sprintf("%s %s:%d", path, digest, n)
		switch {
		case errors.Is(err, errLongLine):
			im.settleDead(id, tasks.ReasonTooManyBytes, err)
		case err != nil:
			return fmt.Errorf("%s, line %d: %w", path, n, err)
		case len(bytes.TrimSpace(row)) > 0:
			im.listing(ctx, id, row)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func (im *importer) listing(ctx context.Context, id string, row []byte) {
	_, err := tasks.ParseListing(row)
	var le *tasks.ListingError
	if errors.As(err, &le) {
		im.settleDead(id, le.Reason, err)
		return
	}
	var head struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(row, &head); err != nil {
		im.settleDead(id, tasks.ReasonBadListing, fmt.Errorf("field \"id\": %w", err))
		return
	}
	product, err := tasks.ParseProductID(head.ID)
	if err != nil {
		im.settleDead(id, tasks.ReasonBadID, err)
		return
	}
	im.group.Go(func() error {
		return im.put(ctx, tasks.ProductPrefix(product)+tasks.ListingName, row)
	})
}

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
