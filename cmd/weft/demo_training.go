package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"weft/fusion/train"
	"weft/promote"
)

// learned is what training on the demonstration's shop came to.
type learned struct {
	Training  train.Summary
	Gate      *promote.Gate
	Promoted  bool    // the gate let the model pass
	Promotion float64 // seconds
}

// learn stops everything, trains on the shop, and puts the model behind all vectors if it passes the gate, as `weft train`
// and `weft models promote` do. Then all starts again on the same data.
func (c *demoCmd) learn(ctx context.Context, a *app, how upCmd, u *up) (*up, *learned, error) {
	u.stop()
	dir := filepath.Join(c.Data, "model")
	if err := os.RemoveAll(dir); err != nil { // of an earlier run
		return u, nil, err
	}
	training := trainCmd{place: how.place, Out: dir, Seed: c.Seed, Towers: c.Towers, Epochs: c.Epochs, Batch: 512, Rate: .001, FitAll: true,
		Models: c.Models, Cache: c.Cache, Text: c.Text, Provider: "cpu", Runtime: c.Runtime}
	s, err := training.learn(ctx, a, false)
	if ctx.Err() != nil {
		return u, nil, ctx.Err()
	}
	if err != nil {
		return u, nil, fmt.Errorf("training on the shop: %w", err)
	}
	l := &learned{Training: s}
	began := time.Now()
	p, err := (&modelsPromoteCmd{place: how.place, encoders: c.encoders, Model: dir}).open(ctx, a)
	if err != nil {
		return u, l, err
	}
	out, err := p.run(ctx)
	p.close(ctx)
	l.Gate, l.Promoted, l.Promotion = out.Gate, err == nil, time.Since(began).Seconds()
	switch {
	case out.Gate != nil && !out.Gate.Passed:
		a.log.Warn("the model is not promoted; what served goes on serving", "gate", out.Gate)
	case err != nil:
		return u, l, err
	}
	again, err := how.start(ctx, a)
	if err != nil {
		return u, l, err
	}
	return again, l, again.wait(ctx, true)
}
