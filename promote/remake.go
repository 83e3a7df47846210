package promote

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"weft/fusion"
	"weft/gather"
	"weft/storage/lake"
	"weft/tasks"
)

// Remaking is what Remake works on.
type Remaking struct {
	From tasks.Generation // whose vectors are made anew
	// Reader reads parts for the generation that they are made for: gather.Reader.Generation.
	Reader *gather.Reader
	Model  fusion.Model   // of that generation
	Each   func(Progress) // hears of every batch, from several goroutines at once; nil: nobody does
	// AtOnce is how many batches are in work; 0: two for each core, since they wait for commits.
	AtOnce int
}

// Progress is how far a Remake has come.
type Progress struct {
	Products int64 // looked at
	Users    int64
	Made     int64 // vectors written
	Current  int64 // that were there already
	// Left is how many are for the workers: their parts have changed since the vector of From was made, or a text has no
	// feature yet. The sweep finds them.
	Left int64
}

// batchSize is how many vectors are made and stored together.
const batchSize = 256

// Remake makes the vectors of all products, then of all shoppers, that have one in From, for the generation of the reader.
//
// A vector gets the version of its counterpart, whose parts it is made of: what a worker writes later is newer, whatever
// the clock of this machine says. Vectors that are there and of the same parts stay, so a repeated call does what is left.
func Remake(ctx context.Context, r Remaking) (Progress, error) {
	if r.AtOnce <= 0 {
		r.AtOnce = 2 * runtime.GOMAXPROCS(0)
	}
	c := &counts{each: r.Each}
	if err := r.Reader.Lake.Refresh(ctx); err != nil {
		return c.now(), fmt.Errorf("remake: %w", err)
	}
	query := lake.Query{Prefix: lake.GenerationPrefix(string(r.From)), Columns: []string{"sources"}, Tombstones: true}
	l := r.Reader.Lake
	err := inBatches(ctx, r.AtOnce, counterparts(l.Products.Select(ctx, query), r.From, func(p lake.Product) (lake.Row, string) { return p.Row, p.Sources }),
		func(ctx context.Context, batch []counterpart) error { return r.products(ctx, batch, c) })
	if err == nil {
		err = inBatches(ctx, r.AtOnce, counterparts(l.UserVectors.Select(ctx, query), r.From, func(u lake.UserVector) (lake.Row, string) { return u.Row, u.Sources }),
			func(ctx context.Context, batch []counterpart) error { return r.users(ctx, batch, c) })
	}
	if err != nil {
		return c.now(), fmt.Errorf("remake: %w", err)
	}
	return c.now(), nil
}

// counterpart is the vector of From, or its tombstone.
type counterpart struct {
	id      string
	version int64
	sources string
	deleted bool
}

func counterparts[R any](rows iter.Seq2[R, error], from tasks.Generation, head func(R) (lake.Row, string)) iter.Seq2[counterpart, error] {
	prefix := len(lake.GenerationPrefix(string(from)))
	return func(yield func(counterpart, error) bool) {
		for row, err := range rows {
			if err != nil {
				yield(counterpart{}, err)
				return
			}
			r, sources := head(row)
			if !yield(counterpart{id: r.Key[prefix : len(r.Key)-1], version: r.Version, sources: sources, deleted: r.Deleted}, nil) {
				return
			}
		}
	}
}

// inBatches runs work on batches, some at a time.
func inBatches(ctx context.Context, atOnce int, all iter.Seq2[counterpart, error], work func(context.Context, []counterpart) error) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	var batch []counterpart
	flush := func() {
		if full := batch; len(full) > 0 {
			group.Go(func() error { return work(within, full) })
		}
		batch = nil
	}
	for one, err := range all {
		if err != nil {
			_ = group.Wait() // the first error counts
			return err
		}
		if batch = append(batch, one); len(batch) == batchSize {
			flush()
		}
		if within.Err() != nil {
			break
		}
	}
	flush()
	if err := group.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// counts are added to by many goroutines.
type counts struct {
	products, users, made, current, left atomic.Int64
	each                                 func(Progress)
}

func (c *counts) now() Progress {
	return Progress{Products: c.products.Load(), Users: c.users.Load(), Made: c.made.Load(), Current: c.current.Load(), Left: c.left.Load()}
}

func (c *counts) tell() {
	if c.each != nil {
		c.each(c.now())
	}
}
