package scheduler

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"weft/storage/lake"
	"weft/storage/vectors"
	"weft/tasks"
)

// repairPage is how many vectors are compared, and held, at once.
const repairPage = 500

// Repaired counts what a repair found.
type Repaired struct {
	Products int `json:"products"` // in the lake
	Users    int `json:"users"`    // in the lake
	Reloaded int `json:"reloaded"` // were missing in Redis, or older there
	Removed  int `json:"removed"`  // were in Redis, and deleted in the lake
}

// Repair compares the vectors in Redis with the lake's and reloads what is missing
// or older, encoding nothing. It reads identities alone where nothing is lost, and
// holds one page at a time. Starting it again after an interruption goes on where
// it stopped, but for the comparing. progress, if given, is called after each page.
func Repair(ctx context.Context, l *lake.Lake, v *vectors.Store, gen tasks.Generation, progress func(Repaired)) (Repaired, error) {
	var r Repaired
	if err := errors.Join(l.Products.Refresh(ctx), l.UserVectors.Refresh(ctx)); err != nil {
		return r, fmt.Errorf("repair: %w", err)
	}
	for _, kind := range kinds {
		for page, err := range pagesOf(ctx, l, gen, kind) {
			if err != nil {
				return r, fmt.Errorf("repair: %w", err)
			}
			if err := r.mend(ctx, l, v, gen, kind, page); err != nil {
				return r, fmt.Errorf("repair: %w", err)
			}
			if progress != nil {
				progress(r)
			}
		}
	}
	return r, nil
}

var kinds = [...]vectors.Kind{vectors.Product, vectors.User}

// mend repairs some neighbouring vectors.
func (r *Repaired) mend(ctx context.Context, l *lake.Lake, v *vectors.Store, gen tasks.Generation, kind vectors.Kind, page []made) error {
	heads, err := headsOf(ctx, v, gen, kind, page)
	if err != nil {
		return err
	}
	lost := map[string]bool{}
	var first, last string
	for i, p := range page {
		switch {
		case p.deleted:
		case kind == vectors.User:
			r.Users++
		default:
			r.Products++
		}
		switch behind(p, heads[i]) {
		case missing, stale:
			lost[p.id] = true
			if last = p.key; first == "" {
				first = p.key
			}
		case undead:
			// Fenced: whatever was written since is newer than the tombstone.
			if _, err := v.Delete(ctx, gen, kind, p.id, p.version); err != nil {
				return err
			}
			r.Removed++
		}
	}
	if len(lost) == 0 {
		return nil
	}
	n, err := v.Load(ctx, gen, kind, func(yield func(vectors.Record, error) bool) {
		for row, err := range recordsOf(ctx, l, kind, lake.Query{From: first, To: last + "\x00"}) {
			if (err != nil || lost[row.ID]) && !yield(row, err) {
				return
			}
		}
	})
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

func behind(p made, h vectors.Head) difference {
	there := h.Sources != "" && !h.Deleted
	switch {
	case p.deleted && there && h.SourceVersion <= p.version:
		return undead
	case p.deleted:
		return current
	case h.SourceVersion > p.version: // newer: written, or deleted, since
		return current
	case !there:
		return missing
	case h.SourceVersion < p.version && h.Sources != p.sources:
		return stale
	}
	return current
}

// made is the identity of a vector in the lake, or of its tombstone.
type made struct {
	key, id string
	version int64
	sources string
	deleted bool
}

// identities reads those of all vectors of a kind, tombstones too.
func identities(ctx context.Context, l *lake.Lake, gen tasks.Generation, kind vectors.Kind) iter.Seq2[made, error] {
	prefix := lake.GenerationPrefix(string(gen))
	query := lake.Query{Prefix: prefix, Columns: []string{"sources"}, Tombstones: true}
	of := func(r lake.Row, sources string) made { // a tombstone may have nothing but its key
		return made{key: r.Key, id: r.Key[len(prefix) : len(r.Key)-1], version: r.Version, sources: sources, deleted: r.Deleted}
	}
	return func(yield func(made, error) bool) {
		if kind == vectors.User {
			for row, err := range l.UserVectors.Select(ctx, query) {
				if err != nil {
					yield(made{}, err)
					return
				}
				if !yield(of(row.Row, row.Sources), nil) {
					return
				}
			}
			return
		}
		for row, err := range l.Products.Select(ctx, query) {
			if err != nil {
				yield(made{}, err)
				return
			}
			if !yield(of(row.Row, row.Sources), nil) {
				return
			}
		}
	}
}

// pagesOf yields identities page by page. A page is good until the next.
func pagesOf(ctx context.Context, l *lake.Lake, gen tasks.Generation, kind vectors.Kind) iter.Seq2[[]made, error] {
	return func(yield func([]made, error) bool) {
		page := make([]made, 0, repairPage)
		for m, err := range identities(ctx, l, gen, kind) {
			if err != nil {
				yield(nil, err)
				return
			}
			if page = append(page, m); len(page) == repairPage {
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

func headsOf(ctx context.Context, v *vectors.Store, gen tasks.Generation, kind vectors.Kind, page []made) ([]vectors.Head, error) {
	ids := make([]string, len(page))
	for i, p := range page {
		ids[i] = p.id
	}
	return v.HeadsOf(ctx, gen, kind, ids)
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
