package worker

import (
	"context"
	"fmt"
	"math"
	"time"

	"weft/storage/lake"
	"weft/tasks"
)

// once makes the feature of a content unless it is durable already: the same
// photo under two products is encoded once, and never again after that. Two
// tasks of this process that hold the same content share one run.
func (w *Worker) once(ctx context.Context, sha string, m tasks.Modality, make func() ([]float32, error)) error {
	recipe := w.Recipes[m]
	key := lake.FeatureKey(sha, recipe)
	_, err, _ := w.flights.Do(key, func() (any, error) {
		if known, err := has(ctx, w, w.Lake.Features, key); err != nil || known {
			if known {
				w.metrics.made(m, false)
			}
			return nil, err
		}
		v, err := make()
		if err != nil {
			return nil, err
		}
		if !finite(v) {
			return nil, &fault{reason: tasks.ReasonNotFinite, stage: "encode", sha: sha, err: fmt.Errorf("the encoder answered NaN or infinity")}
		}
		w.metrics.made(m, true)
		defer w.metrics.time("commit")()
		return nil, w.Lake.Features.Append(ctx, lake.Feature{
			Row: lake.Row{Key: key, Version: w.now()}, ContentSHA256: sha, Recipe: recipe, Modality: string(m), Vector: v,
		})
	})
	return err
}

// settle records what the object holds, lifts an older dead letter, and asks for
// the product's fusion. When it returns nil all of it is durable.
func (w *Worker) settle(ctx context.Context, t tasks.Task, c content) error {
	defer w.metrics.time("settle")()
	now := w.now()
	row := lake.Object{Row: lake.Row{Key: t.Key, Version: now}, ETag: t.ETag, ContentSHA256: c.sha, Product: string(t.Product),
		Modality: string(tasks.ParseMediaKey(t.Key).Modality), Size: c.size, ReadAt: now}
	if err := w.Lake.Objects.Append(ctx, row); err != nil {
		return fmt.Errorf("settle %s: %w", t.Key, err)
	}
	if old, ok, err := w.Lake.Dead.Get(ctx, t.Key); err != nil {
		return fmt.Errorf("settle %s: %w", t.Key, err)
	} else if ok {
		if err := w.Lake.Dead.Delete(ctx, t.Key, max(now, old.Version)); err != nil {
			return fmt.Errorf("settle %s: lifting its dead letter: %w", t.Key, err)
		}
	}
	return w.askFusion(ctx, t)
}

// askFusion enqueues the fusion of the task's product, in the task's own lane.
func (w *Worker) askFusion(ctx context.Context, t tasks.Task) error {
	if t.Type == tasks.ProductFuse {
		return nil
	}
	_, err := w.Queue.Enqueue(ctx, tasks.Task{
		Type: tasks.ProductFuse, Tenant: t.Tenant, Generation: t.Generation, Lane: t.Lane, Product: t.Product, Trace: t.Trace,
	})
	if err != nil {
		return fmt.Errorf("asking for the fusion of %s: %w", t.Product, err)
	}
	return nil
}

func (w *Worker) now() int64 { return time.Now().UnixMilli() }

func finite(v []float32) bool {
	for _, x := range v {
		if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
	}
	return true
}
