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

// user makes a shopper's vector of what is stored: read, clean, gather, fuse, settle.
// As with products it computes from what is there and never adds to what was, so it may
// run at any time, twice, or late. Runs for one shopper take turns, and those that wait
// for the same turn share it.
func (w *Worker) user(ctx context.Context, t tasks.Task) error {
	return w.userRuns.do(ctx, t.User, func() (busy time.Duration, err error) {
		version, err := w.Vectors.Now(ctx)
		if err != nil {
			return 0, fmt.Errorf("taking the source version: %w", err)
		}
		if err := w.fresh(ctx); err != nil {
			return 0, err
		}
		r, err := w.fusions.enter(ctx, w.Tenant, t.Lane, w.Weight())
		if err != nil {
			return 0, err
		}
		defer r.leave()
		began := time.Now()
		stop := w.metrics.time("rows")
		h, err := w.parts.History(ctx, t.User)
		stop()
		if err != nil {
			return 0, err
		}
		stop = w.metrics.time("gather")
		g, err := w.parts.User(ctx, t.User, h)
		if err == nil {
			err = w.readAll(ctx, g.Missing())
		}
		stop()
		busy = time.Since(began)
		if err != nil {
			return busy, err
		}
		if h.Declined || h.Empty {
			return busy, w.withdrawUser(ctx, t.User, version, "")
		}
		stop = w.metrics.time("fuse")
		made, err := w.users.Do(ctx, g.Parts())
		stop()
		r.spend(time.Since(began).Seconds())
		r.leave() // what follows waits for the commit
		switch {
		case err != nil:
			return busy, fuseFault(ctx, err)
		case made.Vector == nil: // nothing speaks for anything, or what does is not known yet
			return busy, w.withdrawUser(ctx, t.User, version, g.Sources)
		}
		return busy, w.publishUser(ctx, g.Row(w.Generation, version, made), g.Taken)
	})
}

// publishUser makes the vector durable, then readable. taken is when the newest row in
// it was taken in, Unix ms.
func (w *Worker) publishUser(ctx context.Context, row lake.UserVector, taken int64) error {
	defer w.metrics.time("publish")()
	if old, ok, err := w.Lake.UserVectors.Get(ctx, row.Key); err != nil {
		return fmt.Errorf("looking for the vector of user %s: %w", row.User, err)
	} else if !ok || old.Sources != row.Sources {
		if err := w.Lake.UserVectors.Append(ctx, row); err != nil {
			return fmt.Errorf("storing the vector of user %s: %w", row.User, err)
		}
	}
	if _, err := w.Vectors.Put(ctx, w.Generation, vectors.User, vectors.OfUser(row)); err != nil {
		return fmt.Errorf("publishing the vector of user %s: %w", row.User, err)
	}
	w.metrics.publishUser(taken)
	return nil
}

// withdrawUser removes a shopper's vector, if there is one, and remembers of which
// parts none could be made.
func (w *Worker) withdrawUser(ctx context.Context, id tasks.UserID, version int64, sources string) error {
	defer w.metrics.time("publish")()
	key := lake.UserKey(string(w.Generation), string(id))
	_, ok, err := gather.Find(ctx, w.Lake.UserVectors, w.Shared, key, gather.Any)
	if err != nil {
		return err
	}
	if !ok && sources == "" {
		return nil
	}
	row := lake.UserVector{Row: lake.Row{Key: key, Version: version, Deleted: true}, User: string(id), Generation: string(w.Generation), Sources: sources}
	if err := w.Lake.UserVectors.Append(ctx, row); err != nil {
		return fmt.Errorf("withdrawing user %s: %w", id, err)
	}
	if !ok {
		return nil
	}
	if _, err := w.Vectors.Delete(ctx, w.Generation, vectors.User, string(id), version); err != nil {
		return fmt.Errorf("withdrawing user %s: %w", id, err)
	}
	return nil
}
