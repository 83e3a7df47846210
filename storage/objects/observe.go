package objects

import (
	"context"
	"iter"
	"time"
)

// Operation names a method of Store towards an Observer.
type Operation string

// The operations, one for each method of [Store].
const (
	OpPut       Operation = "put"
	OpGet       Operation = "get"
	OpReadRange Operation = "read_range"
	OpStat      Operation = "stat"
	OpList      Operation = "list"
	OpDelete    Operation = "delete"
)

// Observer is told of every call to a store. It must be safe for concurrent use and
// quick.
type Observer interface {
	// Observe reports a finished call: how long it took, how many bytes of bodies it
	// moved (for a list, how many objects it yielded), and its error. The time of a
	// list includes what the caller did between its objects.
	Observe(op Operation, took time.Duration, n int64, err error)
}

// Observe tells o of every call to s.
func Observe(s Store, o Observer) Store { return &observed{store: s, observer: o} }

type observed struct {
	store    Store
	observer Observer
}

func (s *observed) Put(ctx context.Context, key string, body []byte, cond Condition) (Info, error) {
	start := time.Now()
	info, err := s.store.Put(ctx, key, body, cond)
	s.observer.Observe(OpPut, time.Since(start), int64(len(body)), err)
	return info, err
}

func (s *observed) Get(ctx context.Context, key string, opt GetOptions) ([]byte, Info, error) {
	start := time.Now()
	body, info, err := s.store.Get(ctx, key, opt)
	s.observer.Observe(OpGet, time.Since(start), int64(len(body)), err)
	return body, info, err
}

func (s *observed) ReadRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error) {
	start := time.Now()
	body, err := s.store.ReadRange(ctx, key, off, n, ifMatch)
	s.observer.Observe(OpReadRange, time.Since(start), int64(len(body)), err)
	return body, err
}

func (s *observed) Stat(ctx context.Context, key string) (Info, error) {
	start := time.Now()
	info, err := s.store.Stat(ctx, key)
	s.observer.Observe(OpStat, time.Since(start), 0, err)
	return info, err
}

func (s *observed) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		start := time.Now()
		var n int64
		var failed error
		defer func() { s.observer.Observe(OpList, time.Since(start), n, failed) }()
		for info, err := range s.store.List(ctx, prefix, after) {
			if failed = err; err == nil {
				n++
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

func (s *observed) Delete(ctx context.Context, key string) error {
	start := time.Now()
	err := s.store.Delete(ctx, key)
	s.observer.Observe(OpDelete, time.Since(start), 0, err)
	return err
}
