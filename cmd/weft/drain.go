package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"weft/tasks"
	"weft/tasks/queue"
)

type drainCmd struct {
	fleetPlace
	Wait bool   `help:"Return when the worker has ended."`
	Name string `arg:"" optional:"" help:"Worker, as listed without a name."`
}

// Help is shown by --help.
func (drainCmd) Help() string {
	return `A worker that drains takes nothing more, finishes what it has in hand, and exits 0; it hears of it within 5 s. SIGTERM
does the same on its own machine. Whoever keeps workers running (Kubernetes, weft autoscale, systemd) may start another.
Without a name the workers are listed.

Examples:
  weft drain --queue redis://localhost:6379/0
  weft drain --queue redis://localhost:6379/0 --wait node3-4711`
}

// drainWithin is how long a worker may take: to hear of it, to finish, to commit.
const drainWithin = drainTime + closeTime + 15*time.Second

// Run is `weft drain`.
func (c *drainCmd) Run(ctx context.Context, a *app) error {
	q, closeQueue, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeQueue()
	if c.Name == "" {
		return c.list(ctx, a, q)
	}
	if err := q.Drain(ctx, c.Name); err != nil {
		if errors.Is(err, queue.ErrNoWorker) {
			err = fmt.Errorf("%w; `weft drain` without a name lists them", err)
		}
		return err
	}
	if c.Wait {
		if err := c.await(ctx, q); err != nil {
			return err
		}
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(map[string]any{"worker": c.Name, "ended": c.Wait})
	}
	_, err = fmt.Fprintf(a.out, "%s %s\n", c.Name, map[bool]string{true: "has drained", false: "is to drain"}[c.Wait])
	return err
}

// await looks until the worker reports no more.
func (c *drainCmd) await(ctx context.Context, q *queue.Client) error {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		ps, err := q.Workers(ctx)
		if err == nil && !slices.ContainsFunc(ps, func(p tasks.Pace) bool { return p.Name == c.Name }) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("worker %s has not ended within %v: look at its log; SIGKILL is safe, its work is issued again", c.Name, drainWithin), err)
		}
	}
}

func (c *drainCmd) list(ctx context.Context, a *app, q *queue.Client) error {
	ps, err := q.Workers(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(ps, func(a, b tasks.Pace) int { return cmp.Compare(a.Name, b.Name) })
	if c.JSON {
		if ps == nil {
			ps = []tasks.Pace{}
		}
		return json.NewEncoder(a.out).Encode(ps)
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WORKER\tSINCE\tIN HAND\tDONE\tms/photo\tms/text\t")
	for _, p := range ps {
		name := p.Name
		if p.Draining {
			name += " (drains)"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t\n", name, time.UnixMilli(p.Started).Format(time.DateTime), p.InHand, p.Done,
			milliseconds(p.Seconds[tasks.ImageEmbed]), milliseconds(p.Seconds[tasks.TextEmbed]))
	}
	return w.Flush()
}

// milliseconds of a pace, or that it was not measured.
func milliseconds(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", 1000*seconds)
}
