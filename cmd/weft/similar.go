package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"weft/client"
	"weft/serve"
	"weft/tasks"
)

type similarCmd struct {
	place
	JSON bool   `help:"Print JSON."`
	K    int    `short:"k" help:"How many neighbours, 1 to 1000." default:"10"`
	ID   string `arg:"" help:"Product id."`
}

// Help is shown by --help.
func (similarCmd) Help() string {
	return `Example:
  weft similar dress-1 -k 5 --data shop`
}

// Run is `weft similar`.
func (c *similarCmd) Run(ctx context.Context, a *app) error {
	if c.K < 1 || c.K > 1000 {
		return usagef("-k %d: want 1 to 1000", c.K)
	}
	near, err := c.read(ctx, a)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(near)
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	for _, n := range near {
		fmt.Fprintf(w, "%.4f\t%s\t%s\t%s\n", n.Score, n.ID, n.Category, n.Title)
	}
	return w.Flush()
}

func (c *similarCmd) read(ctx context.Context, a *app) ([]client.Neighbour, error) {
	if _, err := tasks.ParseProductID(c.ID); err != nil {
		return nil, usageError{err}
	}
	return askOrRead(ctx, a, c.place, func(api *client.Client) ([]client.Neighbour, error) {
		return api.Similar(ctx, c.ID, c.K)
	}, func(cat *catalogue) ([]client.Neighbour, error) {
		return cat.similar(ctx, c.ID, c.K)
	})
}

// similar searches the shelf that serve uses, filled from the lake: exact, and quick
// enough for a catalogue at rest.
func (c *catalogue) similar(ctx context.Context, id string, k int) ([]client.Neighbour, error) {
	shelf, err := c.shelf(ctx)
	if err != nil {
		return nil, err
	}
	v, ok := shelf.Content().Vector(id)
	if !ok {
		return nil, c.absent(ctx, id)
	}
	hits, err := shelf.Content().Near(ctx, v, serve.Search{K: k, Keep: serve.Except(id)})
	out := []client.Neighbour{}
	for _, h := range hits {
		out = append(out, client.Neighbour{ID: h.ID, Score: h.Score, Title: h.Title, Category: h.Category, Price: h.Price, Image: h.Image})
	}
	return out, err
}
