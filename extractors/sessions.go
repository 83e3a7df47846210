package extractors

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"weft/extractors/models"
	"weft/onnx"
)

// sessions are the copies of one model, on one or several devices, that share its work in turn.
type sessions struct {
	all  []*onnx.Session
	next atomic.Uint64
	rows batchRows
}

// open loads the model onto every device.
func (c Config) open() (*sessions, error) {
	model, err := c.Cache.Read(*c.Manifest.Files.Model)
	if err != nil {
		return nil, err
	}
	if c.Session.Outputs == nil {
		c.Session.Outputs = []string{c.Manifest.Output}
	}
	s := &sessions{}
	for _, device := range c.devices() {
		runtime, err := c.Library.Runtime(device)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		if s.rows.most == 0 {
			s.rows.most, s.rows.padded, s.rows.full = c.rows(runtime.Provider()), runtime.Provider() != onnx.CPU, c.Manifest.Modality == models.Image
			s.rows.now.Store(int64(s.rows.most))
		}
		for range max(1, c.Sessions) {
			session, err := runtime.NewSession(model, c.Session)
			if err != nil {
				return nil, errors.Join(err, s.Close())
			}
			s.all = append(s.all, session)
		}
	}
	return s, nil
}

// Run runs the next copy.
func (s *sessions) Run(ctx context.Context, in map[string]onnx.Tensor) (map[string]onnx.Tensor, error) {
	return s.all[s.next.Add(1)%uint64(len(s.all))].Run(ctx, in, nil)
}

// accelerated is the rows of a full run on an accelerator, 0 on a CPU, and why the
// model does not run there alone, see onnx.Session.
func (s *sessions) accelerated() (rows int, partly error) {
	if !s.rows.padded {
		return 0, nil
	}
	return s.rows.most, s.all[0].Partly()
}

func (s *sessions) Close() error {
	var all error
	for _, session := range s.all {
		all = errors.Join(all, session.Close())
	}
	return all
}

// batchRows is how many rows one run takes. An accelerator prepares itself for each new shape, and cuDNN's convolutions for
// each shape that is not the one before: photos always run in full, texts, which have no convolutions, in powers of two.
type batchRows struct {
	most   int // as configured
	padded bool
	full   bool         // padded to what a run takes at most, not to the next power of two
	now    atomic.Int64 // at most `most`; halved whenever the device had no memory for it
}

// fit is the number of rows that a run of n has, some of which nobody asked for.
func (b *batchRows) fit(n int) int {
	switch now := max(n, int(b.now.Load())); {
	case !b.padded:
		return n
	case b.full:
		return now
	default:
		return min(bucket(n, 1), now)
	}
}

// bucket is the smallest least·2^k that holds n.
func bucket(n, least int) int {
	for least < n {
		least *= 2
	}
	return least
}

// each cuts n rows into runs. Where the device has no memory for one, that one and the later ones are of half the size; the
// error is returned when a single row does not fit.
func (b *batchRows) each(n int, run func(from, to int) error) error {
	for from := 0; from < n; {
		rows := b.now.Load()
		to := min(from+int(rows), n)
		err := run(from, to)
		switch {
		case err == nil:
			from = to
		case errors.Is(err, onnx.ErrMemory) && rows > 1: // also for a single photo: it runs among padding
			b.now.CompareAndSwap(rows, rows/2)
		case errors.Is(err, onnx.ErrMemory):
			return fmt.Errorf("a single row does not fit: %w", err)
		default:
			return err
		}
	}
	return nil
}
