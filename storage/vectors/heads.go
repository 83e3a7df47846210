package vectors

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// HeadsOf reads the heads of the ids given, in their order; where there is nothing
// only the ID of a head is set. Errors: ErrInvalid, ErrCorrupt (a key that is not a
// hash), ErrUnavailable.
func (s *Store) HeadsOf(ctx context.Context, gen tasks.Generation, kind Kind, ids []string) ([]Head, error) {
	space, err := s.space(gen, kind)
	if err != nil {
		return nil, fmt.Errorf("vectors: heads: %w", err)
	}
	heads := make([]Head, 0, len(ids))
	for page := range slices.Chunk(ids, readPage) {
		keys := make([]string, len(page))
		for i, id := range page {
			keys[i] = space + id
		}
		replies, err := pipeline(ctx, s.rdb, keys, func(p redis.Pipeliner, key string) *redis.SliceCmd {
			return p.HMGet(ctx, key, fieldSourceVersion, fieldSources, fieldUpdatedAt, fieldDeleted)
		})
		if err != nil {
			return nil, fmt.Errorf("vectors: heads: %w", err)
		}
		for i, reply := range replies {
			if err := notAHash(reply.Err()); err != nil {
				return nil, fmt.Errorf("vectors: heads: %s: %w", page[i], err)
			}
			heads = append(heads, headOf(page[i], reply.Val()))
		}
	}
	return heads, nil
}

// headOf reads the reply of an HMGET; fields are nil where they are missing.
func headOf(id string, reply []any) Head {
	var text [4]string
	for i, v := range reply {
		text[i], _ = v.(string)
	}
	h := Head{ID: id, Sources: text[1], Deleted: text[3] != ""}
	h.SourceVersion, _ = strconv.ParseInt(text[0], 10, 64)
	h.UpdatedAt, _ = strconv.ParseInt(text[2], 10, 64)
	return h
}
