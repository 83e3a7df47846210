package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// seat is a tenant that a worker has open, or tries to open. A worker opens the stores of a
// tenant for the first of its tasks, and closes those used least recently when it has more
// than the node's mostSeats.
type seat struct {
	tenant  *tenant
	err     error         // why it cannot be opened
	opened  chan struct{} // closed when one of the two is known
	inHand  int           // tasks
	used    time.Time
	leaving bool          // closed when nothing is in hand any more
	gone    chan struct{} // closed then
	held    bool          // by a role of this process: it stays, and the role closes it
}

const (
	mostSeats  = 64              // tenants that a worker has open, beside those that its roles hold
	faultLasts = 5 * time.Second // until a tenant that could not be opened is tried again
)

// use opens a tenant unless it is open; done gives it back.
func (n *node) use(ctx context.Context, name tasks.Tenant) (_ *tenant, done func(), err error) {
	for {
		n.mu.Lock()
		s := n.seats[name]
		if s == nil {
			s = &seat{opened: make(chan struct{}), gone: make(chan struct{})}
			n.seats[name] = s
			n.makeRoom()
			n.seating.Go(func() { n.open(s, name) })
		}
		if s.leaving {
			n.mu.Unlock()
			select {
			case <-s.gone:
				continue
			case <-ctx.Done():
				return nil, nil, context.Cause(ctx)
			}
		}
		s.inHand++
		s.used = time.Now()
		n.mu.Unlock()
		done = func() { n.giveBack(name, s) }
		select {
		case <-s.opened:
		case <-ctx.Done():
			done()
			return nil, nil, context.Cause(ctx)
		}
		if s.err != nil {
			done()
			return nil, nil, s.err
		}
		return s.tenant, done, nil
	}
}

// open opens the tenant of a new seat.
func (n *node) open(s *seat, name tasks.Tenant) {
	ctx, cancel := context.WithTimeout(n.seated, time.Minute)
	defer cancel()
	t, err := n.openBegun(ctx, name)
	if err == nil {
		n.admit(t)
	}
	n.mu.Lock()
	if s.tenant, s.err = t, err; err == nil {
		t.seat = s
	}
	n.mu.Unlock()
	close(s.opened)
	if err == nil {
		return
	}
	n.log.Error("this worker cannot work for a tenant; its tasks are put back for another", "tenant", name, "error", err)
	time.AfterFunc(faultLasts, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.seats[name] == s {
			delete(n.seats, name)
		}
	})
}

// openBegun opens a tenant that a scheduler has begun: a worker begins none, so that a task of a
// tenant who is no more leaves nothing in the bucket.
func (n *node) openBegun(ctx context.Context, name tasks.Tenant) (*tenant, error) {
	_, err := n.bucket.Stat(ctx, string(name)+"/"+lake.Root+"generations/live.json")
	if errors.Is(err, objects.ErrNotExist) {
		return nil, fmt.Errorf("it has no generation yet: a scheduler begins one")
	}
	if err != nil {
		return nil, err
	}
	t, err := n.openTenant(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := t.newWorker(); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// hold seats a tenant that a role of this process has opened; held tells that it stays.
func (n *node) hold(t *tenant, held bool) {
	s := &seat{tenant: t, opened: make(chan struct{}), gone: make(chan struct{}), held: held}
	close(s.opened)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seats[t.name], t.seat = s, s
}

// unseat waits until no task of a tenant is in hand. Whoever asks for it from now on gets the one that has its seat, or
// opens it.
func (n *node) unseat(t *tenant) {
	n.mu.Lock()
	s := t.seat
	if s == nil {
		n.mu.Unlock()
		return
	}
	if n.seats[t.name] == s {
		delete(n.seats, t.name)
	}
	if !s.leaving {
		if s.leaving = true; s.inHand == 0 {
			n.seating.Go(func() { n.leave(t.name, s) })
		}
	}
	n.mu.Unlock()
	<-s.gone
}

// makeRoom lets the tenants used least recently leave. n.mu is held.
func (n *node) makeRoom() {
	var staying []tasks.Tenant
	for name, s := range n.seats {
		if !s.held && !s.leaving && s.tenant != nil {
			staying = append(staying, name)
		}
	}
	slices.SortFunc(staying, func(a, b tasks.Tenant) int { return n.seats[a].used.Compare(n.seats[b].used) })
	for len(staying) > n.mostSeats-1 {
		name := staying[0]
		staying = staying[1:]
		s := n.seats[name]
		if s.leaving = true; s.inHand == 0 {
			n.seating.Go(func() { n.leave(name, s) })
		}
	}
}

func (n *node) giveBack(name tasks.Tenant, s *seat) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.inHand--; s.inHand == 0 && s.leaving {
		n.seating.Go(func() { n.leave(name, s) })
	}
}

// leave closes a tenant of whom nothing is in hand.
func (n *node) leave(name tasks.Tenant, s *seat) {
	if !s.held {
		s.tenant.close()
	}
	n.mu.Lock()
	if !s.held {
		n.tenants = slices.DeleteFunc(n.tenants, func(t *tenant) bool { return t == s.tenant })
	}
	if n.seats[name] == s {
		delete(n.seats, name)
	}
	n.mu.Unlock()
	close(s.gone)
}
