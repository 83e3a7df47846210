package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"weft/tasks/queue"
)

// fleetPlace says where a fleet's queues are.
type fleetPlace struct {
	place
	JSON bool `help:"Print JSON."`
}

// open connects to the queues that --queue names, or to those of the process that runs
// at --data.
func (p fleetPlace) open(ctx context.Context) (*queue.Client, func(), error) {
	url := p.Queue
	if info, ok := runningAt(p.Data); url == "" && p.Data != "" {
		if !ok {
			return nil, nil, fmt.Errorf("--data %s: no process runs there; start `weft up`, or give --queue", p.Data)
		}
		url = info.Queue
	}
	rdb, err := openRedis(ctx, "--queue", url)
	if err != nil {
		return nil, nil, err
	}
	return queue.NewClient(rdb), func() { _ = rdb.Close() }, nil
}

// held is the flag of pause and resume.
type held struct {
	fleetPlace
	Names []string `arg:"" optional:"" help:"Only these queues, such as image:embed:bulk; default all." placeholder:"NAME"`
}

// change runs a pause or a resume and says what it changed.
func (c *held) change(ctx context.Context, a *app, verb string, do func(*queue.Client) ([]string, error)) error {
	q, closeQueue, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeQueue()
	changed, err := do(q)
	if errors.Is(err, queue.ErrQueueName) {
		return usageError{fmt.Errorf("%w", err)}
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(map[string][]string{verb: changed})
	}
	if len(changed) == 0 {
		_, err = fmt.Fprintf(a.out, "nothing to change: they were %s already\n", verb)
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s %s\n", verb, strings.Join(changed, ", "))
	return err
}

type pauseCmd struct{ held }

// Help is shown by --help.
func (pauseCmd) Help() string {
	return `Workers take nothing more of a paused queue, and finish what they have in hand; tasks are still added. The pause is
kept in the queues' Redis: it holds for every worker, and is lost with the server's memory.

Examples:
  weft pause --queue redis://localhost:6379/0
  weft pause --queue redis://localhost:6379/0 image:embed:bulk text:embed:bulk`
}

// Run is `weft pause`.
func (c *pauseCmd) Run(ctx context.Context, a *app) error {
	return c.change(ctx, a, "paused", func(q *queue.Client) ([]string, error) { return q.Pause(ctx, c.Names...) })
}

type resumeCmd struct{ held }

// Help is shown by --help.
func (resumeCmd) Help() string {
	return `Example:
  weft resume --queue redis://localhost:6379/0`
}

// Run is `weft resume`.
func (c *resumeCmd) Run(ctx context.Context, a *app) error {
	return c.change(ctx, a, "resumed", func(q *queue.Client) ([]string, error) { return q.Resume(ctx, c.Names...) })
}
