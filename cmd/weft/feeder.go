package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/behaviour"
	"weft/scheduler"
	"weft/storage/vectors"
	"weft/tasks"
	"weft/tasks/queue"
)

// The scheduler's side of a tenant: what finds its work, takes its rows in, and keeps
// its part of Redis filled.

// startFeeding sweeps until stopFeeding; watch follows a directory bucket.
func (t *tenant) startFeeding(every time.Duration, watch bool) error {
	s, err := t.newScheduler(every, watch)
	if err != nil {
		return err
	}
	t.scheduler = s
	if err := t.collect(s.Changed); err != nil {
		return err
	}
	s.Start()
	if err := t.startInbox(); err != nil {
		return err
	}
	t.roles.Go(func() { _ = t.lake.Maintain(t.running, compactEvery) }) // ends with the tenant
	return nil
}

// compactEvery is how often the scheduler looks for small segments to merge.
const compactEvery = 10 * time.Second

func (t *tenant) newScheduler(every time.Duration, watch bool) (*scheduler.Scheduler, error) {
	n := t.node
	cfg := scheduler.Config{
		Tenant: t.name, Generation: t.pinned.id, Recipes: t.pinned.spec.recipes(), Objects: t.bucket, Lake: t.lake,
		Behaviour: t.tables, Consent: profilingByDefault, Vectors: t.vectors, Shared: n.shared, Queue: n.queue, Shares: n.shares, Settings: t.settings, Name: n.name, SweepEvery: every, Log: t.log,
	}
	if dir := n.bucketDir(); watch && dir != "" {
		cfg.WatchDir = filepath.Join(dir, string(t.name))
	}
	cfg.Tell = func(ctx context.Context, f tasks.Feed) error { return n.queue.SetFeed(ctx, t.name, f) }
	if n.outlived() {
		cfg.Memory = n.queue.Memory
	}
	if t.lock != nil {
		cfg.Lead = t.lock.Held
	}
	return scheduler.New(cfg)
}

// collect makes this process take shoppers' rows in. changed hears of what was stored.
func (t *tenant) collect(changed func(users []tasks.UserID, products []tasks.ProductID)) (err error) {
	t.collector, err = behaviour.NewCollector(behaviour.Config{
		Objects: t.bucket, Lake: t.lake, Tables: t.tables, Consent: profilingByDefault, Changed: changed, Name: t.node.name,
		Registry: prometheus.WrapRegistererWith(prometheus.Labels{"tenant": string(t.name)}, t.node.registry),
	})
	return err
}

// startInbox takes dropped files in until stop.
func (t *tenant) startInbox() (err error) {
	t.inbox, err = scheduler.NewInbox(scheduler.InboxConfig{
		Objects: t.bucket, Lake: t.lake, Rows: t.collector, Name: t.node.name, Lead: t.lead, Took: t.scheduler.SweepSoon, Log: t.log,
	})
	if err == nil {
		t.inbox.Start()
	}
	return err
}

// lead tells whether this process does what one of several schedulers has to do.
func (t *tenant) lead() bool { return t.lock == nil || t.lock.Held() }

// startLock shares the work among the fleet's schedulers.
func (t *tenant) startLock(ctx context.Context) (err error) {
	n := t.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if t.lock = n.locks[t.name]; t.lock != nil {
		return nil
	}
	if t.lock, err = queue.NewLock(n.queueRDB, t.name, n.name, lockTime); err == nil {
		n.locks[t.name] = t.lock
		t.lock.Start(ctx)
	}
	return err
}

// keepLive refills Redis whenever it does not say which generation is live: at
// start, after it lost its memory, and when another generation was put live. One that says so is repaired now and then.
func (t *tenant) keepLive(ctx context.Context, repairEvery time.Duration) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var repaired time.Time
	led := t.lead()
	for {
		leads := t.lead()
		if leads && !led {
			t.log.Info("leading from now on")
			t.scheduler.SweepSoon()
		}
		if led = leads; leads {
			if err := t.fill(ctx, &repaired, repairEvery); err != nil && ctx.Err() == nil {
				t.log.Warn("the vectors' Redis could not be filled and will be tried again", "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (t *tenant) fill(ctx context.Context, repaired *time.Time, repairEvery time.Duration) error {
	began := time.Now()
	live, err := t.vectors.Live(ctx)
	switch {
	case err != nil && !errors.Is(err, vectors.ErrNotLive):
		return err
	case live != t.pinned.id:
		if to, err := t.pointed(ctx); err != nil || to != "" {
			return err // it is for another generation to fill Redis
		}
		t.scheduler.SweepSoon() // the queues may be lost too
		count, err := scheduler.Refill(ctx, t.lake, t.vectors, t.pinned.id, t.vectors.Load)
		if err != nil {
			return err
		}
		t.log.Info("refilled from the lake", "generation", t.pinned.id, "vectors", count, "took", time.Since(began))
	case time.Since(*repaired) >= repairEvery:
		r, err := scheduler.Repair(ctx, t.lake, t.vectors, t.pinned.id, nil)
		if err != nil {
			return err
		}
		if r.Reloaded+r.Removed > 0 {
			t.log.Warn("vectors were missing in Redis, or old", "reloaded", r.Reloaded, "removed", r.Removed, "of", r.Products+r.Users, "took", time.Since(began))
		}
	default:
		return nil
	}
	*repaired = time.Now()
	return nil
}
