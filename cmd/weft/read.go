package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"weft/client"
	"weft/scheduler"
	"weft/serve"
	"weft/storage/lake"
	"weft/tasks"
)

// The reading commands ask the process that runs on the data directory, where
// there is one, and read the lake where there is none.

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
	if api, err := c.running(); err != nil || api != nil {
		if err != nil {
			return client.Status{}, err
		}
		return api.Status(ctx)
	}
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return client.Status{}, err
	}
	defer cat.close(ctx)
	audit, err := scheduler.AuditBucket(ctx, cat.view())
	s := client.Status{Tenant: string(cat.tenant), Generation: string(cat.generation), Fusion: cat.spec.fusionID()}
	fillStatus(&s, audit)
	return s, err
}

// running is a client of the process that holds the data directory, nil when
// there is none.
func (p place) running() (*client.Client, error) {
	if p.Data == "" {
		return nil, nil
	}
	info, ok := runningAt(p.Data)
	if !ok {
		return nil, nil
	}
	return client.New(client.Config{URL: "http://" + info.HTTP, Tenant: p.Tenant, Token: info.Token})
}

type getCmd struct {
	place
	JSON bool   `help:"Print JSON, vectors included."`
	Kind string `arg:"" help:"product or user." enum:"product,user"`
	ID   string `arg:"" help:"Its id."`
}

// Help is shown by --help.
func (getCmd) Help() string {
	return `A user is shown as someone at the service desk wants it: what is known, and the rows behind it (--json). Of a user who has
not agreed to profiling nothing is told.

Examples:
  weft get product dress-1 --data shop --json
  weft get user u1 --data shop`
}

// Run is `weft get`.
func (c *getCmd) Run(ctx context.Context, a *app) error {
	if c.Kind == "user" {
		return c.getUser(ctx, a)
	}
	p, err := c.read(ctx, a)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(p)
	}
	price := ""
	if p.Price != nil {
		price = fmt.Sprintf("  %.2f", *p.Price)
	}
	_, err = fmt.Fprintf(a.out, "%s  %s\n%s%s\nmade of %s, %d dimensions, generation %s, sources %s\n",
		p.ID, p.Title, p.Category, price, words(p.Modalities), len(p.Vector), p.Generation, p.Sources)
	return err
}

func (c *getCmd) read(ctx context.Context, a *app) (client.Product, error) {
	if _, err := tasks.ParseProductID(c.ID); err != nil {
		return client.Product{}, usageError{err}
	}
	if api, err := c.running(); err != nil || api != nil {
		if err != nil {
			return client.Product{}, err
		}
		return api.Product(ctx, c.ID)
	}
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return client.Product{}, err
	}
	defer cat.close(ctx)
	row, ok, err := cat.lake.Products.Get(ctx, lake.ProductKey(string(cat.generation), c.ID))
	if err != nil {
		return client.Product{}, err
	}
	if !ok {
		return client.Product{}, cat.absent(ctx, c.ID)
	}
	content := row.Content
	if len(content) == 0 {
		content = row.Vector
	}
	return client.Product{ID: row.ID, Vector: row.Vector, Content: content, Modalities: row.Modalities, SourceVersion: row.Version, Sources: row.Sources,
		UpdatedAt: row.UpdatedAt, Title: row.Title, Category: row.Category, Price: row.Price, Image: row.Image, Attributes: serve.Attributes(row.Attributes), Generation: row.Generation}, nil
}

// absent says why a product has no vector.
func (c *catalogue) absent(ctx context.Context, id string) error {
	var reasons []string
	for row, err := range c.lake.Dead.Select(ctx, lake.Query{Prefix: tasks.ProductPrefix(tasks.ProductID(id))}) {
		if err != nil {
			return err
		}
		reasons = append(reasons, row.Key+": "+row.Reason)
	}
	if len(reasons) > 0 {
		return fmt.Errorf("product %s has no vector: %s", id, strings.Join(reasons, "; "))
	}
	return fmt.Errorf("product %s has no vector: is the id right, and has `weft up` run since it was uploaded?", id)
}

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
	if api, err := c.running(); err != nil || api != nil {
		if err != nil {
			return nil, err
		}
		return api.Similar(ctx, c.ID, c.K)
	}
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return nil, err
	}
	defer cat.close(ctx)
	return cat.similar(ctx, c.ID, c.K)
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

// words joins names as a sentence does.
func words[T ~string](names []T) string {
	var all []string
	for _, name := range names {
		all = append(all, string(name))
	}
	return strings.Join(all, " and ")
}

// when shows Unix milliseconds.
func when(ms int64) string { return time.UnixMilli(ms).Local().Format(time.DateTime) }
