package worker

import (
	"context"
	"fmt"

	"weft/storage/lake"
)

// find reads a row that satisfies want. Where other processes write to the same
// lake, a row that is not there (or not as wanted) is looked for again after a
// refresh: a miss is believed only then.
func find[R any](ctx context.Context, w *Worker, t *lake.Table[R], key string, want func(R) bool) (R, bool, error) {
	row, ok, err := t.Get(ctx, key)
	if (err == nil && ok && want(row)) || err != nil || !w.Shared {
		return row, err == nil && ok && want(row), wrapLookup(key, err)
	}
	if err := t.Refresh(ctx); err != nil {
		return row, false, wrapLookup(key, err)
	}
	row, ok, err = t.Get(ctx, key)
	return row, err == nil && ok && want(row), wrapLookup(key, err)
}

// has is find without the row.
func has[R any](ctx context.Context, w *Worker, t *lake.Table[R], key string) (bool, error) {
	_, ok, err := find(ctx, w, t, key, func(R) bool { return true })
	return ok, err
}

func wrapLookup(key string, err error) error {
	if err != nil {
		return fmt.Errorf("looking up %s: %w", key, err)
	}
	return nil
}
