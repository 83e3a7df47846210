package parts

import (
	"cmp"
	"slices"
	"strings"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/tasks"
)

// Bounds of what is looked at for one shopper.
const (
	// MostRows is how many events, and how many reviews, of one shopper are read at
	// all. One with more events is a bot.
	MostRows = clean.MostRows
	// NewestReviews is how many of the shopper's own reviews count.
	NewestReviews = 20
	// MostFollowed is how many of those followed count: the ones followed last.
	MostFollowed = 20
	// MostTips is how many products count of each of them: what they bought, put in
	// the cart or wished for last.
	MostTips = 5
)

// Rows are the rows of one shopper as the lake holds them. Events and reviews may come
// in any order; with more than MostRows events it is enough to give one more.
type Rows struct {
	User    *behaviour.User // nil: nothing was said
	Events  []behaviour.Event
	Reviews []behaviour.Review
}

// History is what counts of a shopper's rows.
type History struct {
	Empty    bool // there is no row at all
	Declined bool // no vector may be made: no consent, or a bot
	Consent  bool
	Counts   clean.Counts
	User     *behaviour.User
	Events   []behaviour.Event  // those that count, oldest first by (time, id)
	Reviews  []behaviour.Review // likewise
	Followed []tasks.UserID     // whom the shopper follows, in the order of their ids
}

// Of picks what counts. consent is what a shopper who said nothing is taken to have
// said about profiling.
func Of(rows Rows, consent bool) History {
	h := History{User: rows.User, Consent: consent, Empty: rows.User == nil && len(rows.Events) == 0 && len(rows.Reviews) == 0}
	if rows.User != nil && rows.User.Profiling != "" {
		h.Consent = rows.User.Profiling == "yes"
	}
	if !h.Consent {
		h.Declined = true
		return h
	}
	h.Events, h.Counts = clean.UserEvents(rows.Events)
	if h.Counts.IsBot() {
		h.Declined = true
		return h
	}
	h.Reviews = slices.Clone(rows.Reviews)
	slices.SortFunc(h.Reviews, func(a, b behaviour.Review) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.ID, b.ID))
	})
	h.Reviews = h.Reviews[max(0, len(h.Reviews)-NewestReviews):]
	h.Followed = followed(rows.Events)
	return h
}

// followed are those whom the newest follow events name.
func followed(events []behaviour.Event) []tasks.UserID {
	var follows []*behaviour.Event
	for i := range events {
		if e := &events[i]; e.Type == behaviour.Follow && e.TargetUser != "" && e.TargetUser != e.User {
			follows = append(follows, e)
		}
	}
	slices.SortFunc(follows, func(a, b *behaviour.Event) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), strings.Compare(b.ID, a.ID))
	})
	var ids []tasks.UserID
	for _, e := range follows {
		if id := tasks.UserID(e.TargetUser); len(ids) < MostFollowed && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Newest is the time of the newest row that counts, Unix ms; 0 if there is none.
func (h *History) Newest() (ms int64) {
	if n := len(h.Events); n > 0 {
		ms = h.Events[n-1].Time
	}
	if n := len(h.Reviews); n > 0 && (ms == 0 || h.Reviews[n-1].Time > ms) {
		ms = h.Reviews[n-1].Time
	}
	return ms
}

// Tips are what a shopper passes on to followers: the products of the newest events
// that mean a choice, one event each, newest first. A shopper who may not be profiled
// passes on nothing.
func (h *History) Tips() []behaviour.Event {
	var tips []behaviour.Event
	for i := len(h.Events) - 1; i >= 0 && len(tips) < MostTips; i-- {
		e := h.Events[i]
		if e.Product == "" || Weight(e.Type) < Weight(behaviour.Wishlist) ||
			slices.ContainsFunc(tips, func(t behaviour.Event) bool { return t.Product == e.Product }) {
			continue
		}
		tips = append(tips, e)
	}
	return tips
}

// Products are the products that the shopper's own vector depends on, each once, in
// the order of their ids.
func (h *History) Products() []tasks.ProductID {
	seen := map[string]bool{}
	for i := range h.Events {
		if e := &h.Events[i]; e.Product != "" && Weight(e.Type) != 0 {
			seen[e.Product] = true
		}
	}
	for i := range h.Reviews {
		if r := &h.Reviews[i]; r.Product != "" && r.Rating != nil {
			seen[r.Product] = true
		}
	}
	ids := make([]tasks.ProductID, 0, len(seen))
	for id := range seen {
		ids = append(ids, tasks.ProductID(id))
	}
	slices.Sort(ids)
	return ids
}
