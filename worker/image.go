package worker

import (
	"context"
	"fmt"

	"weft/extractors"
	"weft/tasks"
)

// image makes the feature of one photo: fetch, screen, decode, encode, settle. In its room
// it holds the photo; waiting for the commits it holds the vector only.
func (w *Worker) image(ctx context.Context, t tasks.Task) error {
	r, err := w.enter(ctx, t.Lane)
	if err != nil {
		return err
	}
	defer r.leave()
	photo, err := w.fetch(ctx, t, w.MaxPhoto)
	if err != nil {
		return err
	}
	if err := w.screen(ctx, t, photo); err != nil {
		return err
	}
	err = w.featureOnce(ctx, r, photo, tasks.Image, func() ([]float32, error) {
		if w.suspect(t) {
			return w.encodeApart(ctx, r, photo)
		}
		pixels, err := w.decodePhoto(ctx, photo)
		if err != nil {
			return nil, err
		}
		return w.encodePixels(ctx, r, photo, pixels)
	})
	if err != nil {
		return err
	}
	return w.settle(ctx, t, photo, tasks.Image)
}

func (w *Worker) encodePixels(ctx context.Context, r *room, photo content, pixels []byte) ([]float32, error) {
	defer w.metrics.time("encode_wait")()
	made, err := w.images.do(ctx, r, pixels, 1)
	if err != nil {
		return nil, encodeFault(ctx, photo.sha, err)
	}
	w.spend(r, made.seconds)
	return made.vector, nil
}

// spend charges the tenant for an item.
func (w *Worker) spend(r *room, seconds float64) {
	r.spend(seconds)
	w.metrics.spend(seconds)
}

// encodeFault gives an item up when the encoder failed on it alone: the batcher
// has bisected the batch down to it.
func encodeFault(ctx context.Context, sha string, err error) error {
	if ctx.Err() != nil || extractors.Unavailable(err) {
		return fmt.Errorf("encode: %w", err)
	}
	return &fault{reason: tasks.ReasonEncoder, stage: "encode", sha: sha, err: err}
}
