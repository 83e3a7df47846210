package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"weft/behaviour/profile"
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
	return askOrRead(ctx, a, c.place, func(api *client.Client) (client.Product, error) {
		return api.Product(ctx, c.ID)
	}, func(cat *catalogue) (client.Product, error) {
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
	})
}

// getUser is `weft get user`.
func (c *getCmd) getUser(ctx context.Context, a *app) error {
	u, err := c.readUser(ctx, a)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(u)
	}
	var p profile.Profile // it knows how to be shown
	b, err := json.Marshal(u.Profile)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return fmt.Errorf("profile of %s: %w", c.ID, err)
	}
	if err := p.WriteText(a.out); err != nil {
		return err
	}
	if len(u.Guesses) > 0 {
		if _, err := fmt.Fprintf(a.out, "guessed     %s\n", guessed(u.Guesses)); err != nil {
			return err
		}
	}
	if u.Vector == nil {
		_, err = fmt.Fprintln(a.out, "vector      none: nothing was done yet that says anything, or it is being made")
		return err
	}
	_, err = fmt.Fprintf(a.out, "vector      %d dimensions of %s, made %s, generation %s\n", len(u.Vector.Values), words(u.Vector.Modalities),
		when(u.Vector.UpdatedAt), u.Vector.Generation)
	return err
}

// guessed puts what a model tells into one line.
func guessed(all []client.Guess) string {
	var said []string
	for _, g := range all {
		switch {
		case g.Unknown:
			said = append(said, g.Name+" unknown")
		case g.Value != "":
			said = append(said, fmt.Sprintf("%s %s (%.0f %%)", g.Name, g.Value, 100*g.Confidence))
		default:
			var tags []string
			for _, t := range g.Tags {
				tags = append(tags, fmt.Sprintf("%s (%.0f %%)", t.Value, 100*t.Confidence))
			}
			said = append(said, g.Name+" "+strings.Join(tags, ", "))
		}
	}
	return strings.Join(said, " · ")
}

func (c *getCmd) readUser(ctx context.Context, a *app) (client.Shopper, error) {
	user, err := tasks.ParseUserID(c.ID)
	if err != nil {
		return client.Shopper{}, usageError{err}
	}
	if _, err := c.tenant(); err != nil {
		return client.Shopper{}, err
	}
	return askOrRead(ctx, a, c.place, func(api *client.Client) (client.Shopper, error) {
		return api.Shopper(ctx, c.ID)
	}, func(cat *catalogue) (client.Shopper, error) {
		r, err := cat.recommender(ctx)
		if err != nil {
			return client.Shopper{}, err
		}
		u, err := r.Shopper(ctx, user)
		if errors.Is(err, serve.ErrUnknownUser) || errors.Is(err, serve.ErrDeclined) {
			err = fmt.Errorf("%s: %w", c.ID, err)
		}
		return u, err
	})
}
