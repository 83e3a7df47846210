package main

import (
	"context"
	"fmt"
	"time"

	"weft/tasks"
)

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
func (c *serveCmd) Run(ctx context.Context, a *app) error {
	return runRole(ctx, a, c.place, c.encoders, func(ctx context.Context, n *node) error { return c.run(ctx, a, n) })
}

func (c *serveCmd) run(ctx context.Context, a *app, n *node) error {
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
