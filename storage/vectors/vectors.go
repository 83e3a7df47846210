// Package vectors keeps in Redis what the recommender reads: one hash for each
// product and user of a generation, the name of the live generation, and a stream
// of updates. Everything here can be lost at any moment; it is filled again from the
// lake.
//
// Keys begin with weft:<tenant>: and every operation touches one key, so that a
// Redis Cluster may spread them:
//
//	…:live                          the generation to read; absent: do not read
//	…:<generation>:product:<id>     hash, see Record
//	…:<generation>:user:<id>        hash, see Record
//	…:updates                       stream of kind, id, generation, updated_at
//
// The fields of a hash:
//
//	vector          float32 little-endian, unit length: the ranking space
//	content         products: the same form; what the product looks like and says
//	modalities      comma-separated, as image,text
//	source_version  Unix ms, decimal: when the reading of the parts began
//	sources         digest of the parts
//	updated_at      Unix ms, decimal
//	title, category products: absent where unknown
//	price           products: decimal, absent where unknown
//	image           products: key of the main photo below the tenant, absent without one
//
// A deleted product or user leaves a tombstone for some days: a hash that holds
// source_version and deleted=1 alone, so that a slow task from before the deletion
// cannot bring it back. Readers take a hash without vector as absent.
package vectors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// Errors, recognised with errors.Is.
var (
	// ErrNotFound: there is no such vector, or it was deleted.
	ErrNotFound = errors.New("no such vector")
	// ErrNotLive: no generation may be read yet; the store is being filled.
	ErrNotLive = errors.New("no generation is live")
	// ErrInvalid: the record, id or generation given cannot be stored.
	ErrInvalid = errors.New("invalid vector record")
	// ErrCorrupt: what Redis holds is not a record. Deleting the key and filling the
	// store again from the lake helps.
	ErrCorrupt = errors.New("stored vector is corrupt")
	// ErrTrimmed: updates after the position asked for are lost. Read all vectors
	// again, then follow from Last.
	ErrTrimmed = errors.New("updates after this position are gone")
	// ErrEvicting: the server may delete keys when memory is short.
	ErrEvicting = errors.New("redis evicts keys")
	// ErrFull: the server has reached maxmemory. Nothing was written.
	ErrFull = errors.New("redis is out of memory")
	// ErrUnavailable: the server cannot be reached or cannot answer now. Trying later
	// helps; a write may have happened.
	ErrUnavailable = errors.New("redis is unavailable")
)

// Kind says whose vectors a key space holds.
type Kind string

// The kinds.
const (
	Product Kind = "product"
	User    Kind = "user"
)

// Defaults of Config.
const (
	DefaultTombstoneTTL = 7 * 24 * time.Hour
	DefaultUpdatesKept  = 100_000
)

// Config of a Store.
type Config struct {
	// Redis is the server or cluster. The Store does not close it.
	Redis redis.UniversalClient
	// Tenant whose keys the Store reads and writes.
	Tenant tasks.Tenant
	// TombstoneTTL is how long a deletion is remembered, at least an hour; it must
	// outlive the slowest task. 0: DefaultTombstoneTTL.
	TombstoneTTL time.Duration
	// UpdatesKept is about how many updates the stream keeps, at least 100.
	// 0: DefaultUpdatesKept.
	UpdatesKept int64
}

// Validate reports the first field with a value that cannot work.
func (c Config) Validate() error {
	if c.Redis == nil {
		return errors.New("vectors: Config.Redis is missing")
	}
	if _, err := tasks.ParseTenant(string(c.Tenant)); err != nil {
		return fmt.Errorf("vectors: Config.Tenant: %w", err)
	}
	if c.TombstoneTTL != 0 && c.TombstoneTTL < time.Hour {
		return fmt.Errorf("vectors: Config.TombstoneTTL is %v; want at least 1h, or 0 for %v", c.TombstoneTTL, DefaultTombstoneTTL)
	}
	if c.UpdatesKept != 0 && c.UpdatesKept < 100 {
		return fmt.Errorf("vectors: Config.UpdatesKept is %d; want at least 100, or 0 for %d", c.UpdatesKept, DefaultUpdatesKept)
	}
	return nil
}

// Store reads and writes one tenant's vectors. It is safe for concurrent use, here
// and by any number of processes, and needs no closing.
type Store struct {
	rdb          redis.UniversalClient
	prefix       string // weft:<tenant>:
	tombstoneTTL time.Duration
	updatesKept  int64
}

// New makes a Store. It does not contact the server; CheckPolicy does.
func New(c Config) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Store{rdb: c.Redis, prefix: "weft:" + string(c.Tenant) + ":", tombstoneTTL: c.TombstoneTTL, updatesKept: c.UpdatesKept}
	if s.tombstoneTTL == 0 {
		s.tombstoneTTL = DefaultTombstoneTTL
	}
	if s.updatesKept == 0 {
		s.updatesKept = DefaultUpdatesKept
	}
	return s, nil
}

// Now is the time in Unix ms by the clock of the Redis server, the one clock that
// all source versions come from. There is no fallback to a local clock.
func (s *Store) Now(ctx context.Context) (int64, error) {
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return 0, fmt.Errorf("vectors: time of the server: %w", classify(err))
	}
	return now.UnixMilli(), nil
}

// SetLive names the generation that readers shall use. Call it only when that
// generation's vectors have been filled in from the lake.
func (s *Store) SetLive(ctx context.Context, gen tasks.Generation) error {
	if _, err := tasks.ParseGeneration(string(gen)); err != nil {
		return fmt.Errorf("vectors: set live: %w: %v", ErrInvalid, err)
	}
	if err := s.rdb.Set(ctx, s.liveKey(), string(gen), 0).Err(); err != nil {
		return fmt.Errorf("vectors: set live: %w", classify(err))
	}
	return nil
}

// Live is the generation to read; ErrNotLive if there is none.
func (s *Store) Live(ctx context.Context) (tasks.Generation, error) {
	name, err := s.rdb.Get(ctx, s.liveKey()).Result()
	if errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("vectors: %w", ErrNotLive)
	}
	if err != nil {
		return "", fmt.Errorf("vectors: live: %w", classify(err))
	}
	gen, err := tasks.ParseGeneration(name)
	if err != nil {
		return "", fmt.Errorf("vectors: %s: %w: %v", s.liveKey(), ErrCorrupt, err)
	}
	return gen, nil
}

func (s *Store) liveKey() string    { return s.prefix + "live" }
func (s *Store) updatesKey() string { return s.prefix + "updates" }

// space is what the keys of all vectors of a kind begin with.
func (s *Store) space(gen tasks.Generation, kind Kind) (string, error) {
	if _, err := tasks.ParseGeneration(string(gen)); err != nil {
		return "", fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	if kind != Product && kind != User {
		return "", fmt.Errorf("%w: kind %q; want %q or %q", ErrInvalid, kind, Product, User)
	}
	return s.prefix + string(gen) + ":" + string(kind) + ":", nil
}

// key is where the vector of id lies.
func (s *Store) key(gen tasks.Generation, kind Kind, id string) (string, error) {
	space, err := s.space(gen, kind)
	if err != nil {
		return "", err
	}
	if err := validateID(id); err != nil {
		return "", err
	}
	return space + id, nil
}

func validateID(id string) error {
	if _, err := tasks.ParseProductID(id); err != nil { // users have the same alphabet
		return fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	return nil
}

// classify says what an error of the client means for the caller.
func classify(err error) error {
	var reply redis.Error
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, redis.ErrClosed):
		return err
	case redis.IsOOMError(err):
		return fmt.Errorf("%w: %v; raise maxmemory or delete old generations", ErrFull, err)
	case redis.IsLoadingError(err), redis.IsClusterDownError(err), redis.IsTryAgainError(err), redis.IsMasterDownError(err),
		redis.IsReadOnlyError(err), redis.IsMaxClientsError(err), redis.IsNoReplicasError(err), redis.HasErrorPrefix(err, "MISCONF"):
		return fmt.Errorf("%w: %v", ErrUnavailable, err)
	case errors.As(err, &reply):
		return err
	}
	return fmt.Errorf("%w: %v", ErrUnavailable, err)
}
