package serve

import (
	"context"
	"errors"
	"fmt"
	"math"

	"weft/behaviour"
	"weft/client"
	"weft/storage/vectors"
	"weft/tasks"
)

// Errors of Recommender.Explain beside those of Shopper.
var (
	// ErrProduct: the product is not on the shelf.
	ErrProduct = errors.New("no such product")
)

// sameScore is how far a score may be from the published one by rounding.
const sameScore = 1e-4

// Explain says why a product has its score for a user: by exact Shapley values over six
// sources. For each of their 64 sets the vectors of the user, of the products behind it
// and of this product are made anew of what the set holds, through the fusion that the
// published ones went through; a vector of which nothing is left scores 0. Evidence is
// what the score falls by when one thing is left out, made anew likewise.
//
// A user without a vector gets the product's popularity explained. Errors:
// ErrUnknownUser, ErrDeclined (then nothing but the consent was read), ErrProduct,
// ErrNoModel, those of the stores.
func (r *Recommender) Explain(ctx context.Context, user tasks.UserID, product tasks.ProductID) (client.Explanation, error) {
	out := client.Explanation{User: string(user), Product: string(product), Generation: string(r.Shelf.Generation), Evidence: []client.ExplanationEvidence{}}
	p, err := r.past(ctx, user)
	if err != nil {
		return out, err
	}
	if p.why == whyDeclined || p.why == whyUnknown && !r.wrote(ctx, user) {
		return out, r.notTold(ctx, user, p.why)
	}
	entry, known := r.Shelf.content.Entry(string(product))
	if !known {
		return out, fmt.Errorf("%w: %q", ErrProduct, product)
	}
	if r.Parts == nil || r.Model == nil {
		return out, ErrNoModel
	}
	out.Title, out.Image = entry.Title, entry.Image
	out.Cold = r.Snapshot.popularity[entry.ID] == 0
	g, err := r.game(ctx, user, product)
	if err != nil {
		return out, err
	}
	published, err := r.UserVector(ctx, user)
	if err != nil && !errors.Is(err, vectors.ErrNotFound) {
		return out, fmt.Errorf("vector of user %s: %w", user, err)
	}
	if g.users[everything] == nil {
		out.Road, out.Why, out.Current = client.RoadPopular, whyNoVector, published.Vector == nil
		out.Score = r.Snapshot.popularity[entry.ID]
		out.Shares.Popularity = out.Score
		out.Sentence = sentence(out)
		return out, nil
	}
	out.Road = client.RoadPersonal
	out.Score, out.Baseline = g.value(everything), g.value(0)
	ranked, _ := r.Shelf.Ranking().Vector(entry.ID)
	out.Current = len(ranked) == len(published.Vector) && math.Abs(Score(published.Vector, nil, ranked)-out.Score) <= sameScore
	out.Shares = shares(g.value)
	if out.Evidence, err = r.evidence(ctx, g); err != nil {
		return out, err
	}
	out.Sentence = sentence(out)
	return out, nil
}

// wrote tells whether there is a review by a user.
func (r *Recommender) wrote(ctx context.Context, user tasks.UserID) bool {
	if r.Behaviour == nil {
		return false
	}
	reviews, _, err := r.Behaviour.Reviews.Within(ctx, behaviour.UserPrefix(user), 1)
	return err == nil && len(reviews) > 0
}

// notTold tells one who declined from one who is not known.
func (r *Recommender) notTold(ctx context.Context, user tasks.UserID, why string) error {
	if why == whyUnknown {
		return ErrUnknownUser
	}
	_, known, err := r.Behaviour.Users.Get(ctx, string(user))
	if err != nil {
		return fmt.Errorf("user %s: %w", user, err)
	}
	if !known {
		return ErrUnknownUser
	}
	return ErrDeclined
}

// coalition is a set of sources.
type coalition uint8

const (
	photoSource coalition = 1 << iota
	textSource
	reviewSource
	behaviourSource
	popularitySource
	socialSource

	sources    = 6
	everything = 1<<sources - 1
)

// shares are the Shapley values: of each source what it adds to every set of the others,
// weighted so that all orders of joining count alike.
func shares(value func(coalition) float64) client.Shares {
	weight := func(others int) float64 { // others!·(sources−1−others)!/sources!
		return 1 / (sources * binomial(sources-1, others))
	}
	var phi [sources]float64
	for i := range phi {
		for s := coalition(0); s <= everything; s++ {
			if s&(1<<i) == 0 {
				phi[i] += weight(size(s)) * (value(s|1<<i) - value(s))
			}
		}
	}
	return client.Shares{Photo: phi[0], Text: phi[1], Reviews: phi[2], Behaviour: phi[3], Popularity: phi[4], Social: phi[5]}
}

func size(s coalition) (n int) {
	for ; s > 0; s &= s - 1 {
		n++
	}
	return n
}

func binomial(n, k int) float64 {
	b := 1.0
	for i := range k {
		b = b * float64(n-i) / float64(i+1)
	}
	return b
}
