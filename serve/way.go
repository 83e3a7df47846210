package serve

import (
	"context"
	"fmt"

	"weft/client"
)

// way is how products are found and scored for one request.
type way struct {
	road     string
	index    *Neighbours // that is searched; nil: by popularity
	query    []float32
	affinity float64 // of road anchor: factor of every score
	category string  // of the popular roads: comes first
}

// final is the score that is told, of what a search gave.
func (w way) final(score float32) float64 {
	if w.road == client.RoadAnchor { // the order is the anchor's, also where the affinity is 0
		return w.affinity * float64(max(0, score))
	}
	return float64(score)
}

// way takes the road that the user's vector, if there is one, and the anchor allow.
func (r *Recommender) way(a Ask, vector []float32) (way, error) {
	var beside []float32 // the anchor's content
	if a.Anchor != "" {
		beside, _ = r.Shelf.content.Vector(string(a.Anchor))
	}
	switch {
	case vector != nil && beside != nil:
		anchor, _ := r.Shelf.Ranking().Vector(string(a.Anchor))
		if len(anchor) != len(vector) {
			return way{}, fmt.Errorf("%w: the user has %d dimensions, the products have %d", ErrVector, len(vector), len(anchor))
		}
		return way{road: client.RoadAnchor, index: r.Shelf.content, query: beside, affinity: min(1, max(0, Score(vector, nil, anchor)))}, nil
	case vector != nil:
		return way{road: client.RoadPersonal, index: r.Shelf.Ranking(), query: vector}, nil
	case beside == nil:
		return way{road: client.RoadPopular}, nil
	}
	e, _ := r.Shelf.content.Entry(string(a.Anchor))
	if r.Snapshot.popularIn(e.Category, e.ID) {
		return way{road: client.RoadPopularInCategory, category: e.Category}, nil
	}
	return way{road: client.RoadSimilar, index: r.Shelf.content, query: beside}, nil
}

// list finds K products by a way, each category within the limit; where that leaves
// fewer, the best of what the limit kept out follow.
func (r *Recommender) list(ctx context.Context, a Ask, w way, keep func(*Entry) bool, l *lift) ([]Hit, error) {
	n := a.K
	if a.Diversity > 0 {
		n = poolFor(a.K)
	}
	if a.Filter.oneCategory() { // the limit would keep out what fills the list in the end
		a.PerCategory = 0
	}
	hits, err := r.find(ctx, w, Search{K: n, PerCategory: a.PerCategory, Keep: keep, Sparse: a.Filter.clauses != nil}, l)
	if err != nil {
		return nil, err
	}
	if a.Diversity > 0 {
		hits = diverse(r.Shelf.content, hits, a.K, a.Diversity)
	}
	if len(hits) == a.K || a.PerCategory == 0 {
		return hits, nil
	}
	have := make(map[string]bool, len(hits))
	for i := range hits {
		have[hits[i].ID] = true
	}
	more, err := r.find(ctx, w, Search{K: a.K - len(hits), Sparse: true, Keep: func(e *Entry) bool { return !have[e.ID] && keep(e) }}, l)
	return append(hits, more...), err
}

// find is one search.
func (r *Recommender) find(ctx context.Context, w way, s Search, l *lift) ([]Hit, error) {
	if !l.none() {
		s.Factor, s.MostFactor = l.of, l.most()
	}
	if w.index == nil {
		return r.Snapshot.popular(r.Shelf, w.category, s), nil
	}
	return w.index.Near(ctx, w.query, s)
}

// plain is a product's score by a way without anything else.
func (r *Recommender) plain(w way, id string) float64 {
	if w.index == nil {
		return r.Snapshot.popularity[id]
	}
	v, _ := w.index.Vector(id)
	if len(v) != len(w.query) {
		return 0 // gone meanwhile
	}
	return cosineOf(w.query, v)
}
