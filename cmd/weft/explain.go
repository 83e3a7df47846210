package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"weft/client"
	"weft/serve"
	"weft/tasks"
)

type explainCmd struct {
	place
	JSON    bool   `help:"Print JSON."`
	User    string `arg:"" help:"User id."`
	Product string `arg:"" help:"Product id."`
}

// Help is shown by --help.
func (explainCmd) Help() string {
	return `Says how much of a product's score for a user comes from photos, listings, reviews, what was done, popularity and those
followed (shares that add up to the score), and how much the score falls without one event, review, photo or listing. Of a
user who has not agreed to profiling nothing is told.

Example:
  weft explain u1 dress-1 --data shop`
}

// Run is `weft explain`.
func (c *explainCmd) Run(ctx context.Context, a *app) error {
	e, err := c.read(ctx, a)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(e)
	}
	fmt.Fprintln(a.out, e.Sentence)
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	s := e.Shares
	fmt.Fprintf(w, "score\t%.4f\tbaseline\t%.4f\n", e.Score, e.Baseline)
	fmt.Fprintf(w, "photo\t%.4f\ttext\t%.4f\treviews\t%.4f\n", s.Photo, s.Text, s.Reviews)
	fmt.Fprintf(w, "behaviour\t%.4f\tpopularity\t%.4f\tsocial\t%.4f\n", s.Behaviour, s.Popularity, s.Social)
	for _, ev := range e.Evidence {
		fmt.Fprintf(w, "-%.4f\t%s\t%s\t%s\t%s\n", ev.Drop, ev.Kind, ev.ID, ev.Type, ev.Title)
	}
	return w.Flush()
}

func (c *explainCmd) read(ctx context.Context, a *app) (client.Explanation, error) {
	user, err := tasks.ParseUserID(c.User)
	if err != nil {
		return client.Explanation{}, usageError{err}
	}
	product, err := tasks.ParseProductID(c.Product)
	if err != nil {
		return client.Explanation{}, usageError{err}
	}
	if _, err := c.tenant(); err != nil {
		return client.Explanation{}, err
	}
	return askOrRead(ctx, a, c.place, func(api *client.Client) (client.Explanation, error) {
		return api.Explain(ctx, c.User, c.Product)
	}, func(cat *catalogue) (client.Explanation, error) {
		r, err := cat.recommender(ctx)
		if err != nil {
			return client.Explanation{}, err
		}
		e, err := r.Explain(ctx, user, product)
		switch {
		case errors.Is(err, serve.ErrProduct):
			err = cat.absent(ctx, c.Product)
		case errors.Is(err, serve.ErrUnknownUser), errors.Is(err, serve.ErrDeclined):
			err = fmt.Errorf("%s: %w", c.User, err)
		}
		return e, err
	})
}
