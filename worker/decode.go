package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weft/extractors/pixels"
	"weft/storage/lake"
	"weft/tasks"
)

// A photo that was in hand when its worker died, or that failed before, is a
// suspect: it is decoded and encoded apart, where it can crash or hang as it likes.
const (
	// maxCrashes is how often a photo may crash or hang a process of its own.
	maxCrashes = 3
	// maxDeaths is how often a content may be in hand when a worker dies or fails that
	// cannot be tried apart: a listing.
	maxDeaths = 10
)

// screen refuses contents that are quarantined, and those that keep ending their
// workers.
func (w *Worker) screen(ctx context.Context, t tasks.Task, photo content) error {
	row, known, err := w.Lake.Dead.Get(ctx, tasks.QuarantinePrefix+photo.sha)
	if err != nil {
		return fmt.Errorf("looking for quarantined contents: %w", err)
	}
	if known {
		return &fault{reason: tasks.ReasonCrashed, stage: "quarantine", sha: photo.sha, err: fmt.Errorf("the same bytes were set aside before: %s", row.Message)}
	}
	if t.Attempt >= maxDeaths && !w.suspect(t) {
		return &fault{reason: tasks.ReasonCrashed, stage: "encode", sha: photo.sha, err: fmt.Errorf("in hand at %d crashes or failures", t.Attempt)}
	}
	return nil
}

// decodePhoto waits for a place at the gate: decoding is the encoder's rival
// for the cores, and bounded only by them.
func (w *Worker) decodePhoto(ctx context.Context, photo content) ([]byte, error) {
	if err := w.decode.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("waiting to decode: %w", err)
	}
	defer w.decode.Release(1)
	defer w.metrics.time("decode")()
	pixels, err := w.decodeHere(photo)
	if err != nil {
		return nil, refused("decode", photo.sha, err)
	}
	w.metrics.inputs.photo(photo.size, pixels)
	return pixels, nil
}

// errHangs: the decoder did not come back. Its call into C cannot be ended: the core
// is lost until the worker is restarted, the photo comes back as a suspect.
var errHangs = errors.New("the decoder hangs")

func (w *Worker) decodeHere(photo content) ([]byte, error) {
	type prepared struct {
		pixels []byte
		err    error
	}
	done := make(chan prepared, 1)
	go func() {
		var p prepared
		defer func() {
			if r := recover(); r != nil {
				p.err = panicked("decode", photo.sha, r)
			}
			done <- p
		}()
		p.pixels, p.err = w.Images.Prepare(photo.body)
	}()
	timer := time.NewTimer(w.DecodeLimit)
	defer timer.Stop()
	select {
	case p := <-done:
		return p.pixels, p.err
	case <-timer.C:
		w.Log.Error("a photo hangs the decoder; a core is lost until this worker is restarted", "sha256", photo.sha, "after", w.DecodeLimit)
		return nil, fmt.Errorf("%w: no answer in %v", errHangs, w.DecodeLimit)
	}
}

// suspect tells a photo that is to be tried apart.
func (w *Worker) suspect(t tasks.Task) bool {
	return t.Type == tasks.ImageEmbed && t.Attempt > 0 && w.apart != nil
}

// encodeApart gives a photo up that crashes its own process every time.
func (w *Worker) encodeApart(ctx context.Context, r *room, photo content) ([]float32, error) {
	if err := w.decode.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("waiting to decode: %w", err)
	}
	defer w.decode.Release(1)
	defer w.metrics.time("apart")()
	began := time.Now()
	defer func() { w.spend(r, time.Since(began).Seconds()) }()
	for n := 1; ; n++ {
		vector, err := w.apart.encode(ctx, photo.body)
		var c *crash
		if !errors.As(err, &c) {
			return vector, refused("apart", photo.sha, err)
		}
		w.Log.Warn("a suspect ended its process", "sha256", photo.sha, "times", n, "stage", c.stage, "error", c)
		if n == maxCrashes {
			return nil, &fault{reason: tasks.ReasonCrashed, stage: c.stage, sha: photo.sha, err: fmt.Errorf("%d times of %d: %w", n, n, c), stack: c.stderr}
		}
	}
}

// quarantine is the dead letter of a content: its bytes are refused under any key.
func quarantine(row lake.Dead) lake.Dead {
	row.Message = "as " + row.Key + ": " + row.Message
	row.Key, row.ETag, row.Product = tasks.QuarantinePrefix+row.ContentSHA256, "", ""
	return row
}

// refused gives an item up when the decoder says that nobody will read it.
func refused(stage, sha string, err error) error {
	if err == nil {
		return nil
	}
	var e *pixels.Error
	if errors.As(err, &e) {
		return &fault{reason: tasks.Reason(e.Code), stage: stage, sha: sha, err: err}
	}
	return fmt.Errorf("%s: %w", stage, err)
}
