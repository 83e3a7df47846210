package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"weft/tasks"
)

// userRuns runs one fusion for a shopper at a time. Of those who wait, the first runs when
// its turn comes and the others share its outcome: it reads after all of them came.
//
// After a turn the shopper rests restFactor times as long as the reading kept a core
// busy, so that one who sends events without end takes a bounded share of the worker.
type userRuns struct {
	mu  sync.Mutex
	now map[tasks.UserID]*userLine
}

const (
	restFactor = 9
	mostRest   = 5 * time.Second
)

// userLine is those who come for one shopper.
type userLine struct {
	turn chan struct{} // holds the turn
	next *flight       // waits for it; nil: nobody
	held int           // by those who run, wait or rest
}

// do runs when the shopper's turn comes, or shares the run of another who waits for
// it. run returns how long it kept a core busy.
func (u *userRuns) do(ctx context.Context, id tasks.UserID, run func() (time.Duration, error)) error {
	q, f, first := u.join(id)
	if !first {
		select {
		case <-f.done:
			return f.err
		case <-ctx.Done():
			return fmt.Errorf("waiting for another run: %w", context.Cause(ctx))
		}
	}
	select {
	case q.turn <- struct{}{}:
	case <-ctx.Done():
		f.err = fmt.Errorf("waiting for a turn: %w", context.Cause(ctx))
		u.leave(id, q, f)
		close(f.done)
		return f.err
	}
	u.mu.Lock()
	q.next = nil // whoever comes from now on may have something newer
	u.mu.Unlock()
	var busy time.Duration
	f.err = errEnded // should run panic
	defer func() {
		close(f.done)
		time.AfterFunc(min(restFactor*busy, mostRest), func() {
			<-q.turn
			u.leave(id, q, nil)
		})
	}()
	busy, f.err = run()
	return f.err
}

var errEnded = errors.New("the run that was shared has ended without a result")

func (u *userRuns) join(id tasks.UserID) (q *userLine, f *flight, first bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.now == nil {
		u.now = map[tasks.UserID]*userLine{}
	}
	q, ok := u.now[id]
	if !ok {
		q = &userLine{turn: make(chan struct{}, 1)}
		u.now[id] = q
	}
	if q.next != nil {
		return q, q.next, false
	}
	q.held++
	q.next = &flight{done: make(chan struct{})}
	return q, q.next, true
}

// leave gives up f, if it still waits, and forgets a shopper for whom nobody is there.
func (u *userRuns) leave(id tasks.UserID, q *userLine, f *flight) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if f != nil && q.next == f {
		q.next = nil
	}
	if q.held--; q.held == 0 {
		delete(u.now, id)
	}
}
