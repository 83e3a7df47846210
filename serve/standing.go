package serve

import (
	"fmt"
	"slices"

	"weft/client"
	"weft/tasks"
)

// Standing is what a shop asks of every list of recommendations, beside what a request
// asks. The zero Standing asks nothing.
type Standing struct {
	Filter Filter
	Boosts []Boost
}

// ParseStanding reads the filter and boosts of a tenant's settings. Errors wrap
// tasks.ErrSettings and name the field.
func ParseStanding(set tasks.Settings) (s Standing, err error) {
	if s.Filter, err = ParseFilter(set.Filter); err != nil {
		return Standing{}, fmt.Errorf("%w: filter %w", tasks.ErrSettings, err)
	}
	if s.Boosts, err = ParseBoosts(set.Boost); err != nil {
		return Standing{}, fmt.Errorf("%w: boost %w", tasks.ErrSettings, err)
	}
	for i := range s.Boosts {
		s.Boosts[i].standing = true
	}
	return s, nil
}

// with adds to an Ask what stands, and tells of both filters.
func (s Standing) with(a Ask, shop *Snapshot, out *client.Recommendations) Ask {
	effect := func(f Filter) *client.FilterEffect {
		if f.clauses == nil {
			return nil
		}
		return &client.FilterEffect{Text: f.String(), Unknown: f.unknown(shop)}
	}
	out.Filter, out.Standing = effect(a.Filter), effect(s.Filter)
	a.Filter = Filter{slices.Concat(s.Filter.clauses, a.Filter.clauses)}
	a.Boosts = slices.Concat(s.Boosts, a.Boosts)
	return a
}
