package serve

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"weft/tasks"
)

func (s *Server) newTenant(name tasks.Tenant, t Tenant) *tenant {
	if t.Pictures == nil {
		t.Pictures = s.plain
	}
	served := &tenant{Tenant: t, name: name, catalogue: newCatalogue(name, t, s.cfg.RecheckEvery, s.log, s.metrics), use: inUse{none: make(chan struct{})}}
	served.ended, served.endThem = context.WithCancel(s.following)
	served.judge = s.newJudge(served, s.judged)
	return served
}

// follow keeps what is known of a tenant current.
func (s *Server) follow(t *tenant) {
	var own sync.WaitGroup
	own.Go(func() { t.catalogue.follow(t.ended) })
	if t.judge != nil {
		own.Go(func() { t.judge.Run(t.ended) })
	}
	t.use.enter()
	s.ended.Go(func() { defer t.use.leave(); own.Wait() })
}

// Put answers for a tenant from now on, in the place of the one of that name, if there was one. Requests that were admitted
// before are answered from that one; what has no end of its own is ended there, and released is closed when nothing uses its
// parts any more. Errors: ErrConfig for one that cannot be served; ErrStopped.
func (s *Server) Put(name tasks.Tenant, t Tenant) (released <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cfg := s.cfg
	cfg.Tenants = map[tasks.Tenant]Tenant{name: t}
	if err := cfg.validateTenants(); err != nil {
		return nil, err
	}
	if s.stopped {
		return nil, ErrStopped
	}
	all := maps.Clone(*s.tenants.Load())
	before, now := all[name], s.newTenant(name, t)
	if before != nil {
		now.catalogue.inherit(before.catalogue)
	}
	all[name] = now
	s.tenants.Store(&all)
	if s.started {
		s.follow(now)
	}
	if before == nil {
		none := make(chan struct{})
		close(none)
		return none, nil
	}
	before.endThem()
	before.use.end()
	return before.use.none, nil
}

// enter finds a tenant for a request, which leaves it when it is answered; nil: it is not served.
func (s *Server) enter(name tasks.Tenant) *tenant {
	for {
		t := (*s.tenants.Load())[name]
		if t == nil || t.use.enter() {
			return t
		} // else another has just taken its place
	}
}

// inherit answers from what the former catalogue holds until this one has read its own.
func (c *catalogue) inherit(former *catalogue) {
	c.current.Store(former.current.Load())
	c.shop.Store(former.shop.Load())
}

// inUse counts who uses something that another is to take the place of.
type inUse struct {
	mu    sync.Mutex
	n     int
	ended bool
	none  chan struct{} // closed when it has ended and nobody uses it
}

// enter tells whether it may be used; then leave it.
func (u *inUse) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return false
	}
	u.n++
	return true
}

func (u *inUse) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.n--; u.n < 0 {
		panic(fmt.Sprintf("serve: a tenant was left %d times more than it was entered", -u.n))
	}
	if u.n == 0 && u.ended {
		close(u.none)
	}
}

func (u *inUse) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended = true; u.n == 0 {
		close(u.none)
	}
}
