package worker

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/behaviour/parts"
	"weft/fusion"
	"weft/tasks"
)

// reviewsAtOnce is how many texts of one product are encoded together.
const reviewsAtOnce = 8

// reviews picks the reviews that take part in a product's vector. age is how long ago
// other processes may have stored one without this one looking.
func (w *Worker) reviews(ctx context.Context, id tasks.ProductID, age time.Duration) (picked parts.Reviews, err error) {
	if w.Behaviour == nil {
		return picked, nil
	}
	if w.Shared {
		if err := w.Behaviour.ProductReviews.RefreshIfOlder(ctx, age); err != nil {
			return picked, fmt.Errorf("looking for reviews of %s: %w", id, err)
		}
	}
	return parts.ReviewsOf(ctx, w.Behaviour.ProductReviews, id)
}

// readReviews encodes the words of reviews, each content once, as parts of a product.
func (w *Worker) readReviews(ctx context.Context, picked parts.Reviews) ([]fusion.Part, error) {
	kept := picked.Kept()
	var newest int64
	for i := range kept {
		newest = max(newest, kept[i].Time)
	}
	read := make([]fusion.Part, len(kept))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(reviewsAtOnce)
	for i := range kept {
		group.Go(func() error {
			v, err := w.words(ctx, kept[i].Text)
			read[i] = fusion.Part{Modality: "review", Weight: parts.ReviewWeight(&kept[i], newest), Vector: v}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []fusion.Part
	for _, p := range read {
		if p.Vector != nil {
			out = append(out, p)
		}
	}
	return out, nil
}
