package worker

import (
	"context"
	"errors"
	"fmt"

	"weft/extractors"
	"weft/extractors/pixels"
	"weft/tasks"
)

// image makes the feature of one photo: fetch, decode, encode, settle. In its room
// it holds the photo; waiting for the commits it holds the vector only.
func (w *Worker) image(ctx context.Context, t tasks.Task) error {
	r, err := w.enter(ctx)
	if err != nil {
		return err
	}
	defer r.leave()
	photo, err := w.fetch(ctx, t, w.MaxPhoto)
	if err != nil {
		return err
	}
	err = w.once(ctx, r, photo, tasks.Image, func() ([]float32, error) {
		pixels, err := w.decodePhoto(ctx, photo)
		if err != nil {
			return nil, err
		}
		return w.encodePixels(ctx, photo, pixels)
	})
	if err != nil {
		return err
	}
	return w.settle(ctx, t, photo, tasks.Image)
}

// decodePhoto waits for a place at the gate: decoding is the encoder's rival
// for the cores, and bounded only by them.
func (w *Worker) decodePhoto(ctx context.Context, photo content) ([]byte, error) {
	if err := w.decode.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("waiting to decode: %w", err)
	}
	defer w.decode.Release(1)
	defer w.metrics.time("decode")()
	pixels, err := w.Images.Prepare(photo.body)
	if err != nil {
		return nil, refused("decode", photo.sha, err)
	}
	return pixels, nil
}

func (w *Worker) encodePixels(ctx context.Context, photo content, pixels []byte) ([]float32, error) {
	defer w.metrics.time("encode_wait")()
	v, err := w.images.Do(ctx, pixels)
	if err != nil {
		return nil, encodeFault(ctx, photo.sha, err)
	}
	return v, nil
}

// refused gives an item up when the decoder says that nobody will read it.
func refused(stage, sha string, err error) error {
	var e *pixels.Error
	if errors.As(err, &e) {
		return &fault{reason: tasks.Reason(e.Code), stage: stage, sha: sha, err: err}
	}
	return fmt.Errorf("%s: %w", stage, err)
}

// encodeFault gives an item up when the encoder failed on it alone: the batcher
// has bisected the batch down to it.
func encodeFault(ctx context.Context, sha string, err error) error {
	if ctx.Err() != nil || extractors.Unavailable(err) {
		return fmt.Errorf("encode: %w", err)
	}
	return &fault{reason: tasks.ReasonEncoder, stage: "encode", sha: sha, err: err}
}
