package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"weft/storage/lake"
	"weft/tasks"
)

// settle records what the object holds and lifts an older dead letter. When it
// returns nil all of it is durable.
func (w *Worker) settle(ctx context.Context, t tasks.Task, c content, m tasks.Modality) error {
	defer w.metrics.time("settle")()
	now := w.now()
	err := w.Lake.Objects.Append(ctx, lake.Object{
		Row: lake.Row{Key: t.Key, Version: now}, ETag: t.ETag, ContentSHA256: c.sha, Product: string(t.Product), Modality: string(m),
		Recipe: w.Recipes[m], Size: c.size, ReadAt: now,
	})
	if err != nil {
		return fmt.Errorf("storing what %s holds: %w", t.Key, err)
	}
	old, dead, err := w.Lake.Dead.Get(ctx, t.Key)
	if err == nil && dead {
		err = w.Lake.Dead.Delete(ctx, t.Key, max(now, old.Version))
	}
	if err != nil {
		return fmt.Errorf("lifting the dead letter of %s: %w", t.Key, err)
	}
	w.Log.LogAttrs(ctx, slog.LevelDebug, "settled", slog.String("key", t.Key), slog.String("etag", t.ETag), slog.String("product", string(t.Product)),
		slog.String("content", c.sha), slog.String("trace", t.Trace))
	return nil
}

func (w *Worker) now() int64 { return time.Now().UnixMilli() }
