package worker

import (
	"context"
	"fmt"
	"time"

	"weft/behaviour"
	"weft/behaviour/parts"
	"weft/fusion"
	"weft/storage/lake"
	"weft/tasks"
)

// gatheredUser is what a shopper's vector is made of.
type gatheredUser struct {
	parts   []fusion.UserPart
	sources string
	newest  int64 // when the newest row was taken in, Unix ms
}

// gatherUser turns what counts of a shopper into parts in product space: the vectors of
// products, and texts.
func (w *Worker) gatherUser(ctx context.Context, id tasks.UserID, h parts.History) (g gatheredUser, err error) {
	defer w.metrics.time("gather")()
	if h.Declined || h.Empty {
		return g, nil
	}
	tips := map[tasks.UserID][]behaviour.Event{}
	wanted := h.Products()
	for _, other := range h.Followed {
		theirs, err := w.history(ctx, other)
		if err != nil {
			return g, err
		}
		tips[other] = theirs.Tips()
		for _, tip := range tips[other] {
			wanted = append(wanted, tasks.ProductID(tip.Product))
		}
	}
	products, err := w.products(ctx, wanted)
	if err != nil {
		return g, err
	}
	known := func(id tasks.ProductID) uint64 { return products[id].short }
	g.sources = parts.Sources(h.Own(known), h.Followed, func(id tasks.UserID) uint64 { return parts.Passed(tips[id], known) })

	newest := h.Newest()
	for i := range h.Events {
		e := &h.Events[i]
		g.newest = max(g.newest, e.Version)
		g.add(fusion.Acts, parts.Weight(e.Type), newest-e.Time, products[tasks.ProductID(e.Product)].vector)
		if parts.IsSearch(e) {
			if err := w.addText(ctx, &g, fusion.Words, parts.SearchWeight, newest-e.Time, e.Query); err != nil {
				return g, err
			}
		}
	}
	for i := range h.Reviews {
		r := &h.Reviews[i]
		g.newest = max(g.newest, r.Version)
		product, words := parts.OpinionWeights(r)
		g.add(fusion.Acts, product, newest-r.Time, products[tasks.ProductID(r.Product)].vector)
		if err := w.addText(ctx, &g, fusion.Words, words, newest-r.Time, r.ReadText()); err != nil {
			return g, err
		}
	}
	if err := w.addText(ctx, &g, fusion.Attributes, 1, 0, parts.AttributesText(h.User)); err != nil {
		return g, err
	}
	g.addTips(h.Followed, tips, products)
	return g, nil
}

// add takes a part that says something.
func (g *gatheredUser) add(group fusion.UserGroup, weight float64, ageMS int64, vector []float32) {
	if vector == nil || weight == 0 {
		return
	}
	age := min(time.Duration(max(ageMS, 0)), mostAge/time.Millisecond) * time.Millisecond
	g.parts = append(g.parts, fusion.UserPart{Group: group, Weight: weight, Age: age, Vector: vector})
}

// mostAge: what is older weighs nothing measurable.
const mostAge = 100 * 365 * 24 * time.Hour

func (w *Worker) addText(ctx context.Context, g *gatheredUser, group fusion.UserGroup, weight float64, ageMS int64, text string) error {
	if text == "" || weight == 0 {
		return nil
	}
	feature, err := w.words(ctx, text)
	if err != nil || feature == nil {
		return err
	}
	vector, _, err := w.Fusion.Fuse([]fusion.Part{{Modality: string(tasks.Text), Weight: 1, Vector: feature}})
	if err != nil {
		return &fault{reason: tasks.ReasonNotFinite, stage: "fuse", err: err}
	}
	g.add(group, weight, ageMS, vector)
	return nil
}

// addTips adds what those followed pass on, as old as they are beside the newest of it.
func (g *gatheredUser) addTips(followed []tasks.UserID, tips map[tasks.UserID][]behaviour.Event, products map[tasks.ProductID]product) {
	newest := int64(0)
	for _, some := range tips {
		for _, tip := range some {
			newest = max(newest, tip.Time)
		}
	}
	for _, id := range followed {
		for _, tip := range tips[id] {
			g.add(fusion.Social, parts.Weight(tip.Type), newest-tip.Time, products[tasks.ProductID(tip.Product)].vector)
		}
	}
}

// product is what a shopper's vector needs of one.
type product struct {
	vector []float32
	short  uint64 // of its sources
}

// products looks the vectors up, in the lake: they are those that their sources tell.
// Unknown ones are absent from the result.
func (w *Worker) products(ctx context.Context, ids []tasks.ProductID) (map[tasks.ProductID]product, error) {
	found := make(map[tasks.ProductID]product, len(ids))
	for attempt := range 2 {
		missing := false
		for _, id := range ids {
			if _, ok := found[id]; ok {
				continue
			}
			row, ok, err := w.Lake.Products.Get(ctx, lake.ProductKey(string(w.Generation), string(id)))
			if err != nil {
				return nil, fmt.Errorf("reading the vector of product %s: %w", id, err)
			}
			if missing = missing || !ok; ok {
				found[id] = product{row.Vector, parts.Short(row.Sources)}
			}
		}
		if !missing || !w.Shared || attempt > 0 {
			break
		}
		if err := w.Lake.Products.RefreshIfOlder(ctx, repeatAge); err != nil {
			return nil, fmt.Errorf("looking for products: %w", err)
		}
	}
	return found, nil
}
