package vectors

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// Update says that a vector was written or deleted. It is a hint: it may come more
// than once, out of order with others, and not at all if the writer crashed between
// writing and announcing. The vector itself says what holds.
type Update struct {
	// Position in the stream, to go on from.
	Position   string
	Kind       Kind
	ID         string
	Generation tasks.Generation
	UpdatedAt  int64 // Unix ms; for a deletion its source version
}

// Positions of the stream.
const (
	// Beginning follows from the oldest update that is kept.
	Beginning = "0-0"

	followBlock = 500 * time.Millisecond // a blocked read does not see its context end
	followPage  = 500
	// followPause lets a burst gather into pages: reading update by update costs the
	// server more than writing them.
	followPause = 50 * time.Millisecond
)

// announce appends updates to the stream, which is trimmed to about UpdatesKept.
func (s *Store) announce(ctx context.Context, updates []Update) error {
	if len(updates) == 0 {
		return nil
	}
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, u := range updates {
			p.XAdd(ctx, &redis.XAddArgs{Stream: s.updatesKey(), MaxLen: s.updatesKept, Approx: true, Values: []any{
				"kind", string(u.Kind), "id", u.ID, "generation", string(u.Generation), "updated_at", u.UpdatedAt,
			}})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("announce: %w", classify(err))
	}
	return nil
}

// Last is the position of the newest update, Beginning if there is none.
func (s *Store) Last(ctx context.Context) (string, error) {
	newest, err := s.rdb.XRevRangeN(ctx, s.updatesKey(), "+", "-", 1).Result()
	if err != nil {
		return "", fmt.Errorf("vectors: last update: %w", classify(err))
	}
	if len(newest) == 0 {
		return Beginning, nil
	}
	return newest[0].ID, nil
}

// Follow yields the updates after a position (one that Last or an Update gave, or
// Beginning) as they come, until ctx ends or the caller stops. The error is the last
// thing yielded: that of ctx, ErrTrimmed, or ErrUnavailable, after which the caller
// may follow again from the last position it saw.
func (s *Store) Follow(ctx context.Context, after string) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		for {
			messages, err := s.next(ctx, after)
			if err != nil {
				yield(Update{}, fmt.Errorf("vectors: follow updates after %s: %w", after, err))
				return
			}
			for _, m := range messages {
				after = m.ID
				if !yield(update(m), nil) {
					return
				}
			}
			if len(messages) > 0 && len(messages) < followPage {
				pause(ctx, followPause)
			}
		}
	}
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// next waits a while for updates after a position.
func (s *Store) next(ctx context.Context, after string) ([]redis.XMessage, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var messages []redis.XMessage
	streams, err := s.rdb.XRead(ctx, &redis.XReadArgs{Streams: []string{s.updatesKey(), after}, Count: followPage, Block: followBlock}).Result()
	switch {
	case errors.Is(err, redis.Nil): // nothing came
	case err != nil:
		return nil, classify(err)
	default:
		messages = streams[0].Messages
	}
	if after == Beginning {
		return messages, nil
	}
	// Trimming takes the oldest first: while this position is kept, so is all after
	// it. A server that lost the stream may even count from a lower one again.
	kept, err := s.rdb.XRangeN(ctx, s.updatesKey(), after, after, 1).Result()
	if err != nil {
		return nil, classify(err)
	}
	if len(kept) == 0 {
		return nil, ErrTrimmed
	}
	return messages, nil
}

// update reads a message. Fields that are missing or malformed stay empty: whoever
// writes into this stream by hand sends a hint that fits nothing.
func update(m redis.XMessage) Update {
	text := func(name string) string {
		s, _ := m.Values[name].(string)
		return s
	}
	at, _ := strconv.ParseInt(text("updated_at"), 10, 64)
	return Update{Position: m.ID, Kind: Kind(text("kind")), ID: text("id"), Generation: tasks.Generation(text("generation")), UpdatedAt: at}
}
