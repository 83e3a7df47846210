package worker

import (
	"context"
	"fmt"
	"time"

	"weft/gather"
	"weft/storage/lake"
	"weft/storage/vectors"
	"weft/tasks"
)

// product makes a product's vector of its stored features: list, gather, fuse,
// settle. It computes from what is stored and never adds to what was there, so
// it may run at any time, twice, or late: the source version, taken before the
// listing, decides which result stays.
func (w *Worker) product(ctx context.Context, t tasks.Task) error {
	return w.fuseProduct(ctx, t, 0)
}

// lastPart is product for a part that has just been settled: reviews that other
// processes stored in this second may be overlooked, the sweep finds them.
func (w *Worker) lastPart(ctx context.Context, t tasks.Task) error {
	return w.fuseProduct(ctx, t, gather.RepeatAge)
}

func (w *Worker) fuseProduct(ctx context.Context, t tasks.Task, reviewAge time.Duration) error {
	version, err := w.Vectors.Now(ctx)
	if err != nil {
		return fmt.Errorf("taking the source version: %w", err)
	}
	stop := w.metrics.time("list")
	media, err := w.parts.Media(ctx, t.Product)
	stop()
	if err != nil {
		return err
	}
	stop = w.metrics.time("gather")
	p, err := w.parts.Product(ctx, t.Product, media)
	stop()
	if err != nil {
		return err
	}
	if !p.Settled {
		w.metrics.finished(t, "waiting") // whoever settles the last part comes here again
		return nil
	}
	if len(p.Used) == 0 {
		return w.withdraw(ctx, t.Product, version)
	}
	if err := w.parts.AddReviews(ctx, &p, reviewAge); err != nil {
		return err
	}
	if err := w.readAll(ctx, p.Missing()); err != nil {
		return err
	}
	return w.publish(ctx, version, p)
}

// fuseFault gives an item up of whose parts no vector can be made.
func fuseFault(ctx context.Context, err error) error {
	if ctx.Err() != nil || unavailable(err) {
		return fmt.Errorf("fuse: %w", err)
	}
	return &fault{reason: tasks.ReasonNotFinite, stage: "fuse", err: err}
}

// publish makes the vector durable, then readable.
func (w *Worker) publish(ctx context.Context, version int64, p gather.Product) error {
	stop := w.metrics.time("fuse")
	made, err := w.products.Do(ctx, p.Parts())
	stop()
	if err != nil {
		return fuseFault(ctx, err)
	}
	defer w.metrics.time("publish")()
	row := p.Row(w.Generation, version, made)
	if err := w.Lake.Products.Append(ctx, row); err != nil {
		return fmt.Errorf("storing the vector of %s: %w", p.ID, err)
	}
	if _, err := w.Vectors.Put(ctx, w.Generation, vectors.Product, vectors.OfProduct(row)); err != nil {
		return fmt.Errorf("publishing the vector of %s: %w", p.ID, err)
	}
	w.metrics.publish()
	return nil
}

// withdraw removes a product that has no parts left.
func (w *Worker) withdraw(ctx context.Context, id tasks.ProductID, version int64) error {
	defer w.metrics.time("publish")()
	key := lake.ProductKey(string(w.Generation), string(id))
	if _, ok, err := gather.Find(ctx, w.Lake.Products, w.Shared, key, gather.Any); err != nil {
		return err
	} else if ok {
		if err := w.Lake.Products.Delete(ctx, key, version); err != nil {
			return fmt.Errorf("withdrawing %s: %w", id, err)
		}
	}
	if _, err := w.Vectors.Delete(ctx, w.Generation, vectors.Product, string(id), version); err != nil {
		return fmt.Errorf("withdrawing %s: %w", id, err)
	}
	return nil
}
