package profile

import (
	"math"
	"time"
)

// Behaviour is what the features of a shopper are made of, up to a moment. All of it may be empty.
type Behaviour struct {
	Events   map[string]int // by type; types of the shop's own count together
	Products int            // different ones touched
	Spent    float64        // value of purchases less returns, in the shop's currency
	Prices   []float64      // of the products touched, as often as they were; unknown ones left out
	First    time.Time      // of the first and the last event; zero without one
	Last     time.Time
	Evenings int     // events from 18 to 24 o'clock, in the zone of First
	Reviews  int     // written
	Rating   float64 // their mean, 1 to 5; 0 without
	Follows  int     // shoppers followed
}

// eventTypes that are counted by themselves, in the order of the features.
var eventTypes = [...]string{"view", "click", "cart", "purchase", "return", "wishlist", "dislike", "share", "search", "follow"}

// BehaviourFeatures names the features of Behaviour.Features, in order.
func BehaviourFeatures() []string {
	names := []string{"log_events"}
	for _, t := range eventTypes {
		names = append(names, "log_"+t)
	}
	return append(names, "log_own_types", "log_products", "log_spent", "mean_log_price", "spread_log_price",
		"log_days_known", "log_days_quiet", "evening_share", "log_reviews", "rating_from_middle")
}

// Features are numbers of the size of 1 that are always finite: logarithms of one plus a count, a sum or a number of
// days, mean and deviation of log(1+price), shares, and the mean rating less 3 over 2 (0 without reviews). At is the
// moment that days are counted to.
func (b Behaviour) Features(at time.Time) []float32 {
	total, own := 0, 0
	for t, n := range b.Events {
		total += n
		if !isKnown(t) {
			own += n
		}
	}
	log := func(x float64) float32 {
		if !(x > 0) { // NaN, and what returns exceed
			return 0
		}
		return float32(math.Log1p(math.Min(x, 1e12)))
	}
	list := []float32{log(float64(total))}
	for _, t := range eventTypes {
		list = append(list, log(float64(b.Events[t])))
	}
	mean, spread := moments(b.Prices)
	var known, quiet, evenings float64
	if !b.First.IsZero() && !b.Last.IsZero() {
		known, quiet = at.Sub(b.First).Hours()/24, at.Sub(b.Last).Hours()/24
	}
	if total > 0 {
		evenings = math.Min(1, float64(max(0, b.Evenings))/float64(total))
	}
	var rating float64
	if b.Reviews > 0 && b.Rating >= 1 && b.Rating <= 5 {
		rating = (b.Rating - 3) / 2
	}
	return append(list, log(float64(own)), log(float64(b.Products)), log(b.Spent), float32(mean), float32(spread),
		log(known), log(quiet), float32(evenings), log(float64(b.Reviews)), float32(rating))
}

func isKnown(t string) bool {
	for _, known := range eventTypes {
		if t == known {
			return true
		}
	}
	return false
}

// moments are mean and deviation of log(1+price) over usable prices.
func moments(prices []float64) (mean, deviation float64) {
	var n, sum, squares float64
	for _, p := range prices {
		if p >= 0 && !math.IsInf(p, 0) {
			l := math.Log1p(p)
			n, sum, squares = n+1, sum+l, squares+l*l
		}
	}
	if n == 0 {
		return 0, 0
	}
	mean = sum / n
	return mean, math.Sqrt(math.Max(0, squares/n-mean*mean))
}
