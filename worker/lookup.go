package worker

import (
	"context"
	"fmt"
	"time"

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

// repeatAge is how long another process may have stored a feature without this one
// looking: a miss only costs a repeat, which is counted.
const repeatAge = time.Second

// encoded tells whether a feature is durable, as far as is known.
func (w *Worker) encoded(ctx context.Context, key string) (bool, error) {
	_, ok, err := w.Lake.Features.Get(ctx, key)
	if err != nil || ok || !w.Shared {
		return ok, wrapLookup(key, err)
	}
	if err := w.Lake.Features.RefreshIfOlder(ctx, repeatAge); err != nil {
		return false, wrapLookup(key, err)
	}
	_, ok, err = w.Lake.Features.Get(ctx, key)
	return ok, wrapLookup(key, err)
}

func wrapLookup(key string, err error) error {
	if err != nil {
		return fmt.Errorf("looking up %s: %w", key, err)
	}
	return nil
}
