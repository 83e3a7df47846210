package clean

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"weft/behaviour"
)

// The rules for one shopper's events. Another value makes other vectors: raise
// Version with it.
const (
	// Version of the rules below.
	Version = 1
	// MostRows: a user with more events is a bot. None of them counts.
	MostRows = 20_000
	// MostPerSecond and MostPerHour are how many moments (different times, in ms) a
	// hand can fill in one second and one hour of UTC. What was done by hand in a
	// second or an hour with more is left out. Moments are counted and not rows,
	// because a batch that came without times has one time, and a clock that knows
	// only days does too: that says nothing of the pace.
	MostPerSecond = 20
	MostPerHour   = 1_200
	// NewestEvents is how many of a user's events fusion looks at.
	NewestEvents = 200
)

// Counts says what became of one user's events.
// Rows = Deleted + Bot + Rate + Older + Kept.
type Counts struct {
	Rows    int `json:"rows"`    // given
	Deleted int `json:"deleted"` // tombstones
	Bot     int `json:"bot"`     // left out: all of them, the user is a bot
	Rate    int `json:"rate"`    // left out: of a second or an hour with too many moments
	Older   int `json:"older"`   // left out: there are NewestEvents newer ones
	Kept    int `json:"kept"`

	Repeats int `json:"repeats"` // equal to another row in all but the id; of all that passed Bot and Rate, kept
	Numbers int `json:"numbers"` // values that are no number (NaN, infinite), made missing; of the same
}

// IsBot tells a user who gets no vector.
func (c Counts) IsBot() bool { return c.Bot > 0 }

// UserEvents applies the rules to all events of one user, one row per id as the
// lake yields them, in any order. It returns the newest NewestEvents of those that
// pass, oldest first by (time, id). events is left as it is; kept shares its
// strings and values. It needs n log n steps for n ≤ MostRows and none beyond.
func UserEvents(events []behaviour.Event) (kept []behaviour.Event, counts Counts) {
	rows, counts := passed(events)
	counts.Older = max(0, len(rows)-NewestEvents)
	rows = rows[counts.Older:]
	counts.Kept = len(rows)
	kept = make([]behaviour.Event, len(rows))
	for i, r := range rows {
		kept[i] = withNumbers(r)
	}
	return kept, counts
}

// AllUserEvents is UserEvents without the limit to the newest: for profiles and
// training tables, which count over a user's whole time.
func AllUserEvents(events []behaviour.Event) (kept []behaviour.Event, counts Counts) {
	rows, counts := passed(events)
	counts.Kept = len(rows)
	kept = make([]behaviour.Event, len(rows))
	for i, r := range rows {
		kept[i] = withNumbers(r)
	}
	return kept, counts
}

// passed returns the rows that are neither deleted nor a bot's nor too fast, by
// (time, id), and counts all but Older and Kept.
func passed(events []behaviour.Event) (rows []*behaviour.Event, counts Counts) {
	counts.Rows = len(events)
	for i := range events {
		if events[i].Deleted {
			counts.Deleted++
		}
	}
	if live := len(events) - counts.Deleted; live > MostRows {
		counts.Bot = live
		return nil, counts
	}
	rows = make([]*behaviour.Event, 0, len(events)-counts.Deleted)
	for i := range events {
		if !events[i].Deleted {
			rows = append(rows, &events[i])
		}
	}
	slices.SortFunc(rows, byTime)
	left := withoutRates(rows)
	counts.Rate = len(rows) - len(left)
	counts.Repeats = repeats(left)
	for _, r := range left {
		if r.Value != nil && notNumber(*r.Value) {
			counts.Numbers++
		}
	}
	return left, counts
}

// byTime is the order of rows everywhere: (time, id).
func byTime(a, b *behaviour.Event) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.ID, b.ID))
}

func notNumber(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// withNumbers is the row with a value that is no number made missing.
func withNumbers(r *behaviour.Event) behaviour.Event {
	e := *r
	if e.Value != nil && notNumber(*e.Value) {
		e.Value = nil
	}
	return e
}

// byHand tells events that a hand does one at a time. What is bought or sent back
// comes as a whole basket, and money was moved: it is never too fast.
func byHand(r *behaviour.Event) bool {
	return r.Type != behaviour.Purchase && r.Type != behaviour.Return
}

// withoutRates leaves out what was done by hand in a second or an hour with more
// moments than a hand can fill. rows are in order of time.
func withoutRates(rows []*behaviour.Event) []*behaviour.Event {
	out := make([]bool, len(rows))
	found := false
	for _, rule := range [...]struct {
		ms   int64
		most int
	}{{1_000, MostPerSecond}, {3_600_000, MostPerHour}} {
		for from := 0; from < len(rows); {
			to, moments, last := from, 0, int64(math.MinInt64)
			for span := floorDiv(rows[from].Time, rule.ms); to < len(rows) && floorDiv(rows[to].Time, rule.ms) == span; to++ {
				if byHand(rows[to]) && (moments == 0 || rows[to].Time != last) {
					moments, last = moments+1, rows[to].Time
				}
			}
			if moments > rule.most {
				found = true
				for i := from; i < to; i++ {
					out[i] = out[i] || byHand(rows[i])
				}
			}
			from = to
		}
	}
	if !found {
		return rows
	}
	var left []*behaviour.Event
	for i, r := range rows {
		if !out[i] {
			left = append(left, r)
		}
	}
	return left
}

// floorDiv rounds down below zero too: times before 1970 exist.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// repeats counts rows that equal an earlier one in all but their id. rows are in
// order of time; equal rows have equal times, so only these are compared.
func repeats(rows []*behaviour.Event) (n int) {
	type content struct {
		product, kind, query, target, context, attributes string
		value                                             float64
		valued                                            bool
	}
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && rows[to].Time == rows[from].Time {
			to++
		}
		if to-from > 1 {
			seen := make(map[content]bool, to-from)
			for _, r := range rows[from:to] {
				c := content{product: r.Product, kind: r.Type, query: r.Query, target: r.TargetUser, context: r.Context, attributes: r.Attributes}
				if r.Value != nil && !notNumber(*r.Value) {
					c.value, c.valued = *r.Value, true
				}
				if seen[c] {
					n++
				}
				seen[c] = true
			}
		}
		from = to
	}
	return n
}
