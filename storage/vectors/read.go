package vectors

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// Get reads one vector. Errors: ErrNotFound, ErrCorrupt, ErrInvalid (id), ErrUnavailable.
func (s *Store) Get(ctx context.Context, gen tasks.Generation, kind Kind, id string) (Record, error) {
	key, err := s.key(gen, kind, id)
	if err != nil {
		return Record{}, fmt.Errorf("vectors: get: %w", err)
	}
	hash, err := s.rdb.HGetAll(ctx, key).Result()
	if err != nil {
		return Record{}, fmt.Errorf("vectors: get %s %s: %w", kind, id, notAHash(err))
	}
	r, err := decode(kind, id, hash)
	if err != nil {
		return Record{}, fmt.Errorf("vectors: get: %w", err)
	}
	return r, nil
}

// notAHash is classify for commands on hashes, where a key of another type is
// corrupt data.
func notAHash(err error) error {
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	return classify(err)
}

// Pages of a scan: keys asked of the server at once, and hashes read in one pipeline.
const (
	scanPage = 2000
	readPage = 250
)

// All yields every vector of a kind that was there throughout, in any order. While
// the server resizes its tables one may come twice. An ErrCorrupt concerns the record whose ID
// it comes with, and more may follow it; any other error is the last.
func (s *Store) All(ctx context.Context, gen tasks.Generation, kind Kind) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for page, err := range s.pages(ctx, gen, kind) {
			var replies []*redis.MapStringStringCmd
			if err == nil {
				replies, err = pipeline(ctx, s.rdb, page.keys, func(p redis.Pipeliner, key string) *redis.MapStringStringCmd { return p.HGetAll(ctx, key) })
			}
			if err != nil {
				yield(Record{}, fmt.Errorf("vectors: read all: %w", err))
				return
			}
			for i, reply := range replies {
				id := page.keys[i][len(page.space):]
				r, err := Record{}, notAHash(reply.Err())
				if err == nil {
					r, err = decode(kind, id, reply.Val())
				}
				switch {
				case errors.Is(err, ErrNotFound):
					continue
				case err != nil:
					r, err = Record{ID: id}, fmt.Errorf("vectors: read all: %w", err)
				}
				if !yield(r, err) || err != nil && !errors.Is(err, ErrCorrupt) {
					return
				}
			}
		}
	}
}

// Head is what an audit needs of a record.
type Head struct {
	ID            string
	SourceVersion int64 // 0 if the hash has none
	Sources       string
	UpdatedAt     int64 // 0 for a tombstone
	Deleted       bool  // a tombstone
}

// Heads yields the heads of all vectors of a kind, tombstones too, as All does.
func (s *Store) Heads(ctx context.Context, gen tasks.Generation, kind Kind) iter.Seq2[Head, error] {
	return func(yield func(Head, error) bool) {
		for page, err := range s.pages(ctx, gen, kind) {
			var replies []*redis.SliceCmd
			if err == nil {
				replies, err = pipeline(ctx, s.rdb, page.keys, func(p redis.Pipeliner, key string) *redis.SliceCmd {
					return p.HMGet(ctx, key, fieldSourceVersion, fieldSources, fieldUpdatedAt, fieldDeleted)
				})
			}
			if err != nil {
				yield(Head{}, fmt.Errorf("vectors: heads: %w", err))
				return
			}
			for i, reply := range replies {
				h := Head{ID: page.keys[i][len(page.space):]}
				err := notAHash(reply.Err())
				if err == nil {
					var text [4]string
					for i, v := range reply.Val() {
						text[i], _ = v.(string) // nil where the field is missing
					}
					if text == [4]string{} {
						continue // deleted since it was scanned
					}
					h.SourceVersion, _ = strconv.ParseInt(text[0], 10, 64)
					h.UpdatedAt, _ = strconv.ParseInt(text[2], 10, 64)
					h.Sources, h.Deleted = text[1], text[3] != ""
				} else {
					err = fmt.Errorf("vectors: heads: %w", err)
				}
				if !yield(h, err) || err != nil && !errors.Is(err, ErrCorrupt) {
					return
				}
			}
		}
	}
}

// page is some keys of a scan, all beginning with space.
type page struct {
	space string
	keys  []string
}

func (s *Store) pages(ctx context.Context, gen tasks.Generation, kind Kind) iter.Seq2[page, error] {
	return func(yield func(page, error) bool) {
		space, err := s.space(gen, kind)
		if err != nil {
			yield(page{}, err)
			return
		}
		nodes, err := masters(ctx, s.rdb)
		if err != nil {
			yield(page{}, classify(err))
			return
		}
		for _, node := range nodes {
			for cursor := uint64(0); ; {
				// Tenants, generations and kinds hold no character that a pattern would expand.
				keys, next, err := node.Scan(ctx, cursor, space+"*", scanPage).Result()
				if err != nil {
					yield(page{}, classify(err))
					return
				}
				for part := range slices.Chunk(keys, readPage) {
					if !yield(page{space, part}, nil) {
						return
					}
				}
				if cursor = next; cursor == 0 {
					break
				}
			}
		}
	}
}

// scanner is what a scan needs of a client.
type scanner interface {
	Scan(ctx context.Context, cursor uint64, match string, count int64) *redis.ScanCmd
}

// masters are the servers that hold keys.
func masters(ctx context.Context, rdb redis.UniversalClient) ([]scanner, error) {
	cluster, ok := rdb.(*redis.ClusterClient)
	if !ok {
		return []scanner{rdb}, nil
	}
	var mu sync.Mutex
	var nodes []scanner
	err := cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, c)
		return nil
	})
	return nodes, err
}

// pipeline sends one command for each key. The error is that of the connection;
// errors of single replies stay with them.
func pipeline[C redis.Cmder](ctx context.Context, rdb redis.UniversalClient, keys []string, add func(redis.Pipeliner, string) C) ([]C, error) {
	replies := make([]C, len(keys))
	_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			replies[i] = add(p, key)
		}
		return nil
	})
	if err != nil && !strings.HasPrefix(err.Error(), "WRONGTYPE") {
		return nil, classify(err)
	}
	return replies, nil
}
