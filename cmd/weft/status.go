package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"weft/client"
	"weft/scheduler"
)

type statusCmd struct {
	place
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (statusCmd) Help() string {
	return `Example:
  weft status --data shop --json`
}

// Run is `weft status`.
func (c *statusCmd) Run(ctx context.Context, a *app) error {
	s, err := c.read(ctx, a)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(s)
	}
	fmt.Fprintf(a.out, "tenant %s  generation %s  fusion %s\n", s.Tenant, first(s.Generation, "none yet"), first(s.Fusion, "none yet"))
	if s.Weight > 0 || s.Fault != "" {
		fmt.Fprintf(a.out, "share    weight %v, quota %s%s%s\n", s.Weight, quota(s.Quota), said("; held by its ", s.Held), said("; ", s.Fault))
	}
	o, p := s.Objects, s.Products
	fmt.Fprintf(a.out, "objects  %d: %d in vectors, %d dead, %d declined, %d waiting\n", o["listed"], o["vector"], o["dead"], o["declined"], o["waiting"])
	fmt.Fprintf(a.out, "products %d: %d vectors, %d dead, %d waiting\n", p.Expected, p.Vectors, p.Dead, p.Waiting)
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	for _, q := range s.Queues {
		if q.Pending+q.Active+q.Scheduled+q.Retry+q.Archived > 0 {
			fmt.Fprintf(w, "%s:%s\t%d pending\t%d active\t%d scheduled\t%d retry\t%d archived\n", q.Type, q.Lane, q.Pending, q.Active, q.Scheduled, q.Retry, q.Archived)
		}
	}
	return w.Flush()
}

// quota is how many items of a tenant may wait, in words.
func quota(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprintf("%d items in the queues", n)
}

// said is what there is to say after before, or nothing.
func said(before, what string) string {
	if what == "" {
		return ""
	}
	return before + what
}

func (c *statusCmd) read(ctx context.Context, a *app) (client.Status, error) {
	return askOrRead(ctx, a, c.place, func(api *client.Client) (client.Status, error) {
		return api.Status(ctx)
	}, func(cat *catalogue) (client.Status, error) {
		audit, err := scheduler.AuditBucket(ctx, cat.view())
		s := client.Status{Tenant: string(cat.tenant), Generation: string(cat.generation), Fusion: cat.spec.fusionID()}
		fillStatus(&s, audit)
		return s, err
	})
}
