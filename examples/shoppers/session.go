package shoppers

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// wholeWindow is the length, in days, over which activity counts sessions.
const wholeWindow = 60

// diurnal weighs the hours of a day for the start of a session.
var diurnal = [24]float64{1, .5, .3, .2, .2, .4, 1, 2, 3, 3.5, 4, 4.5, 5, 4.5, 4, 4, 4.5, 5, 6, 7, 8, 7.5, 5, 2.5}

// actor is one shopper at work.
type actor struct {
	sim     *Simulation
	rng     *rand.Rand
	user    string
	i       int
	end     time.Time
	device  string
	weights [kinds][]float64 // of products, running sums
	reviews []Review
}

// act lets shopper i shop from when it comes to the end of the window, appends its events and returns its reviews.
func (s *Simulation) act(c Config, i int) []Review {
	truth := s.Truth[i]
	a := &actor{sim: s, rng: stream(c.Seed, "acts of "+truth.User), user: truth.User, i: i, end: c.Start.AddDate(0, 0, c.Days)}
	a.device = []string{"phone", "laptop", "tablet"}[draw(a.rng, []float64{0.6, 0.3, 0.1})]
	u := s.tastes.appeal(s.natures[i])
	for k := range kinds {
		a.weights[k] = s.tastes.chances(u, kind(k))
		for j := 1; j < len(a.weights[k]); j++ {
			a.weights[k][j] += a.weights[k][j-1]
		}
	}
	// Most are customers from the start on, some come later; of the cold ones the shop has seen a day or two.
	observed := float64(s.Cut.Sub(c.Start))
	came := c.Start.Add(time.Duration(0.1 * a.rng.Float64() * observed))
	switch {
	case truth.Cold:
		came = s.Cut.Add(-time.Duration(60+a.rng.IntN(47*60)) * time.Minute)
	case a.rng.Float64() < 0.3:
		came = c.Start.Add(time.Duration(0.6 * a.rng.Float64() * observed))
	}
	for n, at := range a.sessions(truth, came) {
		a.session(fmt.Sprintf("%s-s%d", truth.User, n+1), at)
	}
	a.follow(came, truth)
	return a.reviews
}

// sessions are the times at which a shopper comes, the first being when it came.
func (a *actor) sessions(t Truth, came time.Time) []time.Time {
	var rate float64 // a day
	for _, level := range activities() {
		if level.Name == t.Activity {
			rate = level.Sessions / wholeWindow
		}
	}
	came = came.Truncate(time.Second)
	times := []time.Time{came}
	from := came
	if t.Cold { // one session is all that the shop has seen of it
		from = a.sim.Cut
	}
	days := int(a.end.Sub(from).Hours() / 24)
	for range poisson(a.rng, rate*float64(days)) {
		day := from.Truncate(24*time.Hour).AddDate(0, 0, a.rng.IntN(days))
		at := day.Add(time.Duration(draw(a.rng, diurnal[:]))*time.Hour + time.Duration(a.rng.IntN(3600))*time.Second)
		if at.After(from) && at.Before(a.end) {
			times = append(times, at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// session makes two to six choices, or one or two in the first session of a cold shopper.
func (a *actor) session(name string, at time.Time) {
	choices := 2 + a.rng.IntN(5)
	if a.sim.Truth[a.i].Cold && at.Before(a.sim.Cut) {
		choices = 1 + a.rng.IntN(2)
	}
	ctx := Context{Simulated: true, Session: name, Device: a.device}
	for range choices {
		k := kind(draw(a.rng, kindShares[:]))
		p := a.choose(k)
		// The oracle sees what the shop sees: nothing from the cut on. A choice that spans the cut belongs to the future.
		if next := a.choice(k, p, at, ctx); next.Before(a.end) {
			at = next
		} else {
			return
		}
	}
}

func (a *actor) choose(k kind) int {
	sums := a.weights[k]
	p, _ := slices.BinarySearch(sums, a.rng.Float64()*sums[len(sums)-1])
	return min(p, len(sums)-1)
}

// choice emits the events of one choice and returns when the next may begin. A choice that would run past the cut
// begins after it.
func (a *actor) choice(k kind, p int, at time.Time, ctx Context) time.Time {
	const longest = 6 * time.Minute
	if at.Before(a.sim.Cut) && !at.Add(longest).Before(a.sim.Cut) {
		at = a.sim.Cut
	}
	if !at.Add(longest).Before(a.end) {
		return a.end
	}
	if at.Before(a.sim.Cut) {
		a.sim.seen[a.i][k] = append(a.sim.seen[a.i][k], p)
	}
	product := a.sim.tastes.products[p]
	emit := func(what string, value float64, query string) {
		e := Event{User: a.user, Product: product.ID, Type: what, Time: at, Value: value, Query: query, Context: ctx}
		if what == "search" {
			e.Product = ""
		}
		a.sim.Events = append(a.sim.Events, e)
		at = at.Add(time.Duration(5+a.rng.IntN(50)) * time.Second)
	}
	if k == consider && product.Category != "" && a.rng.Float64() < 0.25 {
		emit("search", 0, strings.ToLower(strings.TrimSpace(product.Colour+" "+product.Category)))
	}
	emit("view", 0, "")
	switch k {
	case consider:
		emit("click", 0, "")
		switch x := a.rng.Float64(); {
		case x < 0.25:
			emit("cart", 0, "")
		case x < 0.50:
			emit("wishlist", 0, "")
		case x < 0.60:
			emit("share", 0, "")
		}
	case buy:
		emit("click", 0, "")
		emit("cart", 0, "")
		emit("purchase", product.Price, "")
		a.afterwards(p, at, ctx)
	case dislike:
		emit("dislike", 0, "")
	}
	return at.Add(time.Duration(10+a.rng.IntN(120)) * time.Second)
}

// afterwards lets a buyer send the product back or review it, by its quality alone.
func (a *actor) afterwards(p int, bought time.Time, ctx Context) {
	quality := a.sim.tastes.quality[p]
	product := a.sim.tastes.products[p]
	if a.rng.Float64() < 0.04+0.14*(1-quality) {
		at := bought.Add(time.Duration(72+a.rng.IntN(240)) * time.Hour)
		if at.Before(a.end) {
			a.sim.Events = append(a.sim.Events, Event{User: a.user, Product: product.ID, Type: "return", Time: at, Value: product.Price, Context: ctx})
		}
	}
	if a.rng.Float64() < 0.3 {
		at := bought.Add(time.Duration(48+a.rng.IntN(192)) * time.Hour)
		rating := int(math.Round(min(5, max(1, 1.5+3.2*quality+0.8*a.rng.NormFloat64()))))
		title, text := words(a.rng, product, rating)
		r := Review{User: a.user, Product: product.ID, Rating: rating, Title: title, Text: text, Time: at, Helpful: poisson(a.rng, 1.5), Simulated: true}
		if at.Before(a.end) {
			a.reviews = append(a.reviews, r)
		}
	}
}

// follow picks up to six other shoppers, more likely those of the same city, interests and archetype.
func (a *actor) follow(came time.Time, t Truth) {
	others := len(a.sim.Truth)
	count := min(poisson(a.rng, 1.5), 6, others-1)
	if t.Cold {
		count = min(count, 1)
	}
	chosen := map[int]bool{a.i: true}
	for range count {
		// Of a hundred shoppers met by chance one is taken: a shop's people do not know each other all.
		var met []int
		var weights []float64
		for range min(100, 2*others) {
			j := a.rng.IntN(others)
			if chosen[j] {
				continue
			}
			shared := bits.OnesCount16(a.sim.natures[a.i].interests & a.sim.natures[j].interests)
			w := 1 + 4*float64(shared*shared)
			if a.sim.Truth[j].City == t.City {
				w *= 3
			}
			if a.sim.natures[a.i].archetype == a.sim.natures[j].archetype {
				w *= 3
			}
			met, weights = append(met, j), append(weights, w)
		}
		if len(met) == 0 {
			return
		}
		j := met[draw(a.rng, weights)]
		chosen[j] = true
		at := came.Add(time.Duration(a.rng.Float64() * float64(a.end.Sub(came)))).Truncate(time.Second)
		a.sim.Events = append(a.sim.Events, Event{User: a.user, Type: "follow", Time: at, TargetUser: a.sim.Truth[j].User, Context: Context{Simulated: true, Device: a.device}})
	}
}
