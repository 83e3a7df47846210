package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weft/behaviour"
	"weft/behaviour/parts"
	"weft/fusion"
	"weft/storage/lake"
	"weft/storage/vectors"
	"weft/tasks"
)

// user makes a shopper's vector of what is stored: read, clean, gather, fuse, settle.
// As with products it computes from what is there and never adds to what was, so it may
// run at any time, twice, or late. Runs for one shopper take turns, and those that wait
// for the same turn share it.
func (w *Worker) user(ctx context.Context, t tasks.Task) error {
	return w.turns.take(ctx, t.User, func() (busy time.Duration, err error) {
		version, err := w.Vectors.Now(ctx)
		if err != nil {
			return 0, fmt.Errorf("taking the source version: %w", err)
		}
		if err := w.fresh(ctx); err != nil {
			return 0, err
		}
		began := time.Now()
		h, err := w.history(ctx, t.User)
		if err != nil {
			return 0, err
		}
		g, err := w.gatherUser(ctx, t.User, h)
		busy = time.Since(began)
		if err != nil {
			return busy, err
		}
		if h.Declined || h.Empty {
			return busy, w.withdrawUser(ctx, t.User, version, "")
		}
		stop := w.metrics.time("fuse")
		vector, modalities, err := fusion.User(g.parts)
		stop()
		switch {
		case errors.Is(err, fusion.ErrNoParts): // nothing speaks for anything, or what does is not known yet
			return busy, w.withdrawUser(ctx, t.User, version, g.sources)
		case err != nil:
			return busy, &fault{reason: tasks.ReasonNotFinite, stage: "fuse", err: err}
		}
		row := lake.UserVector{
			Row: lake.Row{Key: lake.UserKey(string(w.Generation), string(t.User)), Version: version}, User: string(t.User), Generation: string(w.Generation),
			Vector: vector, Modalities: modalities, Sources: g.sources, UpdatedAt: time.Now().UnixMilli(),
		}
		return busy, w.publishUser(ctx, row, g.newest)
	})
}

// history reads a shopper's rows and picks what counts.
func (w *Worker) history(ctx context.Context, id tasks.UserID) (parts.History, error) {
	defer w.metrics.time("rows")()
	var rows parts.Rows
	user, ok, err := w.Behaviour.Users.Get(ctx, string(id))
	if err == nil && ok {
		rows.User = &user
	}
	if err == nil {
		rows.Events, _, err = w.Behaviour.Events.Within(ctx, behaviour.UserPrefix(id), parts.MostRows+1)
	}
	if err == nil {
		rows.Reviews, _, err = w.Behaviour.Reviews.Within(ctx, behaviour.UserPrefix(id), parts.MostRows)
	}
	if err != nil {
		return parts.History{}, fmt.Errorf("reading the rows of user %s: %w", id, err)
	}
	return parts.Of(rows, w.Consent), nil
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
	record := vectors.Record{ID: row.User, Vector: row.Vector, Modalities: row.Modalities, SourceVersion: row.Version, Sources: row.Sources, UpdatedAt: row.UpdatedAt}
	if _, err := w.Vectors.Put(ctx, w.Generation, vectors.User, record); err != nil {
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
	_, ok, err := find(ctx, w, w.Lake.UserVectors, key, func(lake.UserVector) bool { return true })
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
