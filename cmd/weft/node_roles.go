package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weft/client"
	"weft/serve"
	"weft/tasks"
	"weft/tasks/queue"
)

// startWorker takes tasks of all tenants until stop, with as much in hand as the encoders of p
// keep busy.
func (n *node) startWorker(p *pinned) error {
	if n.outlived() {
		if err := queue.CheckClock(context.Background(), n.queueRDB); err != nil {
			return err
		}
	}
	m, err := n.machine(p)
	if err != nil {
		return err
	}
	n.server, err = queue.NewServer(queue.Config{Redis: n.queueRDB, Handlers: n.handlers(), Slots: m.Slots(), Refuse: n.refuse,
		Suspects: n.outlived(), StopTimeout: drainTime, Name: n.name, Room: m.Room(), Spent: n.spent, Tally: n.tally, Drain: func() { close(n.drained) }, Log: n.log})
	if err != nil {
		return err
	}
	return n.server.Start()
}

// refuse settles a payload that cannot be read, with the tenant that it names, or any other: nobody
// else would look at it.
func (n *node) refuse(ctx context.Context, payload []byte, reason error) error {
	var of struct {
		Tenant string `json:"tenant"`
	}
	_ = json.Unmarshal(payload, &of)
	names := n.names()
	if name, err := tasks.ParseTenant(of.Tenant); err == nil {
		names = append([]tasks.Tenant{name}, names...)
	}
	for _, name := range append(names, tasks.DefaultTenant) {
		if t, done, err := n.use(ctx, name); err == nil {
			defer done()
			return t.worker.Refuse(ctx, payload, reason)
		}
	}
	n.log.Error("a task that nobody can read is dropped", "payload", fmt.Sprintf("%.200q", payload), "error", reason)
	return nil
}

// startReaper looks after the queues until stop.
func (n *node) startReaper(ctx context.Context) (err error) {
	if err := queue.Register(ctx, n.queueRDB); err != nil {
		return err
	}
	if !n.outlived() {
		return nil
	}
	if n.reaper, err = queue.NewReaper(queue.ReaperConfig{Redis: n.queueRDB, Log: n.log}); err == nil {
		n.reaper.Start()
	}
	return err
}

const (
	lockTime = 9 * time.Second // until another scheduler takes over from a dead one
	// decodeLimit bounds the decoding of one photo; the largest that is allowed takes
	// about two seconds.
	decodeLimit = 20 * time.Second
	drainTime   = 30 * time.Second // for the tasks in hand when a process is stopped
	closeTime   = 15 * time.Second // for the last commits
)

// startServe answers HTTP until stop. notify hears of media that were written.
func (n *node) startServe(ctx context.Context, listen string, who access, notify func(*tenant, tasks.ProductID) error) error {
	tokens, err := who.tokens()
	if err != nil {
		return err
	}
	configured := len(tokens)
	if tokens, n.localToken, err = localToken(tokens); err != nil {
		return err
	}
	of := n.tenantOf
	served := map[tasks.Tenant]serve.Tenant{}
	for _, t := range n.list() {
		served[t.name] = t.served()
	}
	n.registry.MustRegister(newBacklogMetrics(n))
	s, err := serve.New(serve.Config{
		Listen: listen, Tenants: served, Tokens: tokens, CORSOrigins: who.CORSOrigin,
		Notify: func(_ context.Context, name tasks.Tenant, id tasks.ProductID) error { return notify(of(name), id) },
		Status: func(ctx context.Context, name tasks.Tenant) (client.Status, error) { return of(name).status(ctx) },
		Backlog: func(ctx context.Context, target time.Duration, tenants ...tasks.Tenant) (tasks.Fleet, error) {
			return n.gauge.Look(ctx, target, tenants...)
		},
		Dead: func(ctx context.Context, name tasks.Tenant, id tasks.ProductID) ([]serve.DeadMedium, error) {
			return of(name).deadMedia(ctx, id)
		},
		Workers:  n.queue.Workers,
		Registry: n.registry, Log: n.log, Version: version,
	})
	if errors.Is(err, serve.ErrConfig) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	n.mu.Lock()
	n.http = s
	n.mu.Unlock()
	if who.Tokens != "" {
		n.roles.Go(func() { n.followTokens(who, tokens[configured:]) })
	}
	return nil
}
