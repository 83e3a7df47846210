package worker

import (
	"context"
	"fmt"

	"weft/gather"
)

// encoded tells whether a feature is durable, as far as is known: a miss only costs a repeat, which is counted.
func (w *Worker) encoded(ctx context.Context, key string) (bool, error) {
	_, ok, err := w.Lake.Features.Get(ctx, key)
	if err != nil || ok || !w.Shared {
		return ok, wrapLookup(key, err)
	}
	if err := w.Lake.Features.RefreshIfOlder(ctx, gather.RepeatAge); err != nil {
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
