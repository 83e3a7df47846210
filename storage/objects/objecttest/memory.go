// Package objecttest holds the conformance suite and the benchmarks that every
// implementation of objects.Store runs, and the fakes that tests elsewhere use.
package objecttest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weft/storage/objects"
)

// Memory is a Store in memory. The zero value is empty and ready.
type Memory struct {
	mu      sync.RWMutex
	objects map[string]memoryObject
	writes  int64
}

type memoryObject struct {
	body []byte
	info objects.Info
}

func check(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return objects.ValidateKey(key)
}

// Put implements objects.Store.
func (m *Memory) Put(ctx context.Context, key string, body []byte, cond objects.Condition) (objects.Info, error) {
	if err := check(ctx, key); err != nil {
		return objects.Info{}, fmt.Errorf("put: %w", err)
	}
	if cond.IfAbsent && cond.IfMatch != "" {
		return objects.Info{}, fmt.Errorf("put %q: both conditions set", key)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old, exists := m.objects[key]
	if cond.IfAbsent && exists || cond.IfMatch != "" && old.info.ETag != cond.IfMatch {
		return objects.Info{}, fmt.Errorf("put %q: %w", key, objects.ErrPrecondition)
	}
	if m.objects == nil {
		m.objects = make(map[string]memoryObject)
	}
	m.writes++
	info := objects.Info{Key: key, ETag: strconv.FormatInt(m.writes, 16), Size: int64(len(body)), Modified: time.Now()}
	m.objects[key] = memoryObject{body: slices.Clone(body), info: info}
	return info, nil
}

func (m *Memory) get(ctx context.Context, key, ifMatch string) (memoryObject, error) {
	if err := check(ctx, key); err != nil {
		return memoryObject{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	o, exists := m.objects[key]
	if !exists {
		return o, objects.ErrNotExist
	}
	if ifMatch != "" && ifMatch != o.info.ETag {
		return o, objects.ErrPrecondition
	}
	return o, nil
}

// Get implements objects.Store.
func (m *Memory) Get(ctx context.Context, key string, opt objects.GetOptions) ([]byte, objects.Info, error) {
	o, err := m.get(ctx, key, opt.IfMatch)
	if err == nil && opt.MaxBytes > 0 && o.info.Size > opt.MaxBytes {
		err = objects.ErrTooLarge
	}
	if err != nil {
		return nil, objects.Info{}, fmt.Errorf("get %q: %w", key, err)
	}
	return slices.Clone(o.body), o.info, nil
}

// ReadRange implements objects.Store.
func (m *Memory) ReadRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error) {
	o, err := m.get(ctx, key, ifMatch)
	if err == nil && (off < 0 || n < 1 || n > o.info.Size || off > o.info.Size-n) {
		err = objects.ErrRange
	}
	if err != nil {
		return nil, fmt.Errorf("read range of %q: %w", key, err)
	}
	return slices.Clone(o.body[off : off+n]), nil
}

// Stat implements objects.Store.
func (m *Memory) Stat(ctx context.Context, key string) (objects.Info, error) {
	o, err := m.get(ctx, key, "")
	if err != nil {
		return objects.Info{}, fmt.Errorf("stat %q: %w", key, err)
	}
	return o.info, nil
}

// List implements objects.Store.
func (m *Memory) List(ctx context.Context, prefix, after string) iter.Seq2[objects.Info, error] {
	return func(yield func(objects.Info, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(objects.Info{}, fmt.Errorf("list %q: %w", prefix, err))
			return
		}
		m.mu.RLock()
		var found []objects.Info
		for key, o := range m.objects {
			if strings.HasPrefix(key, prefix) && key > after {
				found = append(found, o.info)
			}
		}
		m.mu.RUnlock()
		slices.SortFunc(found, func(a, b objects.Info) int { return strings.Compare(a.Key, b.Key) })
		for _, info := range found {
			if !yield(info, nil) {
				return
			}
		}
	}
}

// Delete implements objects.Store.
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}
