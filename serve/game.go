package serve

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"weft/behaviour/parts"
	"weft/fusion"
	"weft/gather"
	"weft/tasks"
)

// readingAtOnce is how many products' parts are read at a time.
const readingAtOnce = 16

// modalitySource is the source that a modality belongs to; a price is the listing's.
var modalitySource = map[string]coalition{string(tasks.Image): photoSource, string(tasks.Text): textSource, fusion.ReviewModality: reviewSource}

// game is one pair of a user and a product, with the vectors that each set of sources
// gives.
type game struct {
	r       *Recommender
	id      tasks.ProductID
	history parts.History
	user    gather.User
	parts   map[tasks.ProductID]fusion.ProductParts // of the product and of all behind the user
	product gather.Product

	// By the sources that matter to them; nil where nothing is left.
	products map[coalition]map[tasks.ProductID]*fusion.ProductVectors // photo, text, review
	users    map[coalition][]float32                                  // all but popularity
	targets  map[coalition][]float32                                  // photo, text, review, popularity
}

const (
	featureSources = photoSource | textSource | reviewSource
	userSources    = featureSources | behaviourSource | socialSource
	targetSources  = featureSources | popularitySource
)

// game reads what stands behind a pair and makes all vectors.
func (r *Recommender) game(ctx context.Context, user tasks.UserID, product tasks.ProductID) (*game, error) {
	g := &game{r: r, id: product, parts: map[tasks.ProductID]fusion.ProductParts{}, products: map[coalition]map[tasks.ProductID]*fusion.ProductVectors{},
		users: map[coalition][]float32{}, targets: map[coalition][]float32{}}
	var err error
	if g.history, err = r.Parts.History(ctx, user); err != nil {
		return nil, err
	}
	if g.user, err = r.Parts.User(ctx, user, g.history); err != nil {
		return nil, err
	}
	if err := g.read(ctx); err != nil {
		return nil, err
	}
	for s := coalition(0); s <= everything; s++ {
		if f := s & featureSources; g.products[f] == nil {
			if g.products[f], err = g.make(ctx, f); err != nil {
				return nil, err
			}
		}
		if u := s & userSources; !has(g.users, u) {
			if g.users[u], err = g.userOf(ctx, u, g.user.All, g.history, g.products[s&featureSources]); err != nil {
				return nil, err
			}
		}
		if t := s & targetSources; !has(g.targets, t) {
			if g.targets[t], err = g.target(ctx, withSources(g.parts[product], t)); err != nil {
				return nil, err
			}
		}
	}
	// The keys of everything are told by what matters to a vector.
	g.users[everything] = g.users[userSources]
	return g, nil
}

func has(m map[coalition][]float32, s coalition) bool { _, ok := m[s]; return ok }

// read reads the parts of the product and of those behind the user.
func (g *game) read(ctx context.Context) error {
	ids := map[tasks.ProductID]bool{g.id: true}
	for _, p := range g.user.All {
		if p.Product != "" {
			ids[tasks.ProductID(p.Product)] = true
		}
	}
	type result struct {
		id tasks.ProductID
		p  gather.Product
	}
	found := make(chan result, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readingAtOnce)
	for id := range ids {
		group.Go(func() error {
			p, err := g.r.productParts(ctx, id)
			if errors.Is(err, gather.ErrGone) { // written anew this moment: as if it were not there yet
				return nil
			}
			found <- result{id, p}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	close(found)
	for f := range found {
		if f.id == g.id {
			g.product = f.p
		}
		if made := f.p.Parts(); len(made.Parts) > 0 {
			g.parts[f.id] = made
		}
	}
	return nil
}

// productParts reads what a product's vector is made of.
func (r *Recommender) productParts(ctx context.Context, id tasks.ProductID) (gather.Product, error) {
	media, err := r.Parts.Media(ctx, id)
	if err != nil {
		return gather.Product{}, err
	}
	p, err := r.Parts.Product(ctx, id, media)
	if err != nil {
		return p, err
	}
	return p, r.Parts.AddReviews(ctx, &p, rowsAge)
}

// withSources leaves of a product's parts those of some sources.
func withSources(p fusion.ProductParts, s coalition) fusion.ProductParts {
	left := fusion.ProductParts{ID: p.ID, Unpopular: s&popularitySource == 0}
	if s&textSource != 0 {
		left.Price = p.Price
	}
	for _, part := range p.Parts {
		if of := modalitySource[part.Modality]; of == 0 || of&s != 0 {
			left.Parts = append(left.Parts, part)
		}
	}
	return left
}

// make makes the vectors of the products behind the user from some sources.
func (g *game) make(ctx context.Context, s coalition) (map[tasks.ProductID]*fusion.ProductVectors, error) {
	made := map[tasks.ProductID]*fusion.ProductVectors{}
	var batch []fusion.ProductParts
	for _, p := range g.parts {
		if p = withSources(p, s|popularitySource); len(p.Parts) > 0 {
			batch = append(batch, p)
		}
	}
	if len(batch) == 0 {
		return made, nil
	}
	out, err := g.r.Model.Products(ctx, batch)
	if err != nil {
		return nil, fmt.Errorf("explaining: %w", err)
	}
	for i := range out {
		made[tasks.ProductID(batch[i].ID)] = &out[i]
	}
	return made, nil
}

// target makes the product's own vector; nil of nothing.
func (g *game) target(ctx context.Context, p fusion.ProductParts) ([]float32, error) {
	if len(p.Parts) == 0 {
		return nil, nil
	}
	out, err := g.r.Model.Products(ctx, []fusion.ProductParts{p})
	if err != nil {
		return nil, fmt.Errorf("explaining %s: %w", g.id, err)
	}
	return out[0].Vector, nil
}

// partSource is the source that a part of the user belongs to.
func partSource(p *gather.UserPart) coalition {
	switch {
	case p.Group == fusion.Social:
		return socialSource
	case p.Kind == gather.Reviewed:
		return reviewSource
	}
	return behaviourSource
}

// userOf makes the user's vector of the parts of some sources, over products as they were
// made of those sources; nil of nothing. h says which choices there are.
func (g *game) userOf(ctx context.Context, s coalition, all []gather.UserPart, h parts.History, products map[tasks.ProductID]*fusion.ProductVectors) ([]float32, error) {
	u := g.user
	u.All = nil
	for _, p := range all {
		if partSource(&p)&s == 0 {
			continue
		}
		if p.Product != "" {
			made := products[tasks.ProductID(p.Product)]
			if made == nil {
				continue
			}
			p.Vector = made.Vector
		}
		u.All = append(u.All, p)
	}
	in := u.Parts()
	in.Choices = nil
	if s&behaviourSource != 0 {
		for _, c := range h.Choices() {
			if made := products[c.Product]; made != nil {
				in.Choices = append(in.Choices, fusion.Choice{Product: string(c.Product), Source: made.Source, Last: c.Last, Weight: c.Weight})
			}
		}
	}
	out, err := g.r.Model.Users(ctx, []fusion.UserParts{in})
	if err != nil {
		return nil, fmt.Errorf("explaining user %s: %w", g.user.ID, err)
	}
	return out[0].Vector, nil
}

// value is the score that a set of sources gives.
func (g *game) value(s coalition) float64 {
	return scoreOf(g.users[s&userSources], g.targets[s&targetSources])
}

// scoreOf two vectors of which either may be missing.
func scoreOf(user, product []float32) float64 {
	if user == nil || len(user) != len(product) {
		return 0
	}
	return Score(user, nil, product)
}
