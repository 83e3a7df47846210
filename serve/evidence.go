package serve

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"weft/behaviour"
	"weft/client"
	"weft/fusion"
	"weft/gather"
	"weft/tasks"
)

// Bounds of evidence: how many things are left out one by one, those that say most, and
// how many are told.
const (
	mostTried = 30
	mostTold  = 8
)

// evidence leaves out one thing after the other, and tells those without which the score
// falls, the most important first.
func (r *Recommender) evidence(ctx context.Context, g *game) ([]client.ExplanationEvidence, error) {
	whole := g.value(everything)
	own, err := g.ofUser(ctx)
	if err != nil {
		return nil, err
	}
	of, err := g.ofProduct(ctx)
	if err != nil {
		return nil, err
	}
	told := []client.ExplanationEvidence{}
	for _, e := range append(own, of...) {
		if e.Drop = whole - e.Drop; e.Drop > 1e-9 {
			told = append(told, e)
		}
	}
	slices.SortStableFunc(told, func(a, b client.ExplanationEvidence) int { return cmp.Compare(b.Drop, a.Drop) })
	return told[:min(len(told), mostTold)], nil
}

// ofUser lists the rows behind the user's vector, each with the score without it in Drop.
func (g *game) ofUser(ctx context.Context) ([]client.ExplanationEvidence, error) {
	made := g.products[featureSources]
	target := g.targets[targetSources]
	type candidate struct {
		gather.UserPart
		says float64
	}
	byRow := map[gather.Row]*candidate{}
	var all []*candidate
	for _, p := range g.user.All {
		c := byRow[p.Row]
		if c == nil {
			c = &candidate{UserPart: p}
			byRow[p.Row] = c
			all = append(all, c)
		}
		likeness := 1.0 // of words, which are in another space yet
		if p.Product != "" {
			if made[tasks.ProductID(p.Product)] == nil {
				continue
			}
			likeness = scoreOf(made[tasks.ProductID(p.Product)].Vector, target)
		}
		c.says += p.Weight * math.Exp2(-float64(p.Age)/float64(fusion.UserHalfLife)) * likeness
	}
	slices.SortStableFunc(all, func(a, b *candidate) int { return cmp.Compare(b.says, a.says) })
	var out []client.ExplanationEvidence
	for _, c := range all[:min(len(all), mostTried)] {
		left := slices.DeleteFunc(slices.Clone(g.user.All), func(p gather.UserPart) bool { return p.Row == c.Row })
		h := g.history
		if c.Group != fusion.Social {
			h.Events = slices.DeleteFunc(slices.Clone(h.Events), func(e behaviour.Event) bool { return e.ID == c.Row.ID })
			h.Reviews = slices.DeleteFunc(slices.Clone(h.Reviews), func(e behaviour.Review) bool { return e.ID == c.Row.ID })
		}
		user, err := g.userOf(ctx, userSources, left, h, made)
		if err != nil {
			return nil, err
		}
		e := g.describe(&c.UserPart)
		e.Drop = scoreOf(user, target)
		out = append(out, e)
	}
	return out, nil
}

// describe tells of the row behind a part.
func (g *game) describe(p *gather.UserPart) client.ExplanationEvidence {
	e := client.ExplanationEvidence{Kind: "event", ID: p.Row.ID, Type: p.Kind, Product: p.Product}
	switch {
	case p.Group == fusion.Attributes:
		e.Kind, e.ID = "attributes", string(g.user.ID)
	case p.Group == fusion.Social:
		e.Kind, e.Followed = "follow", string(p.Row.From)
	case p.Kind == gather.Reviewed:
		e.Kind, e.Type = "review", ""
		for i := range g.history.Reviews {
			if r := &g.history.Reviews[i]; r.ID == p.Row.ID {
				e.Product = r.Product
			}
		}
	case p.Words != nil:
		e.Query = p.Words.Text
	}
	if p.Row.Time != 0 {
		e.Time = time.UnixMilli(p.Row.Time).UTC().Format(time.RFC3339)
	}
	if entry, known := g.r.Shelf.content.Entry(e.Product); known {
		e.Title, e.Image = entry.Title, entry.Image
	}
	return e
}

// ofProduct lists the photos, the listing and the reviews of the product, each with the
// score without it in Drop. Where the product stands behind the user too, it changes
// there as well.
func (g *game) ofProduct(ctx context.Context) ([]client.ExplanationEvidence, error) {
	whole := g.parts[g.id]
	var out []client.ExplanationEvidence
	order, reviews := g.product.Order(), g.product.Reviews
	reviews = slices.DeleteFunc(slices.Clone(reviews), func(r gather.Review) bool { return r.Vector == nil })
	for i, part := range whole.Parts[:min(len(whole.Parts), mostTried)] {
		var e client.ExplanationEvidence
		switch {
		case i < len(order):
			e = client.ExplanationEvidence{Kind: "photo", ID: order[i], Image: order[i]}
		case part.Modality == fusion.ReviewModality:
			key := reviews[i-len(whole.Parts)+len(reviews)].Key
			e = client.ExplanationEvidence{Kind: "product_review", ID: key[strings.LastIndexByte(key, '/')+1:]}
		default:
			e = client.ExplanationEvidence{Kind: "listing", ID: tasks.ProductPrefix(g.id) + tasks.ListingName}
		}
		e.Product, e.Title = string(g.id), g.product.Listing.Title
		left := whole
		left.Parts = slices.Delete(slices.Clone(whole.Parts), i, i+1)
		if e.Kind == "listing" {
			left.Price = nil
		}
		target, user, err := g.without(ctx, left)
		if err != nil {
			return nil, err
		}
		e.Drop = scoreOf(user, target)
		out = append(out, e)
	}
	return out, nil
}

// without makes both vectors with other parts of the product.
func (g *game) without(ctx context.Context, left fusion.ProductParts) (target, user []float32, err error) {
	if target, err = g.target(ctx, left); err != nil {
		return nil, nil, err
	}
	if !slices.ContainsFunc(g.user.All, func(p gather.UserPart) bool { return p.Product == string(g.id) }) {
		return target, g.users[userSources], nil
	}
	products := map[tasks.ProductID]*fusion.ProductVectors{}
	for id, made := range g.products[featureSources] {
		if id != g.id {
			products[id] = made
		}
	}
	if len(left.Parts) > 0 {
		made, err := g.r.Model.Products(ctx, []fusion.ProductParts{left})
		if err != nil {
			return nil, nil, err
		}
		products[g.id] = &made[0]
	}
	user, err = g.userOf(ctx, userSources, g.user.All, g.history, products)
	return target, user, err
}
