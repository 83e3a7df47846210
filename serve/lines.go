package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// lineWriter sends lines in parts of flushBytes, and at the latest after flushEvery.
type lineWriter struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration // for one part to be taken

	mu      sync.Mutex
	begun   bool // something was sent
	pending []byte
	sent    time.Time
	failed  error
}

// line adds a value. The error is that of the connection.
func (l *lineWriter) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(append(l.pending, b...), '\n')
	if len(l.pending) >= flushBytes {
		l.flush()
	}
	return l.failed
}

// end sends what is left.
func (l *lineWriter) end() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	return l.failed
}

// flush sends what is pending. mu is held.
func (l *lineWriter) flush() {
	if l.failed != nil {
		return
	}
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		l.w.Header().Set("Cache-Control", "no-store")
		l.w.WriteHeader(http.StatusOK)
	}
	_ = l.control.SetWriteDeadline(time.Now().Add(l.patience)) // without one the server's own holds
	if len(l.pending) > 0 {
		_, l.failed = l.w.Write(l.pending)
	}
	if l.failed == nil {
		l.failed = l.control.Flush()
	}
	l.pending, l.sent = l.pending[:0], time.Now()
}

// keepAlive sends what waits, and an empty line where nothing does, until ctx ends. A
// connection that takes nothing cancels the stream, also one with nothing to tell.
func (l *lineWriter) keepAlive(ctx context.Context, cancel context.CancelFunc) (ended <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(flushEvery)
		defer tick.Stop()
		l.mu.Lock()
		l.sent = time.Now()
		l.mu.Unlock()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			l.mu.Lock()
			if time.Since(l.sent) >= aliveEvery {
				l.pending = append(l.pending, '\n')
			}
			if len(l.pending) > 0 {
				l.flush()
			}
			if l.failed != nil {
				cancel()
			}
			l.mu.Unlock()
		}
	}()
	return done
}
