package scheduler

import (
	"context"
	"fmt"
	"iter"

	"weft/storage/lake"
	"weft/storage/vectors"
	"weft/tasks"
)

// Refill loads the vectors of a generation from the lake into an empty or
// half-lost Redis, encoding nothing, and then says that they may be read. load
// is vectors.Store.Load, or LoadExclusive where nobody else writes.
func Refill(ctx context.Context, l *lake.Lake, v *vectors.Store, gen tasks.Generation, load Loader) (int, error) {
	if err := l.Refresh(ctx); err != nil {
		return 0, fmt.Errorf("refill: %w", err)
	}
	n := 0
	for _, kind := range kinds {
		loaded, err := load(ctx, gen, kind, recordsOf(ctx, l, kind, lake.Query{Prefix: lake.GenerationPrefix(string(gen))}))
		if n += loaded; err != nil {
			return n, fmt.Errorf("refill: %w", err)
		}
	}
	if err := v.SetLive(ctx, gen); err != nil {
		return n, fmt.Errorf("refill: %w", err)
	}
	return n, nil
}

// Loader writes records in bulk and counts them.
type Loader func(ctx context.Context, gen tasks.Generation, kind vectors.Kind, records iter.Seq2[vectors.Record, error]) (int, error)

// recordsOf reads the vectors of a kind as Redis holds them.
func recordsOf(ctx context.Context, l *lake.Lake, kind vectors.Kind, q lake.Query) iter.Seq2[vectors.Record, error] {
	if kind == vectors.User {
		return records(l.UserVectors.Select(ctx, q), vectors.OfUser)
	}
	return records(l.Products.Select(ctx, q), vectors.OfProduct)
}

func records[R any](rows iter.Seq2[R, error], of func(R) vectors.Record) iter.Seq2[vectors.Record, error] {
	return func(yield func(vectors.Record, error) bool) {
		for row, err := range rows {
			if !yield(of(row), err) {
				return
			}
		}
	}
}
