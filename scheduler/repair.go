package scheduler

import (
	"context"
	"errors"
	"fmt"

	"weft/storage/lake"
	"weft/storage/vectors"
	"weft/tasks"
)

// repairPage is how many products are compared, and held, at once.
const repairPage = 500

// Repaired counts what a repair found.
type Repaired struct {
	Products int `json:"products"` // in the lake
	Reloaded int `json:"reloaded"` // were missing in Redis, or older there
	Removed  int `json:"removed"`  // were in Redis, and deleted in the lake
}

// Repair compares the vectors in Redis with the lake's and reloads what is missing
// or older, encoding nothing. It reads identities alone where nothing is lost, and
// holds one page at a time. Starting it again after an interruption goes on where
// it stopped, but for the comparing. progress, if given, is called after each page.
func Repair(ctx context.Context, l *lake.Lake, v *vectors.Store, gen tasks.Generation, progress func(Repaired)) (Repaired, error) {
	var r Repaired
	if err := l.Products.Refresh(ctx); err != nil {
		return r, fmt.Errorf("repair: %w", err)
	}
	for page, err := range productPages(ctx, l, gen) {
		if err != nil {
			return r, fmt.Errorf("repair: %w", err)
		}
		if err := r.mend(ctx, l, v, gen, page); err != nil {
			return r, fmt.Errorf("repair: %w", err)
		}
		if progress != nil {
			progress(r)
		}
	}
	return r, nil
}

// mend repairs the vectors of some neighbouring products.
func (r *Repaired) mend(ctx context.Context, l *lake.Lake, v *vectors.Store, gen tasks.Generation, page []lake.Product) error {
	heads, err := headsOf(ctx, v, gen, page)
	if err != nil {
		return err
	}
	lost := map[string]bool{}
	var first, last string
	for i, p := range page {
		if !p.Deleted {
			r.Products++
		}
		switch behind(p, heads[i]) {
		case missing, stale:
			lost[p.Key] = true
			if last = p.Key; first == "" {
				first = p.Key
			}
		case undead:
			// Fenced: whatever was written since is newer than the tombstone.
			if _, err := v.Delete(ctx, gen, vectors.Product, p.ID, p.Version); err != nil {
				return err
			}
			r.Removed++
		}
	}
	if len(lost) == 0 {
		return nil
	}
	rows := l.Products.Select(ctx, lake.Query{From: first, To: last + "\x00"})
	n, err := v.Load(ctx, gen, vectors.Product, records(func(yield func(lake.Product, error) bool) {
		for row, err := range rows {
			if (err != nil || lost[row.Key]) && !yield(row, err) {
				return
			}
		}
	}))
	r.Reloaded += n
	return err
}

// difference says how Redis stands behind the lake.
type difference int

const (
	current difference = iota
	missing            // not there
	stale              // of an older version and other parts
	undead             // deleted in the lake
)

func behind(p lake.Product, h vectors.Head) difference {
	there := h.Sources != "" && !h.Deleted
	switch {
	case p.Deleted && there && h.SourceVersion <= p.Version:
		return undead
	case p.Deleted:
		return current
	case h.SourceVersion > p.Version: // newer: written, or deleted, since
		return current
	case !there:
		return missing
	case h.SourceVersion < p.Version && h.Sources != p.Sources:
		return stale
	}
	return current
}

// productPages reads the identities of a generation's products, tombstones too.
func productPages(ctx context.Context, l *lake.Lake, gen tasks.Generation) func(func([]lake.Product, error) bool) {
	return func(yield func([]lake.Product, error) bool) {
		prefix := lake.GenerationPrefix(string(gen))
		page := make([]lake.Product, 0, repairPage)
		for row, err := range l.Products.Select(ctx, lake.Query{Prefix: prefix, Columns: []string{"id", "sources"}, Tombstones: true}) {
			if err != nil {
				yield(nil, err)
				return
			}
			row.ID = row.Key[len(prefix) : len(row.Key)-1] // a tombstone has nothing but its key
			if page = append(page, row); len(page) == repairPage {
				if !yield(page, nil) {
					return
				}
				page = page[:0]
			}
		}
		if len(page) > 0 {
			yield(page, nil)
		}
	}
}

func headsOf(ctx context.Context, v *vectors.Store, gen tasks.Generation, page []lake.Product) ([]vectors.Head, error) {
	ids := make([]string, len(page))
	for i, p := range page {
		ids[i] = p.ID
	}
	return v.HeadsOf(ctx, gen, vectors.Product, ids)
}

// Rebuild repairs the vectors of a generation and says that they may be read.
func Rebuild(ctx context.Context, l *lake.Lake, v *vectors.Store, gen tasks.Generation, progress func(Repaired)) (Repaired, error) {
	r, err := Repair(ctx, l, v, gen, progress)
	if err != nil {
		return r, err
	}
	if live, err := v.Live(ctx); err == nil && live == gen {
		return r, nil
	} else if err != nil && !errors.Is(err, vectors.ErrNotLive) {
		return r, fmt.Errorf("rebuild: %w", err)
	}
	if err := v.SetLive(ctx, gen); err != nil {
		return r, fmt.Errorf("rebuild: %w", err)
	}
	return r, nil
}
