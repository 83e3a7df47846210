package parts

import (
	"math"

	"weft/behaviour"
)

// Version is raised with any change to what takes part, to its weights, or to the
// fusion of shoppers: every shopper's vector is then stale and is made again. The
// rules of package clean have a version of their own, which counts as well.
const Version = 1

// weights is how much an event says about its product. That a purchase says five times
// as much as a view is a choice, not measured; a trained fusion replaces it.
var weights = map[string]float64{
	behaviour.Purchase: 5,
	behaviour.Cart:     3,
	behaviour.Wishlist: 2.5,
	behaviour.Share:    2,
	behaviour.Click:    1.5,
	behaviour.View:     1,
	behaviour.Dislike:  -3,
	behaviour.Return:   -4, // takes back most of its purchase
	behaviour.Search:   0,  // its words count, see SearchWeight
	behaviour.Follow:   0,  // whom it names counts
}

// The weights of what is not an event.
const (
	OwnTypeWeight = 1   // of an event type of the shop's own, as a view's
	SearchWeight  = 1   // of the words of a search
	reviewWeight  = 4   // of a review of the best or the worst rating, about its product
	neutral       = 3.0 // the rating that says neither yes nor no
	unrated       = 0.5 // of the words of a review without a rating
)

// Full is the weight of a product that was viewed, opened, put into the cart and bought: more says no more.
func Full() float64 {
	return Weight(behaviour.View) + Weight(behaviour.Click) + Weight(behaviour.Cart) + Weight(behaviour.Purchase)
}

// Weight is how much an event of a type says about its product: negative against it,
// 0 nothing.
func Weight(eventType string) float64 {
	if w, known := weights[eventType]; known {
		return w
	}
	return OwnTypeWeight
}

// OpinionWeights are how much a review says about its product, and how much its words
// say about its writer: by the distance of its rating from neutral, negative below it.
func OpinionWeights(r *behaviour.Review) (product, words float64) {
	if r.Rating == nil || math.IsNaN(*r.Rating) {
		return 0, unrated
	}
	opinion := min(max((*r.Rating-neutral)/2, -1), 1)
	return reviewWeight * opinion, opinion
}
