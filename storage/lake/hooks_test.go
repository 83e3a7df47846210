package lake_test

import (
	"context"
	"iter"
	"strings"
	"sync"
	"sync/atomic"

	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

// hooked is a store that asks before and after each call whether it fails. op is
// put, get, range, list or delete.
type hooked struct {
	objects.Store
	before, after func(op, key string) error

	mu    sync.Mutex
	calls map[string]int
	bytes map[string]int64
}

func (h *hooked) call(op, key string, n int64, f func() error) error {
	h.mu.Lock()
	if h.calls == nil {
		h.calls, h.bytes = make(map[string]int), make(map[string]int64)
	}
	h.calls[op]++
	h.bytes[op] += n
	h.mu.Unlock()
	if h.before != nil {
		if err := h.before(op, key); err != nil {
			return err
		}
	}
	if err := f(); err != nil {
		return err
	}
	if h.after != nil {
		return h.after(op, key)
	}
	return nil
}

// count is how often op was called, and with how many bytes.
func (h *hooked) count(op string) (calls int, bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[op], h.bytes[op]
}

func (h *hooked) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls, h.bytes = nil, nil
}

func (h *hooked) Put(ctx context.Context, key string, body []byte, cond objects.Condition) (info objects.Info, err error) {
	err = h.call("put", key, int64(len(body)), func() error {
		info, err = h.Store.Put(ctx, key, body, cond)
		return err
	})
	return info, err
}

func (h *hooked) Get(ctx context.Context, key string, opt objects.GetOptions) (body []byte, info objects.Info, err error) {
	err = h.call("get", key, 0, func() error {
		body, info, err = h.Store.Get(ctx, key, opt)
		return err
	})
	return body, info, err
}

func (h *hooked) ReadRange(ctx context.Context, key string, off, n int64, ifMatch string) (body []byte, err error) {
	err = h.call("range", key, n, func() error {
		body, err = h.Store.ReadRange(ctx, key, off, n, ifMatch)
		return err
	})
	return body, err
}

func (h *hooked) List(ctx context.Context, prefix, after string) iter.Seq2[objects.Info, error] {
	return func(yield func(objects.Info, error) bool) {
		if err := h.call("list", prefix, 0, func() error { return nil }); err != nil {
			yield(objects.Info{}, err)
			return
		}
		for info, err := range h.Store.List(ctx, prefix, after) {
			if !yield(info, err) {
				return
			}
		}
	}
}

func (h *hooked) Delete(ctx context.Context, key string) error {
	return h.call("delete", key, 0, func() error { return h.Store.Delete(ctx, key) })
}

// keys lists the segments of a table.
func keys(store objects.Store, table string) []string {
	var all []string
	for info, err := range store.List(context.Background(), "lake/v1/"+table+"/", "") {
		if err != nil {
			panic(err)
		}
		all = append(all, info.Key)
	}
	return all
}

func isSegmentOf(table, key string) bool { return strings.HasPrefix(key, "lake/v1/"+table+"/") }

// listCounter counts what List yields.
type listCounter struct {
	*objecttest.Memory
	listed atomic.Int64
}

func (l *listCounter) List(ctx context.Context, prefix, after string) iter.Seq2[objects.Info, error] {
	return func(yield func(objects.Info, error) bool) {
		for info, err := range l.Memory.List(ctx, prefix, after) {
			l.listed.Add(1)
			if !yield(info, err) {
				return
			}
		}
	}
}
