package main

import (
	"context"
	"errors"
	"fmt"

	"weft/tasks"
)

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
func (c *workerCmd) Run(ctx context.Context, a *app) error {
	return runRole(ctx, a, c.place, c.encoders, func(ctx context.Context, n *node) error { return c.run(ctx, a, n) })
}

func (c *workerCmd) run(ctx context.Context, a *app, n *node) error {
	// What is there at the start is opened at the start: a worker that can do nothing for anybody
	// says why, and ends.
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
