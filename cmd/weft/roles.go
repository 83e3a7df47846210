package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weft/tasks"
)

// The three roles of a fleet. Each runs until Ctrl-C or SIGTERM, drains what it
// has in hand, and exits 0.

// unlessStopped drops the error of a role that was stopped while it started: that
// is a stop like any other.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

type schedulerCmd struct {
	place
	several
	encoders
	metrics
	SweepEvery  time.Duration `help:"How often the whole bucket is compared with the lake." default:"1m"`
	RepairEvery time.Duration `help:"How often the vectors in Redis are compared with the lake, and repaired." default:"2m"`
}

// Help is shown by --help.
func (schedulerCmd) Help() string {
	return `Of several schedulers one does the work, and another takes over when it falls silent; two at once are harmless.
An empty Redis is refilled from the bucket, at start and after a flush, and a half-lost one is repaired.
The work of a worker that falls silent is issued again within half a minute.

Example:
  weft scheduler --objects 's3://shop?endpoint=localhost:9000' --queue redis://localhost:6379/0 --vectors redis://localhost:6379/1`
}

// Run is `weft scheduler`.
func (c *schedulerCmd) Run(ctx context.Context, a *app) (err error) {
	defer func() { err = unlessStopped(ctx, err) }()
	n, err := openNode(ctx, a, c.place, c.encoders, c.Queue, c.Vectors, true)
	if err != nil {
		return err
	}
	defer n.stop()
	n.registry.MustRegister(newBacklogMetrics(n))
	if err := errors.Join(c.metrics.start(n), n.startReaper(ctx)); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop() // before the node, which waits for the feeders
	feed := func(ctx context.Context, name tasks.Tenant) error { return c.feed(ctx, a, n, name) }
	if err := n.forEach(ctx, c.several, feed); err != nil {
		return err
	}
	n.followPointers(ctx, (*tenant).pointed, feed)
	<-ctx.Done()
	return nil
}

// feed begins to feed a tenant.
func (c *schedulerCmd) feed(ctx context.Context, a *app, n *node, name tasks.Tenant) error {
	t, err := n.openTenant(ctx, name)
	if err != nil {
		return err
	}
	if err := errors.Join(t.startLock(ctx), t.startFeeding(c.SweepEvery, true)); err != nil {
		t.close()
		return err
	}
	t.roles.Go(func() { t.keepLive(t.running, c.RepairEvery) })
	t.roles.Go(func() { t.keepIndex(t.running) })
	n.admit(t)
	fmt.Fprintf(a.err, "weft scheduler %s: tenant %s, generation %s\n", version, t.name, t.pinned.id)
	return nil
}

type workerCmd struct {
	place
	several
	encoders
	metrics
}

// Help is shown by --help.
func (workerCmd) Help() string {
	return `A worker that cannot meet the bucket's generation (a decoder is missing, an encoder does not reproduce its
golden vectors) refuses to start and says what to install. Ctrl-C or SIGTERM lets it finish what it has in hand, for
at most 30 s, and commit, for at most 15 s; a second one ends it at once: its work is issued again.

Example:
  weft worker --objects 's3://shop?endpoint=localhost:9000' --queue redis://localhost:6379/0 --vectors redis://localhost:6379/1`
}

// Run is `weft worker`.
func (c *workerCmd) Run(ctx context.Context, a *app) (err error) {
	defer func() { err = unlessStopped(ctx, err) }()
	n, err := openNode(ctx, a, c.place, c.encoders, c.Queue, c.Vectors, true)
	if err != nil {
		return err
	}
	defer n.stop()
	// What is there at the start is opened at the start: a worker that can do nothing for anybody
	// says why, and ends.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	names, err := n.wanted(ctx, c.several)
	if err != nil {
		return err
	}
	var first *tenant
	var failed error
	for _, name := range names {
		t, err := n.openTenant(ctx, name)
		if err == nil {
			if err = errors.Join(t.pinned.encoders.image.Load(ctx), t.pinned.encoders.text.Load(ctx), t.newWorker()); err != nil {
				t.close()
			}
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("tenant %s: %w", name, err))
			continue
		}
		n.hold(t, true)
		n.admit(t)
		first = t // the others are opened for their first task
		break
	}
	if first == nil {
		return failed
	}
	if failed != nil {
		n.log.Error("this worker cannot work for every tenant; the tasks of the others are put back for another", "error", failed)
	}
	if err := errors.Join(c.metrics.start(n), n.startWorker(first.pinned)); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "weft worker %s: tenant %s, generation %s, provider %s\n", version, first.name, first.pinned.id, c.Provider)
	n.followPointers(ctx, (*tenant).filled, func(ctx context.Context, name tasks.Tenant) error {
		t, err := n.openBegun(ctx, name)
		if err != nil {
			return err
		}
		n.hold(t, name == first.name)
		n.admit(t)
		return nil
	})
	select {
	case <-ctx.Done():
	case <-n.drained: // `weft drain` asks for the same as a signal
	case err := <-n.lost:
		return err
	}
	return nil
}

type serveCmd struct {
	place
	several
	encoders
	Listen string `help:"HTTP address." default:"127.0.0.1:8080"`
	access
}

// Help is shown by --help.
func (serveCmd) Help() string {
	return `Example:
  weft serve --objects 's3://shop?endpoint=localhost:9000' --queue redis://localhost:6379/0 --vectors redis://localhost:6379/1`
}

// Run is `weft serve`.
func (c *serveCmd) Run(ctx context.Context, a *app) (err error) {
	defer func() { err = unlessStopped(ctx, err) }()
	n, err := openNode(ctx, a, c.place, c.encoders, c.Queue, c.Vectors, true)
	if err != nil {
		return err
	}
	defer n.stop()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	answerFor := func(ctx context.Context, name tasks.Tenant) error { return c.answerFor(ctx, n, name) }
	if err := n.forEach(ctx, c.several, answerFor); err != nil {
		return err
	}
	notify := func(t *tenant, id tasks.ProductID) error { return t.scheduler.Hint(id, 0) }
	if err := n.startServe(ctx, c.Listen, c.access, notify); err != nil {
		return err
	}
	n.followPointers(ctx, (*tenant).filled, answerFor)
	fmt.Fprintf(a.err, "weft serve %s: http://%s, tenants %s\n", version, n.http.Addr(), words(n.names()))
	<-ctx.Done()
	return nil
}

// answerFor opens a tenant for requests. Its scheduler sweeps nothing: it enqueues what
// written products and rows need, and whatever it misses the fleet's scheduler finds.
func (c *serveCmd) answerFor(ctx context.Context, n *node, name tasks.Tenant) error {
	t, err := n.openTenant(ctx, name)
	if err != nil {
		return err
	}
	if t.scheduler, err = t.newScheduler(time.Minute, false); err == nil {
		err = t.collect(t.scheduler.Changed)
	}
	if err != nil {
		t.close()
		return err
	}
	t.scheduler.StartHints()
	n.admit(t)
	return nil
}
