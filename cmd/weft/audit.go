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
	return `Every object below media/ must be part of a current vector, dead with a reason, or declined; what waits or
is stale is named, and the exit code is 1. With --vectors, or where a process runs at --data, the vectors in Redis
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
	r, err := scheduler.AuditBucket(ctx, cat.bucket, cat.lake, cat.generation, cat.recipes)
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
		o, p := r.Objects, r.Products
		_, err = fmt.Fprintf(a.out, "objects   %d listed = %d in vectors + %d dead + %d declined + %d waiting\nproducts  %d expected = %d vectors + %d dead + %d declined + %d waiting\nrows      %d dead + %d declined\n",
			o.Listed, o.Vector, o.Dead, o.Declined, o.Waiting, p.Expected, p.Vectors, p.Dead, p.Declined, p.Waiting, r.Rows.Dead, r.Rows.Declined)
		if h := r.Vectors; h != nil {
			fmt.Fprintf(a.out, "redis     %d expected = %d current + %d missing, %d stale, live %v\n", h.Expected, h.Current, h.Missing, h.Stale, h.Live)
		}
		fmt.Fprintf(a.out, "balanced  %v\n", r.Balanced)
		for _, id := range r.Missing {
			fmt.Fprintln(a.out, "missing  ", id)
		}
	}
	if err == nil && !r.Balanced {
		err = errUnbalanced
	}
	return err
}
