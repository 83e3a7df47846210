package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"weft/scheduler"
)

type auditCmd struct {
	place
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (auditCmd) Help() string {
	return `Every object below media/ and every row of shoppers must be part of a current vector, dead with a reason, or
declined; objects that wait and vectors that are stale are named, and the exit code is 1. Rows that name a product which
nobody knows may wait for it; such products are named too. With --vectors, or where a process runs at --data, the vectors in Redis
are compared with the lake's as well.

Examples:
  weft audit --data shop
  weft audit --objects 's3://shop?endpoint=localhost:9000' --json`
}

var errUnbalanced = errors.New("the audit does not balance: see what is missing")

// Run audits.
func (c *auditCmd) Run(ctx context.Context, a *app) error {
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return err
	}
	defer cat.close(ctx)
	r, err := scheduler.AuditBucket(ctx, cat.view())
	if err != nil {
		return err
	}
	v, done, err := c.openVectors(ctx, cat)
	if err == nil {
		err = r.CompareVectors(ctx, cat.lake, v, cat.generation)
		done()
	}
	if err != nil && !errors.Is(err, errNoVectors) {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(a.out).Encode(r)
	} else {
		places := func(what string, n int, counted string, p scheduler.Places) {
			fmt.Fprintf(a.out, "%-9s %d %s = %d in vectors + %d dead + %d declined + %d waiting\n", what, n, counted, p.Vector, p.Dead, p.Declined, p.Waiting)
		}
		subjects := func(what string, s scheduler.Subjects) {
			places(what, s.Expected, "expected", scheduler.Places{Vector: s.Vectors, Dead: s.Dead, Declined: s.Declined, Waiting: s.Waiting})
		}
		places("objects", r.Objects.Listed, "listed", r.Objects.Places)
		subjects("products", r.Products)
		places("rows", r.Rows.Listed, "listed", r.Rows.Places)
		subjects("users", r.Users)
		if h := r.Vectors; h != nil {
			fmt.Fprintf(a.out, "redis     %d expected = %d current + %d missing, %d stale, live %v\n", h.Expected, h.Current, h.Missing, h.Stale, h.Live)
		}
		_, err = fmt.Fprintf(a.out, "balanced  %v\n", r.Balanced)
		for _, id := range r.Missing {
			fmt.Fprintln(a.out, "missing  ", id)
		}
		for _, id := range r.Waits {
			fmt.Fprintln(a.out, "waits for product", id)
		}
	}
	if err == nil && !r.Balanced {
		err = errUnbalanced
	}
	return err
}
