package serve

import (
	"context"
	"errors"
	"fmt"

	"weft/behaviour"
	"weft/client"
	"weft/fusion"
	"weft/gather"
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
	// Standing is what the shop asks of every list.
	Standing Standing
	// UserVector reads a user's vector of the shelf's generation. Errors:
	// vectors.ErrNotFound.
	UserVector func(ctx context.Context, id tasks.UserID) (vectors.Record, error)
	// Parts and Model make vectors anew, for explanations and without others. Nil: no
	// answer that needs them, see ErrNoModel.
	Parts *gather.Reader
	Model fusion.Model
	// Texts reads the text of a context. Nil: its words are compared with those of
	// products instead.
	Texts Texts
	// Guess tells attributes of Shopper; nil: none are told.
	Guess Guesser
}

// ErrNoModel reports that this process cannot make vectors.
var ErrNoModel = errors.New("no vectors can be made here")

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
	Filter      Filter
	Boosts      []Boost
	Context     client.Context
	// Diversity, 0 to 1, is how much unlikeness counts in the order; see diverse.
	Diversity float64
	// IncludeBought lets in what the user has bought.
	IncludeBought bool
	// Social is one of client's constants; "" is client.SocialFollowed.
	Social string
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
// (a vector of another generation than the shelf's), ErrNoModel, those of the stores.
func (r *Recommender) Recommend(ctx context.Context, a Ask) (client.Recommendations, error) {
	if a.Social == "" {
		a.Social = client.SocialFollowed
	}
	out := client.Recommendations{User: string(a.User), Anchor: string(a.Anchor), Generation: string(r.Shelf.Generation), Social: a.Social,
		Diversity: a.Diversity, Items: []client.Item{}}
	if _, known := r.Shelf.content.Entry(string(a.Anchor)); a.Anchor != "" && !known {
		return out, fmt.Errorf("%w: %q", ErrAnchor, a.Anchor)
	}
	if a.PerCategory == 0 && a.Anchor == "" {
		a.PerCategory = (4*a.K + 4) / 5
	}
	a = r.Standing.with(a, r.Snapshot, &out)
	past, err := r.past(ctx, a.User)
	if err != nil {
		return out, err
	}
	out.Why = past.why
	bought := past.bought
	if a.IncludeBought {
		bought = nil
	}
	out.Excluded = len(bought)
	keep := func(e *Entry) bool { return !bought[e.ID] && e.ID != string(a.Anchor) && a.Filter.Keep(e) }
	vector, err := r.vectorFor(ctx, a, past)
	if err != nil {
		return out, err
	}
	if vector != nil {
		out.Why = ""
	}
	way, err := r.way(a, vector)
	if err != nil {
		return out, err
	}
	lift := lift{boosts: a.Boosts}
	if a.Social == client.SocialAlike && past.why != whyDeclined {
		lift.alike = r.Snapshot.alike(string(a.User), past.liked)
	}
	var hits []Hit
	if a.Context == (client.Context{}) {
		hits, err = r.list(ctx, a, way, keep, &lift)
	} else {
		hits, err = r.inContext(ctx, a, way, keep, &lift, &out)
	}
	if err != nil {
		return out, err
	}
	r.tell(&out, way, hits, &lift)
	return out, nil
}

// tell fills in the answer.
func (r *Recommender) tell(out *client.Recommendations, w way, hits []Hit, l *lift) {
	out.Road = w.road
	if out.Road == client.RoadPopular && (len(r.Snapshot.popularity) == 0 || len(hits) > 0 && r.Snapshot.popularity[hits[0].ID] == 0) {
		out.Road = client.RoadNewest
	}
	if out.Road == client.RoadPopular || out.Road == client.RoadPopularInCategory {
		out.AsOf = &r.Snapshot.AsOf
	}
	if w.road == client.RoadAnchor {
		out.Affinity = &w.affinity
	}
	out.Boosts = l.effects(hits)
	adjusted := !l.none() || out.Context != nil && out.Context.Share > 0
	for i := range hits {
		h := &hits[i]
		item := client.Item{ID: h.ID, Score: w.final(h.Score), Title: h.Title, Category: h.Category, Price: h.Price, Image: h.Image}
		if adjusted {
			item.Adjusted = &client.Adjusted{Score: item.Score, Factor: l.of(&h.Entry), Reasons: l.reasons(&h.Entry)}
			item.Score = w.final(float32(r.plain(w, h.ID)))
		}
		out.Items = append(out.Items, item)
	}
}

// vectorFor is the vector to recommend by, nil where there is none.
func (r *Recommender) vectorFor(ctx context.Context, a Ask, p past) ([]float32, error) {
	if p.why == whyDeclined {
		return nil, nil
	}
	v, err := r.UserVector(ctx, a.User)
	if errors.Is(err, vectors.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("vector of user %s: %w", a.User, err)
	}
	if a.Social == client.SocialOff {
		return r.alone(ctx, a.User)
	}
	return v.Vector, nil
}

// alone makes a user's vector without those followed; nil where nothing else speaks.
func (r *Recommender) alone(ctx context.Context, id tasks.UserID) ([]float32, error) {
	if r.Parts == nil || r.Model == nil {
		return nil, ErrNoModel
	}
	h, err := r.Parts.History(ctx, id)
	if err != nil {
		return nil, err
	}
	h.Followed = nil
	u, err := r.Parts.User(ctx, id, h)
	if err != nil {
		return nil, err
	}
	made, err := r.Model.Users(ctx, []fusion.UserParts{u.Parts()})
	if err != nil {
		return nil, fmt.Errorf("user %s without those followed: %w", id, err)
	}
	return made[0].Vector, nil
}
