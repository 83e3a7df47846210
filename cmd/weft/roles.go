package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weft/scheduler"
	"weft/storage/vectors"
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
	if err := errors.Join(c.metrics.start(n), n.startLock(ctx)); err != nil {
		return err
	}
	if err := n.startScheduler(c.SweepEvery, true); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "weft scheduler %s: tenant %s, generation %s\n", version, n.tenant, n.pinned.id)
	return n.keepLive(ctx, c.RepairEvery)
}

// keepLive refills Redis whenever it does not say which generation is live: at
// start, and after it lost its memory. One that says so is repaired now and then.
func (n *node) keepLive(ctx context.Context, repairEvery time.Duration) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var repaired time.Time
	led := n.lead()
	for {
		leads := n.lead()
		if leads && !led {
			n.log.Info("leading from now on")
			n.scheduler.SweepSoon()
		}
		if led = leads; leads {
			if err := n.fill(ctx, &repaired, repairEvery); err != nil && ctx.Err() == nil {
				n.log.Warn("the vectors' Redis could not be filled and will be tried again", "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (n *node) fill(ctx context.Context, repaired *time.Time, repairEvery time.Duration) error {
	began := time.Now()
	live, err := n.vectors.Live(ctx)
	switch {
	case err != nil && !errors.Is(err, vectors.ErrNotLive):
		return err
	case live != n.pinned.id:
		n.scheduler.SweepSoon() // the queues may be lost too
		count, err := scheduler.Refill(ctx, n.lake, n.vectors, n.pinned.id, n.vectors.Load)
		if err != nil {
			return err
		}
		n.log.Info("refilled from the lake", "vectors", count, "took", time.Since(began))
	case time.Since(*repaired) >= repairEvery:
		r, err := scheduler.Repair(ctx, n.lake, n.vectors, n.pinned.id, nil)
		if err != nil {
			return err
		}
		if r.Reloaded+r.Removed > 0 {
			n.log.Warn("vectors were missing in Redis, or old", "reloaded", r.Reloaded, "removed", r.Removed, "of", r.Products+r.Users, "took", time.Since(began))
		}
	default:
		return nil
	}
	*repaired = time.Now()
	return nil
}

type workerCmd struct {
	place
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
	set := n.pinned.encoders
	if err := errors.Join(set.image.Load(ctx), set.text.Load(ctx)); err != nil {
		return err
	}
	if err := errors.Join(c.metrics.start(n), n.startWorker(set.image, set.text, c.Runners)); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "weft worker %s: tenant %s, generation %s, provider %s\n", version, n.tenant, n.pinned.id, c.Provider)
	select {
	case <-ctx.Done():
	case <-n.drained: // `weft drain` asks for the same as a signal
	}
	return nil
}

type serveCmd struct {
	place
	encoders
	Listen string   `help:"HTTP address." default:"127.0.0.1:8080"`
	Token  []string `help:"Accepted bearer tokens; needed to listen beyond this machine." placeholder:"TOKEN"`
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
	// A planner without sweeps: it enqueues what written products and rows need. Whatever
	// it misses, the fleet's scheduler finds.
	planner, err := n.newScheduler(time.Minute, false)
	if err != nil {
		return err
	}
	planner.StartHints()
	defer planner.Stop()
	if err := n.collect(planner.Changed); err != nil {
		return err
	}
	notify := func(id tasks.ProductID) error {
		// What the workers have made since: without it nobody would know that a
		// deleted product has a vector to withdraw.
		if err := n.lake.Refresh(ctx); err != nil {
			return err
		}
		return planner.Consider(ctx, id)
	}
	if err := n.startServe(ctx, c.Listen, c.Token, notify); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "weft serve %s: http://%s, tenant %s\n", version, n.http.Addr(), n.tenant)
	<-ctx.Done()
	return nil
}
