package worker

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"

	"weft/gather"
	"weft/storage/lake"
	"weft/tasks"
)

// wordsAtOnce is how many texts of one product or shopper are encoded together.
const wordsAtOnce = 8

// readAll encodes texts that are no objects of the bucket (a review, a search, what is known of a shopper), each content
// once. A text on which the encoder fails alone stays without a feature: whoever wrote it keeps the rest.
func (w *Worker) readAll(ctx context.Context, missing iter.Seq[*gather.Words]) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(wordsAtOnce)
	for text := range missing {
		group.Go(func() (err error) {
			text.Vector, err = w.read(ctx, text)
			return err
		})
	}
	return group.Wait()
}

func (w *Worker) read(ctx context.Context, text *gather.Words) ([]float32, error) {
	c := content{sha: text.SHA256, body: []byte(text.Text), size: int64(len(text.Text))}
	key := lake.FeatureKey(c.sha, w.Recipes[tasks.Text])
	r, err := w.enter(ctx, tasks.Live)
	if err != nil {
		return nil, err
	}
	defer r.leave()
	err = w.featureOnce(ctx, r, c, tasks.Text, func() ([]float32, error) { return w.encodeText(ctx, r, c) })
	var f *fault
	if errors.As(err, &f) {
		w.metrics.died(f.reason)
		w.Log.Warn("a text is left out", "content", c.sha, "reason", f.reason, "error", f.err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("a text of %d bytes: %w", c.size, err)
	}
	row, ok, err := gather.Find(ctx, w.Lake.Features, w.Shared, key, gather.Any)
	if err == nil && !ok {
		err = fmt.Errorf("the feature %s is not where it was stored", key)
	}
	return row.Vector, err
}
