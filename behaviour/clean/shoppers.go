package clean

import (
	"errors"
	"fmt"
	"iter"

	"weft/behaviour"
	"weft/tasks"
)

// ErrOrder: rows are not in the order of their users, as the lake yields them.
var ErrOrder = errors.New("events are not in the order of their users")

// Shopper is one user's events after the rules for one user.
type Shopper struct {
	User   string
	Events []behaviour.Event // oldest first by (time, id); the caller's
	Counts Counts            // Older is 0: all that pass are here
}

// Shoppers cleans a whole table: events as the lake scans them, in the order of
// their keys, become users one after another. It holds one user's rows, of a bot no
// more than MostRows. An error is yielded last, with the zero Shopper.
func Shoppers(rows iter.Seq2[behaviour.Event, error]) iter.Seq2[Shopper, error] {
	return func(yield func(Shopper, error) bool) {
		var events []behaviour.Event
		user, beyond := "", 0
		finish := func() bool {
			if len(events) == 0 {
				return true
			}
			s := Shopper{User: user}
			if beyond > 0 {
				s.Counts = Counts{Rows: len(events) + beyond, Bot: len(events) + beyond}
			} else {
				s.Events, s.Counts = AllUserEvents(events)
			}
			events, beyond = events[:0], 0
			return yield(s, nil)
		}
		last := ""
		for e, err := range rows {
			if err == nil && e.User != user && behaviour.UserPrefix(tasks.UserID(e.User)) <= last {
				err = fmt.Errorf("%w: %q after %q", ErrOrder, e.User, user)
			}
			if err != nil {
				yield(Shopper{}, err)
				return
			}
			if e.User != user {
				if !finish() {
					return
				}
				user, last = e.User, behaviour.UserPrefix(tasks.UserID(e.User))
			}
			switch {
			case e.Deleted:
			case len(events) > MostRows:
				beyond++
			default:
				events = append(events, e)
			}
		}
		finish()
	}
}
