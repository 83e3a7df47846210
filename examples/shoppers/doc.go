// Package shoppers simulates shoppers with known tastes over a catalogue. Nothing in it is about real people: ids begin
// with "sim-", every event's context says simulated, and the tables that tie attributes to tastes are invented, with no
// other aim than to be learnable.
//
// # The model
//
// A shopper is drawn from stated probabilities (attributes.go): gender, age band, two to four interests given both, a
// price level given the age, a city, and one of twelve archetypes that is tied to none of them and is the shopper's own
// taste. Together they give every product p an appeal u(p), a sum of one table entry each (tilts.go) for the product's
// category, colour family, style and price tier. In a session the shopper makes choices of four kinds, and a choice of
// kind k falls on product p with probability
//
//	P(p | shopper, k) = q(p)·exp(β(k)·u(p)) / Σ over products of the same     β: browse ½, consider 1, buy 1½, dislike -½
//
// where q is a popularity that products have by themselves. Choices become events: a view alone for a browse; a click,
// and perhaps a search before it and a cart, wish or share after it, for a product considered; view, click, cart and
// purchase, perhaps a return, for one bought. How much a shopper does, when, with what consent and which attributes are
// left out says nothing about taste. Follows prefer shoppers of the same city, interests and archetype.
//
// # What can be known
//
// Because choices depend on attributes by a formula, the best possible guess of an attribute can be computed: Oracle
// sums the exact posterior over all combinations. No model that learns from the shopping events can expect to do better,
// and a profile model is judged against it. (Follows carry a little more, which the oracle does not use.) In the same
// way Best ranks products as a recommender would that had been told everything.
//
// What happens in the last part of the window is kept apart, in Simulation.Future: it is what a recommender is measured
// on, and never part of the rows that are imported.
//
// The same Config gives the same bytes on every run of one architecture (another one may round the last bit of an
// exponential otherwise, which moves a choice about once in 10¹² draws).
package shoppers
