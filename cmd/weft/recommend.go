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

type recommendCmd struct {
	place
	JSON        bool    `help:"Print JSON."`
	K           int     `short:"k" help:"How many, 1 to 1000." default:"10"`
	Anchor      string  `help:"The product being viewed: what goes with the user and with it." placeholder:"ID"`
	PerCategory int     `help:"How many may share a category, as far as there are others; default four fifths of -k, rounded up, and with --anchor any number." placeholder:"N"`
	Filter      string  `help:"Conditions on the products, such as category:shoes,hats;price<50;stock>0." placeholder:"TEXT"`
	Boost       string  `help:"Conditions with factors, such as category:shoes*1.2." placeholder:"TEXT"`
	Context     string  `help:"Where and when: any text, or a JSON object with text, place, weather, season, hour and device." placeholder:"TEXT"`
	Diversity   float64 `help:"How much unlikeness counts beside the score, 0 to 1."`
	Bought      string  `help:"in lets in what the user has bought." enum:"out,in" default:"out"`
	Social      string  `help:"Who else contributes: followed, alike (and shoppers who chose the same), or off." enum:"followed,alike,off" default:"followed"`
	User        string  `arg:"" help:"User id."`
}

// Help is shown by --help.
func (recommendCmd) Help() string {
	return `What the user has bought is left out, returned or not. A user who is not known, has no vector yet or has not agreed to
profiling gets what is popular, and the first line says so.

A filter is conditions parted by ; that all hold: name:value,value (one of them; "quotes" keep , ; and *), name:* (any
value), name<9.5 (also <=, > and >=), !condition (the opposite). Names are id, category, price and those of the products'
attributes, brand among them. A boost is a condition with a star and a factor from 0.1 to 10.

What <tenant>/settings.json in the bucket states as filter and boost, such as {"filter":"stock>0","boost":"brand:acme*1.2"},
holds for every list, here and over HTTP, beside what is asked; processes that run take it over within seconds, and an
answer names it.

Examples:
  weft recommend u1 -k 5 --data shop
  weft recommend u1 --anchor dress-1 --data shop --json
  weft recommend u1 --filter 'category:shoes,hats;price<50' --boost 'brand:acme*1.2' --diversity .3 --data shop
  weft recommend u1 --context '{"season":"winter","hour":18}' --data shop`
}

// Run is `weft recommend`.
func (c *recommendCmd) Run(ctx context.Context, a *app) error {
	if c.K < 1 || c.K > 1000 {
		return usagef("-k %d: want 1 to 1000", c.K)
	}
	if c.PerCategory < 0 || c.PerCategory > 1000 {
		return usagef("--per-category %d: want 1 to 1000, or 0 for the default", c.PerCategory)
	}
	if !(c.Diversity >= 0 && c.Diversity <= 1) {
		return usagef("--diversity %v: want 0 to 1", c.Diversity)
	}
	list, err := c.read(ctx, a)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(list)
	}
	fmt.Fprint(a.out, list.Road)
	if list.Why != "" {
		fmt.Fprintf(a.out, ": %s", list.Why)
	}
	if list.Affinity != nil {
		fmt.Fprintf(a.out, " (user and %s: %.3f)", list.Anchor, *list.Affinity)
	}
	fmt.Fprintln(a.out)
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	for _, item := range list.Items {
		price := ""
		if item.Price != nil {
			price = fmt.Sprintf("%.2f", *item.Price)
		}
		fmt.Fprintf(w, "%.4f\t%s\t%s\t%s\t%s\n", item.Score, item.ID, item.Category, price, item.Title)
	}
	return w.Flush()
}

func (c *recommendCmd) read(ctx context.Context, a *app) (client.Recommendations, error) {
	asked, err := c.ask()
	if err != nil {
		return client.Recommendations{}, usageError{err}
	}
	if _, err := c.tenant(); err != nil {
		return client.Recommendations{}, err
	}
	return askOrRead(ctx, a, c.place, func(api *client.Client) (client.Recommendations, error) {
		return api.Recommend(ctx, c.User, client.RecommendOptions{K: c.K, Anchor: c.Anchor, PerCategory: c.PerCategory, Filter: c.Filter, Boost: c.Boost,
			Context: asked.Context, Diversity: c.Diversity, IncludeBought: c.Bought == "in", Social: c.Social})
	}, func(cat *catalogue) (client.Recommendations, error) {
		r, err := cat.recommender(ctx)
		if err != nil {
			return client.Recommendations{}, err
		}
		list, err := r.Recommend(ctx, asked)
		if errors.Is(err, serve.ErrAnchor) {
			err = cat.absent(ctx, c.Anchor)
		}
		return list, err
	})
}

// ask is what the flags ask for.
func (c *recommendCmd) ask() (a serve.Ask, err error) {
	a = serve.Ask{Anchor: tasks.ProductID(c.Anchor), K: c.K, PerCategory: c.PerCategory, Diversity: c.Diversity, IncludeBought: c.Bought == "in", Social: c.Social}
	if a.User, err = tasks.ParseUserID(c.User); err != nil {
		return a, err
	}
	if c.Anchor != "" {
		if _, err = tasks.ParseProductID(c.Anchor); err != nil {
			return a, err
		}
	}
	if a.Filter, err = serve.ParseFilter(c.Filter); err != nil {
		return a, fmt.Errorf("--filter: %w", err)
	}
	if a.Boosts, err = serve.ParseBoosts(c.Boost); err != nil {
		return a, fmt.Errorf("--boost: %w", err)
	}
	if a.Context, err = serve.ParseContext(c.Context); err != nil {
		return a, fmt.Errorf("--context: %w", err)
	}
	return a, nil
}
