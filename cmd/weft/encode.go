package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"weft/extractors"
	"weft/extractors/models"
	"weft/extractors/pixels"
	"weft/fusion/dataset"
	"weft/tasks"
)

type encodeCmd struct {
	encoders
	Model  string `help:"Encoder to run." required:"" placeholder:"NAME"`
	Pixels string `help:"Also write each photo's preprocessed pixels as .npy (uint8) into this folder." type:"path" placeholder:"DIR"`
	JSON   bool   `help:"JSON lines are the only form; accepted for symmetry."`
	From   string `arg:"" help:"File of rows, or - for standard input." placeholder:"FILE"`
}

// Help is shown by --help.
func (encodeCmd) Help() string {
	return `One row out per row in, in order. Texts come as JSON lines {"text":…} and leave as {"token_ids":[…],"vector":[…]};
photos come as one path per line and leave as {"path","content_sha256","vector"}. A row that cannot be
encoded leaves as {"error":{"code","message"}}, and the others go on.

Examples:
  echo '{"text":"red summer dress"}' | weft encode --model all-minilm-l6-v2 -
  ls photos/*.jpg | weft encode --model efficientnet-lite0 --pixels out -`
}

// encodedRow is one line of output.
type encodedRow struct {
	Path     string     `json:"path,omitempty"`
	SHA256   string     `json:"content_sha256,omitempty"`
	TokenIDs []int32    `json:"token_ids,omitempty"`
	Vector   []float32  `json:"vector,omitempty"`
	Error    *rowErrors `json:"error,omitempty"`
}

type rowErrors struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// unreadable is the code of a path that leads to no file: in a bucket there is no
// such thing, so the reasons of dead letters have no word for it.
const unreadable tasks.Reason = "unreadable"

func rowError(code tasks.Reason, err error) encodedRow {
	return encodedRow{Error: &rowErrors{string(code), err.Error()}}
}

// Run encodes row by row.
func (c *encodeCmd) Run(ctx context.Context, a *app) error {
	s, err := c.shelf()
	if err != nil {
		return err
	}
	m, err := s.all.Find(c.Model)
	if err != nil {
		return usageError{err}
	}
	in := a.in
	if c.From != "-" {
		f, err := os.Open(c.From)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	var encode func(context.Context, int, []byte) (encodedRow, error)
	switch m.Modality {
	case models.Image:
		class := pixels.Class(c.Decoder)
		if class == "auto" {
			class = bestClass(a.log)
		}
		cfg, err := c.imageConfig(s, c.Model, class)
		if err != nil {
			return err
		}
		e, err := extractors.NewLazyImage(cfg)
		if err != nil {
			return err
		}
		defer func() { _ = e.Close() }()
		if c.Pixels != "" {
			if err := os.MkdirAll(c.Pixels, 0o755); err != nil {
				return fmt.Errorf("--pixels: %w", err)
			}
		}
		encode = func(ctx context.Context, n int, row []byte) (encodedRow, error) {
			return c.photo(ctx, e, m.Image.Size, n, string(row))
		}
	case models.Text:
		cfg, err := c.textConfig(s, c.Model)
		if err != nil {
			return err
		}
		e, err := extractors.NewLazyText(cfg)
		if err != nil {
			return err
		}
		defer func() { _ = e.Close() }()
		encode = func(ctx context.Context, _ int, row []byte) (encodedRow, error) { return encodeLine(ctx, e, row) }
	default:
		return usagef("--model %s is not an encoder: see `weft models list`", c.Model)
	}
	return eachRow(ctx, in, a.out, encode)
}

// eachRow runs rows over all cores and writes the results in the order of the
// rows.
func eachRow(ctx context.Context, in io.Reader, out io.Writer, encode func(context.Context, int, []byte) (encodedRow, error)) error {
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	pending := make(chan chan encodedRow, 8*workers)
	slots := make(chan struct{}, workers)
	group.Go(func() error {
		defer close(pending)
		lines := bufio.NewReaderSize(in, 64<<10)
		for n := 0; ; n++ {
			row, err := readLine(lines, tasks.MaxListingBytes)
			if errors.Is(err, io.EOF) {
				return nil
			}
			result := make(chan encodedRow, 1)
			select {
			case pending <- result:
			case <-ctx.Done():
				return ctx.Err()
			}
			if errors.Is(err, errLongLine) {
				result <- rowError(tasks.ReasonTooManyBytes, err)
				continue
			}
			if err != nil {
				return fmt.Errorf("reading row %d: %w", n+1, err)
			}
			slots <- struct{}{}
			group.Go(func() error {
				defer func() { <-slots }()
				r, err := encode(ctx, n, row)
				result <- r
				return err
			})
		}
	})
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	for result := range pending {
		select {
		case r := <-result:
			if err := enc.Encode(r); err != nil {
				return err
			}
		case <-ctx.Done():
			return errors.Join(group.Wait(), w.Flush())
		}
	}
	return errors.Join(group.Wait(), w.Flush())
}

// encodeLine encodes a text of its own, never in a batch with its neighbours:
// the same text gives the same vector wherever it stands.
func encodeLine(ctx context.Context, e *extractors.LazyText, row []byte) (encodedRow, error) {
	var in struct {
		Text *string `json:"text"`
	}
	if err := json.Unmarshal(row, &in); err != nil {
		return rowError(tasks.ReasonBadJSON, err), nil
	}
	if in.Text == nil {
		return rowError(tasks.ReasonBadListing, errors.New(`field "text" is missing: want {"text":"…"}`)), nil
	}
	ids, err := e.Tokenize(*in.Text)
	if err != nil {
		return encodedRow{}, err
	}
	v, err := e.Encode(ctx, [][]int32{ids})
	if extractors.Unavailable(err) {
		return encodedRow{}, err
	}
	if err != nil {
		return rowError(tasks.ReasonEncoder, err), nil
	}
	return encodedRow{TokenIDs: ids, Vector: v[0]}, nil
}

func (c *encodeCmd) photo(ctx context.Context, e *extractors.LazyImage, size, n int, path string) (encodedRow, error) {
	data, err := readPhoto(path)
	if err != nil {
		r := rowError(unreadable, err)
		r.Path = path
		return r, nil
	}
	rgb, err := e.Prepare(data)
	var refused *pixels.Error
	if errors.As(err, &refused) {
		r := rowError(tasks.Reason(refused.Code), err)
		r.Path = path
		return r, nil
	}
	if err != nil {
		return encodedRow{}, err
	}
	if c.Pixels != "" {
		name := filepath.Join(c.Pixels, fmt.Sprintf("%06d.npy", n))
		if err := os.WriteFile(name, append(dataset.NPYHeader("|u1", size, size, 3), rgb...), 0o644); err != nil {
			return encodedRow{}, fmt.Errorf("--pixels: %w", err)
		}
	}
	v, err := e.Encode(ctx, [][]byte{rgb})
	if extractors.Unavailable(err) {
		return encodedRow{}, err
	}
	if err != nil {
		r := rowError(tasks.ReasonEncoder, err)
		r.Path = path
		return r, nil
	}
	sum := sha256.Sum256(data)
	return encodedRow{Path: path, SHA256: hex.EncodeToString(sum[:]), Vector: v[0]}, nil
}

// readPhoto reads a file unless it is over the decoder's byte limit.
func readPhoto(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, pixels.DefaultLimits().MaxBytes+1))
}
