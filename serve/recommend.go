package serve

import (
	"context"
	"errors"
	"fmt"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/client"
	"weft/storage/vectors"
	"weft/tasks"
)

// ErrAnchor reports an anchor that is not on the shelf.
var ErrAnchor = errors.New("no such product to recommend beside")

// Recommender answers for the shoppers of one tenant. It is made of what others keep
// and costs nothing to make; all of it is safe for concurrent use.
type Recommender struct {
	Shelf    *Shelf
	Snapshot *Snapshot
	// Behaviour is read for consent, for what was bought and for profiles, as of its
	// last refresh. Nil: nobody is known to have done anything.
	Behaviour *behaviour.Tables
	// Consent is what a shopper who said nothing is taken to have said about profiling.
	Consent bool
	// UserVector reads a user's vector of the shelf's generation. Errors:
	// vectors.ErrNotFound.
	UserVector func(ctx context.Context, id tasks.UserID) (vectors.Record, error)
}

// Ask is what a list is wanted for.
type Ask struct {
	User tasks.UserID
	// Anchor is the product being viewed, "" for none.
	Anchor tasks.ProductID
	// K is how many, at least 1.
	K int
	// PerCategory is how many may share a category, as far as there are others; 0: four
	// fifths of K, rounded up, and with an anchor any number.
	PerCategory int
}

// Why a list is not personal.
const (
	whyUnknown  = "nothing is known of the user"
	whyNoVector = "the user has no vector yet"
	whyDeclined = "the user has not agreed to profiling"
)

// Recommend lists what suits a user, the best first. What the user has bought is left
// out, returned or not: one who sent a product back knows it. A user who declined
// profiling gets the list of one who is not known, and nothing the user did is looked
// at. Fewer than K come where the shelf has not as many. Errors: ErrAnchor, ErrVector
// (a vector of another generation than the shelf's), those of the stores.
func (r *Recommender) Recommend(ctx context.Context, a Ask) (client.Recommendations, error) {
	out := client.Recommendations{User: string(a.User), Anchor: string(a.Anchor), Generation: string(r.Shelf.Generation), Social: client.SocialFollowed, Items: []client.Item{}}
	if _, known := r.Shelf.content.Entry(string(a.Anchor)); a.Anchor != "" && !known {
		return out, fmt.Errorf("%w: %q", ErrAnchor, a.Anchor)
	}
	if a.PerCategory == 0 && a.Anchor == "" {
		a.PerCategory = (4*a.K + 4) / 5
	}
	bought, why, err := r.bought(ctx, a.User)
	if err != nil {
		return out, err
	}
	out.Why, out.Excluded = why, len(bought)
	keep := func(e *Entry) bool { return !bought[e.ID] && e.ID != string(a.Anchor) }
	var vector []float32
	if why != whyDeclined {
		v, err := r.UserVector(ctx, a.User)
		if err != nil && !errors.Is(err, vectors.ErrNotFound) {
			return out, fmt.Errorf("vector of user %s: %w", a.User, err)
		}
		if vector = v.Vector; vector != nil {
			out.Why = ""
		}
	}
	hits, err := r.list(ctx, a, vector, keep, &out)
	for _, h := range hits {
		out.Items = append(out.Items, client.Item{ID: h.ID, Score: float64(h.Score), Title: h.Title, Category: h.Category, Price: h.Price, Image: h.Image})
	}
	return out, err
}

// list takes the road that the vector and the anchor allow.
func (r *Recommender) list(ctx context.Context, a Ask, vector []float32, keep func(*Entry) bool, out *client.Recommendations) ([]Hit, error) {
	var beside []float32 // the anchor's content
	if a.Anchor != "" {
		beside, _ = r.Shelf.content.Vector(string(a.Anchor))
	}
	switch {
	case vector != nil && beside != nil:
		out.Road = client.RoadAnchor
		anchor, _ := r.Shelf.Ranking().Vector(string(a.Anchor))
		if len(anchor) != len(vector) {
			return nil, fmt.Errorf("%w: the user has %d dimensions, the products have %d", ErrVector, len(vector), len(anchor))
		}
		affinity := Score(vector, nil, anchor)
		affinity = min(1, max(0, affinity))
		out.Affinity = &affinity
		hits, err := full(ctx, r.Shelf.content, beside, a, keep)
		for i := range hits { // the order is the anchor's, also where the affinity is 0
			hits[i].Score = float32(affinity) * max(0, hits[i].Score)
		}
		return hits, err
	case vector != nil:
		out.Road = client.RoadPersonal
		return full(ctx, r.Shelf.Ranking(), vector, a, keep)
	}
	category := ""
	if beside != nil {
		e, _ := r.Shelf.content.Entry(string(a.Anchor))
		category = e.Category
	}
	hits := r.Snapshot.popular(r.Shelf, category, a.K, a.PerCategory, keep)
	popular := len(hits) > 0 && hits[0].Score > 0
	switch {
	case popular && category != "":
		out.Road = client.RoadPopularInCategory
	case beside != nil:
		out.Road = client.RoadSimilar
		return full(ctx, r.Shelf.content, beside, a, keep)
	case popular:
		out.Road = client.RoadPopular
	default:
		out.Road = client.RoadNewest
	}
	if popular {
		out.AsOf = &r.Snapshot.AsOf
	}
	return hits, nil
}

// full is Near within the limit for each category; where that leaves fewer than K, the
// nearest of what it kept out follow.
func full(ctx context.Context, n *Neighbours, q []float32, a Ask, keep func(*Entry) bool) ([]Hit, error) {
	hits, err := n.Near(ctx, q, Search{K: a.K, PerCategory: a.PerCategory, Keep: keep})
	if err != nil || len(hits) == a.K || a.PerCategory == 0 {
		return hits, err
	}
	have := make(map[string]bool, len(hits))
	for _, h := range hits {
		have[h.ID] = true
	}
	more, err := n.Near(ctx, q, Search{K: a.K - len(hits), Keep: func(e *Entry) bool { return !have[e.ID] && keep(e) }})
	return append(hits, more...), err
}

// bought reads which products a user has bought, and why there may be no vector.
func (r *Recommender) bought(ctx context.Context, id tasks.UserID) (map[string]bool, string, error) {
	if r.Behaviour == nil {
		return nil, whyUnknown, nil
	}
	said, known, err := r.Behaviour.Users.Get(ctx, string(id))
	if err != nil {
		return nil, "", fmt.Errorf("consent of user %s: %w", id, err)
	}
	if !r.consents(said.Profiling) {
		return nil, whyDeclined, nil
	}
	events, _, err := r.Behaviour.Events.Within(ctx, behaviour.UserPrefix(id), clean.MostRows)
	if err != nil {
		return nil, "", fmt.Errorf("events of user %s: %w", id, err)
	}
	if !known && len(events) == 0 {
		return nil, whyUnknown, nil
	}
	bought := map[string]bool{}
	for i := range events {
		if events[i].Type == behaviour.Purchase && events[i].Product != "" {
			bought[events[i].Product] = true
		}
	}
	return bought, whyNoVector, nil
}

func (r *Recommender) consents(said string) bool { return said == "yes" || said == "" && r.Consent }
