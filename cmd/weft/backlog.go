package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"weft/scheduler"
	"weft/tasks"
)

type backlogCmd struct {
	fleetPlace
	several
	DrainTarget time.Duration `help:"Within which time everything that waits is to be done." default:"5m"`
}

// Help is shown by --help.
func (backlogCmd) Help() string {
	return `What waits, in the time that one worker would take for it, and how many workers would do all of it within
--drain-target: what weft autoscale and KEDA follow (GET /v1/backlog tells the same). One line for each tenant of whom
anything is known, and one for all of them, whom the same workers serve.

Examples:
  weft backlog --queue redis://localhost:6379/0
  weft backlog --data shop --drain-target 1m --json`
}

// Run is `weft backlog`.
func (c *backlogCmd) Run(ctx context.Context, a *app) error {
	if c.DrainTarget < scheduler.MinTarget || c.DrainTarget > scheduler.MaxTarget {
		return usagef("--drain-target %v: want %v to %v", c.DrainTarget, scheduler.MinTarget, scheduler.MaxTarget)
	}
	names, err := c.named(c.place)
	if err != nil {
		return err
	}
	q, closeQueue, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeQueue()
	f, err := scheduler.NewGauge(q).Look(ctx, c.DrainTarget, names...)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(f)
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "TENANT\tWAITING\tNOT YET QUEUED\tPUT BACK\tOLDEST\tWORK OF ONE WORKER\tDONE IN\tWORKERS\tWANTED\tHELD BY\t")
	for _, b := range f.Tenants {
		backlogLine(w, string(b.Tenant), b)
	}
	backlogLine(w, "all", f.Backlog)
	if err := w.Flush(); err != nil {
		return err
	}
	for _, b := range f.Tenants {
		if b.Fault != "" {
			fmt.Fprintf(a.out, "%s: %s\n", b.Tenant, b.Fault)
		}
	}
	return nil
}

func backlogLine(w *tabwriter.Writer, name string, b tasks.Backlog) {
	done, work := "no worker runs", seconds(b.Work)
	if b.Drain != nil {
		done = seconds(*b.Drain)
	}
	if !b.Measured {
		work = "about " + work // by defaults: nothing of a kind was measured
	}
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%d\t%d\t%s\t\n", name, b.Waiting, b.Unissued, b.Delayed, seconds(b.Oldest), work, done, b.Workers, b.Wanted, first(string(b.Held), "-"))
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond).String()
}
