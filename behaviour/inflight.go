package behaviour

import (
	"context"
	"sync"
)

// inFlight keeps two batches from deciding about one key at the same time.
type inFlight struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when its batch is done
}

// hold waits until no other batch holds any of the keys, then holds them all, or
// none. release must be called if err is nil.
func (f *inFlight) hold(ctx context.Context, keys []string) (release func(), err error) {
	for {
		f.mu.Lock()
		var other chan struct{}
		for _, key := range keys {
			if other = f.held[key]; other != nil {
				break
			}
		}
		if other == nil {
			break // with the lock
		}
		f.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer f.mu.Unlock()
	if f.held == nil {
		f.held = make(map[string]chan struct{})
	}
	done := make(chan struct{})
	for _, key := range keys {
		f.held[key] = done
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, key := range keys {
			delete(f.held, key)
		}
		close(done)
	}, nil
}
