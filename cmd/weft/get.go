package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"weft/client"
	"weft/serve"
	"weft/storage/lake"
	"weft/tasks"
)

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
