package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weft/tasks"
)

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
func (c *schedulerCmd) Run(ctx context.Context, a *app) error {
	return runRole(ctx, a, c.place, c.encoders, func(ctx context.Context, n *node) error { return c.run(ctx, a, n) })
}

func (c *schedulerCmd) run(ctx context.Context, a *app, n *node) error {
	n.registry.MustRegister(newBacklogMetrics(n))
	if err := errors.Join(c.metrics.start(n), n.startReaper(ctx)); err != nil {
		return err
	}
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
