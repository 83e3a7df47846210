package vectors

import (
	"context"
	"fmt"
	"iter"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"weft/tasks"
)

// loadPage records go in one pipeline, loadAhead pipelines at once.
const (
	loadPage  = 250
	loadAhead = 2
)

// Load writes many records, fenced like Put but announced nowhere: it fills a store
// that is empty or half lost, before SetLive. It returns how many records it was
// given; those that Redis holds in a newer version stay as they are. It stops at the
// first error, of records or of its own; loading again from the start is safe.
func (s *Store) Load(ctx context.Context, gen tasks.Generation, kind Kind, records iter.Seq2[Record, error]) (int, error) {
	return s.load(ctx, records, func(ctx context.Context, page []Record) error {
		_, err := s.fenced(ctx, gen, kind, page)
		return err
	})
}

// LoadExclusive is Load without the fence: each record replaces what is there. It is
// for a server that nobody else writes vectors to meanwhile, such as one started
// by this very process, and for such it is several times as fast.
func (s *Store) LoadExclusive(ctx context.Context, gen tasks.Generation, kind Kind, records iter.Seq2[Record, error]) (int, error) {
	space, err := s.space(gen, kind)
	if err != nil {
		return 0, fmt.Errorf("vectors: load: %w", err)
	}
	empty := false // what is not there need not be deleted
	if _, cluster := s.rdb.(*redis.ClusterClient); !cluster {
		n, err := s.rdb.DBSize(ctx).Result()
		if err != nil {
			return 0, fmt.Errorf("vectors: load: %w", classify(err))
		}
		empty = n == 0
	}
	return s.load(ctx, records, func(ctx context.Context, page []Record) error {
		for i := range page {
			if err := page[i].Validate(kind); err != nil {
				return err
			}
		}
		_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range page {
				key := space + page[i].ID
				if !empty {
					p.Del(ctx, key)
				}
				p.HSet(ctx, key, page[i].fields(kind)...)
			}
			return nil
		})
		return classify(err)
	})
}

func (s *Store) load(ctx context.Context, records iter.Seq2[Record, error], write func(context.Context, []Record) error) (int, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(loadAhead)
	n := 0
	var page []Record
	send := func() {
		if full := page; len(full) > 0 {
			group.Go(func() error { return write(ctx, full) })
		}
		page = make([]Record, 0, loadPage)
	}
	var failed error
	for r, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			failed = err
			break
		}
		n++
		if page = append(page, r); len(page) == loadPage {
			send()
		}
	}
	if failed == nil {
		send()
	}
	if err := group.Wait(); err != nil {
		failed = err // why ctx ended, if it did
	}
	if failed != nil {
		return n, fmt.Errorf("vectors: load: %w", failed)
	}
	return n, nil
}
