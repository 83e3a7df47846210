package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"weft/storage/lake"
	"weft/tasks"
)

// words gives the feature of a text that is no object of the bucket: a review, a
// search, what is known of a shopper. It is encoded once, like any content. A text on
// which the encoder fails alone gives nil: whoever wrote it keeps the rest.
func (w *Worker) words(ctx context.Context, text string) ([]float32, error) {
	sum := sha256.Sum256([]byte(text))
	c := content{sha: hex.EncodeToString(sum[:]), body: []byte(text), size: int64(len(text))}
	key := lake.FeatureKey(c.sha, w.Recipes[tasks.Text])
	if row, ok, err := w.Lake.Features.Get(ctx, key); err != nil || ok {
		return row.Vector, wrapLookup(key, err)
	}
	r, err := w.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer r.leave()
	err = w.once(ctx, r, c, tasks.Text, func() ([]float32, error) { return w.encodeText(ctx, c) })
	var f *fault
	if errors.As(err, &f) {
		w.metrics.died(f.reason)
		w.Log.Warn("a text is left out", "content", c.sha, "reason", f.reason, "error", f.err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("a text of %d bytes: %w", c.size, err)
	}
	row, ok, err := find(ctx, w, w.Lake.Features, key, func(lake.Feature) bool { return true })
	if err == nil && !ok {
		err = fmt.Errorf("the feature %s is not where it was stored", key)
	}
	return row.Vector, err
}
