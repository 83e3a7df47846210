package main

import (
	"context"
	"errors"
)

// runRole runs one of the three roles of a fleet (scheduler, worker, serve) on a node of its own, until Ctrl-C or SIGTERM.
// It drains what it has in hand, and a role that is stopped while it starts has been stopped like any other: no error.
func runRole(ctx context.Context, a *app, p place, e encoders, run func(context.Context, *node) error) error {
	err := onNode(ctx, a, p, e, run)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func onNode(ctx context.Context, a *app, p place, e encoders, run func(context.Context, *node) error) error {
	n, err := openNode(ctx, a, p, e, p.Queue, p.Vectors, true)
	if err != nil {
		return err
	}
	defer n.stop()
	ctx, stop := context.WithCancel(ctx)
	defer stop() // before the node, which waits for the feeders
	return run(ctx, n)
}
