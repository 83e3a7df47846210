package scheduler

import (
	"context"
	"iter"
	"strings"

	"weft/behaviour"
	"weft/behaviour/parts"
	"weft/storage/lake"
	"weft/tasks"
)

// The sweep over shoppers reads four streams sorted alike, by the id of the shopper and
// a slash: events, reviews, what is known of shoppers, and their vectors. It holds one
// shopper's rows in memory, at most parts.MostRows events. Beside them it holds, for the
// length of a pass, 16 to 40 bytes for each product (its sources in short) and for each
// shopper who passes on tips, and about 100 bytes and 20 for each one followed for each
// shopper who follows any: for a million products and a million shoppers, of whom each
// follows five, about 0.3 GB.

// person is one shopper's rows, and what is stored of their vector.
type person struct {
	id     tasks.UserID
	rows   parts.Rows
	listed int // events, reviews and the row of the shopper: all, where rows are not
	stored stored
}

// stored is a vector's row: live, or a tombstone that says of which parts none could
// be made.
type stored struct {
	known, live bool
	sources     string
}

type userStreams struct {
	events  *stream[behaviour.Event]
	reviews *stream[behaviour.Review]
	users   *stream[behaviour.User]
	vectors *stream[lake.UserVector]
	prefix  string // of the vectors' keys: the generation
}

// openUserStreams begins the readings. What no digest and no rule looks at stays in the
// bucket.
func openUserStreams(ctx context.Context, v View) *userStreams {
	prefix := lake.GenerationPrefix(string(v.Generation))
	return &userStreams{
		events:  pull(v.Behaviour.Events.Select(ctx, lake.Query{Columns: []string{"product", "type", "time", "target_user", "digest"}})),
		reviews: pull(v.Behaviour.Reviews.Select(ctx, lake.Query{Columns: []string{"product", "rating", "time", "digest"}})),
		users:   pull(slashed(v.Behaviour.Users.Select(ctx, lake.Query{Columns: []string{"attributes", "profiling", "digest"}}))),
		vectors: pull(v.Lake.UserVectors.Select(ctx, lake.Query{Prefix: prefix, Columns: []string{"sources"}, Tombstones: true})),
		prefix:  prefix,
	}
}

func (s *userStreams) close() {
	s.events.stop()
	s.reviews.stop()
	s.users.stop()
	s.vectors.stop()
}

func (s *userStreams) failed() error {
	for _, err := range []error{s.events.err, s.reviews.err, s.users.err, s.vectors.err} {
		if err != nil {
			return err
		}
	}
	return nil
}

// userOf is the shopper of a row's key, with the slash; id is what follows.
func userOf(key string) (user, id string) {
	i := strings.IndexByte(key, '/') + 1
	return key[:i], key[i:]
}

func (s *userStreams) vectorOf() string { return strings.TrimPrefix(s.vectors.head.Key, s.prefix) }

// next collects the rows of the shopper with the smallest id. ok is false at the end.
func (s *userStreams) next() (p person, ok bool) {
	first := ""
	consider := func(more bool, user string) {
		if more && (first == "" || user < first) {
			first = user
		}
	}
	event, _ := userOf(s.events.head.Key)
	review, _ := userOf(s.reviews.head.Key)
	consider(s.events.more, event)
	consider(s.reviews.more, review)
	consider(s.users.more, s.users.head.Key+"/")
	if s.vectors.more {
		consider(true, s.vectorOf())
	}
	if first == "" {
		return p, false
	}
	id := strings.TrimSuffix(first, "/")
	p.id = tasks.UserID(id)
	for ; s.events.more && strings.HasPrefix(s.events.head.Key, first); s.events.advance() {
		if p.listed++; len(p.rows.Events) <= parts.MostRows { // one more tells that there are too many
			e := s.events.head
			e.User = id
			_, e.ID = userOf(e.Key)
			p.rows.Events = append(p.rows.Events, e)
		}
	}
	for ; s.reviews.more && strings.HasPrefix(s.reviews.head.Key, first); s.reviews.advance() {
		if p.listed++; len(p.rows.Reviews) < parts.MostRows {
			r := s.reviews.head
			_, r.ID = userOf(r.Key)
			p.rows.Reviews = append(p.rows.Reviews, r)
		}
	}
	if s.users.more && s.users.head.Key == id {
		u := s.users.head
		p.rows.User = &u
		p.listed++
		s.users.advance()
	}
	for ; s.vectors.more && s.vectorOf() == first; s.vectors.advance() {
		row := s.vectors.head
		p.stored = stored{known: true, live: !row.Deleted, sources: row.Sources}
	}
	return p, true
}

// slashed yields rows that are sorted by their keys in the order of keys with a slash
// behind them: "a-b" before "a". A key waits while longer ones that begin with it may
// still come before it.
func slashed(rows iter.Seq2[behaviour.User, error]) iter.Seq2[behaviour.User, error] {
	return func(yield func(behaviour.User, error) bool) {
		var waiting []behaviour.User // each key begins with the one before it
		release := func(before string) bool {
			for n := len(waiting); n > 0 && (before == "" || waiting[n-1].Key+"/" < before+"/"); n = len(waiting) {
				row := waiting[n-1]
				waiting = waiting[:n-1]
				if !yield(row, nil) {
					return false
				}
			}
			return true
		}
		for row, err := range rows {
			if err != nil {
				yield(row, err)
				return
			}
			if !release(row.Key) {
				return
			}
			waiting = append(waiting, row)
		}
		release("")
	}
}
