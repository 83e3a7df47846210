package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"weft/behaviour/profile"
	"weft/client"
	"weft/gather"
	"weft/serve"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
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
	ask, err := c.ask()
	if err != nil {
		return client.Recommendations{}, usageError{err}
	}
	if _, err := c.tenant(); err != nil {
		return client.Recommendations{}, err
	}
	if api, err := c.running(); err != nil || api != nil {
		if err != nil {
			return client.Recommendations{}, err
		}
		return api.Recommend(ctx, c.User, client.RecommendOptions{K: c.K, Anchor: c.Anchor, PerCategory: c.PerCategory, Filter: c.Filter, Boost: c.Boost,
			Context: ask.Context, Diversity: c.Diversity, IncludeBought: c.Bought == "in", Social: c.Social})
	}
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return client.Recommendations{}, err
	}
	defer cat.close(ctx)
	r, err := cat.recommender(ctx)
	if err != nil {
		return client.Recommendations{}, err
	}
	list, err := r.Recommend(ctx, ask)
	if errors.Is(err, serve.ErrAnchor) {
		err = cat.absent(ctx, c.Anchor)
	}
	return list, err
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

// recommender answers from the lake what serve answers from Redis, and with the same
// code.
func (c *catalogue) recommender(ctx context.Context) (*serve.Recommender, error) {
	shelf, err := c.shelf(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, err := serve.TakeSnapshot(ctx, shelf, c.tables, profilingByDefault)
	if err != nil {
		return nil, err
	}
	// The one that serves: a trained one is fetched when an explanation first asks it.
	if c.fusion, err = (encoders{}).fusionOf(c.spec, c.lake.Models); err != nil {
		return nil, err
	}
	standing, err := c.standing(ctx)
	if err != nil {
		return nil, err
	}
	return &serve.Recommender{Standing: standing, Shelf: shelf, Snapshot: snapshot, Behaviour: c.tables, Consent: profilingByDefault, UserVector: c.userVector, Model: c.fusion, Guess: c.fusion.tell(),
		Parts: &gather.Reader{Objects: c.bucket, Lake: c.lake, Behaviour: c.tables, Generation: c.generation, Recipes: c.recipes, Consent: profilingByDefault}}, nil
}

// standing is what the shop's settings ask of every list.
func (c *catalogue) standing(ctx context.Context) (serve.Standing, error) {
	body, _, err := c.bucket.Get(ctx, tasks.SettingsKey, objects.GetOptions{MaxBytes: maxSettings})
	if errors.Is(err, objects.ErrNotExist) {
		return serve.Standing{}, nil
	}
	if err != nil {
		return serve.Standing{}, err
	}
	set, err := tasks.ParseSettings(body)
	if err != nil {
		return serve.Standing{}, err
	}
	return serve.ParseStanding(set)
}

// shelf holds the products of the live generation.
func (c *catalogue) shelf(ctx context.Context) (*serve.Shelf, error) {
	shelf := serve.NewShelf(c.generation)
	for row, err := range c.products(ctx) {
		if err != nil {
			return nil, err
		}
		r := vectors.Record{ID: row.ID, Vector: row.Vector, Content: row.Content, Title: row.Title, Category: row.Category, Price: row.Price, Image: row.Image, Attributes: string(row.Attributes), UpdatedAt: row.UpdatedAt}
		if err := shelf.Set(r); err != nil {
			return nil, err
		}
	}
	return shelf, nil
}

func (c *catalogue) userVector(ctx context.Context, id tasks.UserID) (vectors.Record, error) {
	row, ok, err := c.lake.UserVectors.Get(ctx, lake.UserKey(string(c.generation), string(id)))
	if err != nil || !ok {
		return vectors.Record{}, errors.Join(err, vectors.ErrNotFound)
	}
	return vectors.Record{ID: row.User, Vector: row.Vector, Modalities: row.Modalities, SourceVersion: row.Version, Sources: row.Sources, UpdatedAt: row.UpdatedAt}, nil
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
	if u.Vector == nil {
		_, err = fmt.Fprintln(a.out, "vector      none: nothing was done yet that says anything, or it is being made")
		return err
	}
	_, err = fmt.Fprintf(a.out, "vector      %d dimensions of %s, made %s, generation %s\n", len(u.Vector.Values), words(u.Vector.Modalities),
		when(u.Vector.UpdatedAt), u.Vector.Generation)
	return err
}

func (c *getCmd) readUser(ctx context.Context, a *app) (client.Shopper, error) {
	user, err := tasks.ParseUserID(c.ID)
	if err != nil {
		return client.Shopper{}, usageError{err}
	}
	if _, err := c.tenant(); err != nil {
		return client.Shopper{}, err
	}
	if api, err := c.running(); err != nil || api != nil {
		if err != nil {
			return client.Shopper{}, err
		}
		return api.Shopper(ctx, c.ID)
	}
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return client.Shopper{}, err
	}
	defer cat.close(ctx)
	r, err := cat.recommender(ctx)
	if err != nil {
		return client.Shopper{}, err
	}
	u, err := r.Shopper(ctx, user)
	if errors.Is(err, serve.ErrUnknownUser) || errors.Is(err, serve.ErrDeclined) {
		err = fmt.Errorf("%s: %w", c.ID, err)
	}
	return u, err
}
