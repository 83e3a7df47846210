package clean

import (
	"cmp"
	"slices"
	"strings"
)

func numbers(name string, d *Distribution) Numbers {
	n := Numbers{Name: name, Numeric: d.Numeric()}
	n.Before, n.After = d.Histogram(n.Numeric, surveyBins)
	return n
}

// namesOf shows the most frequent values, and what the rest and, where filled is set,
// missing ones become.
func namesOf(name string, c *names, s Categorical, filled bool) Names {
	n := Names{Name: name, Categorical: s, Values: []NamedPair{}, Different: len(c.counts)}
	var hidden Pair
	for i, v := range c.sorted() {
		p := Pair{Before: v.Count}
		if v.Count >= n.Categorical.Fewest && i < MostValues {
			p.After = v.Count
		}
		if i < surveyValues {
			n.Values = append(n.Values, NamedPair{v.Value, p})
			continue
		}
		hidden.Before += p.Before
		hidden.After += p.After
	}
	if hidden.Before > 0 {
		n.Values = append(n.Values, NamedPair{"further values", hidden})
	}
	if n.Categorical.Pooled > 0 {
		n.Values = append(n.Values, NamedPair{"→ " + Other, Pair{After: n.Categorical.Pooled}})
	}
	if filled && n.Categorical.Missing > 0 {
		n.Values = append(n.Values, NamedPair{"→ " + Unknown, Pair{After: n.Categorical.Missing}})
	}
	return n
}

// pairs lists counts, most frequent first.
func pairs(all map[string]*Pair) []NamedPair {
	out := make([]NamedPair, 0, len(all))
	for name, p := range all {
		out = append(out, NamedPair{name, *p})
	}
	slices.SortFunc(out, func(a, b NamedPair) int {
		return cmp.Or(cmp.Compare(b.Before, a.Before), strings.Compare(a.Name, b.Name))
	})
	return out
}

// steps adds up what each step was given and found.
func (s *Surveyor) steps(stats *Statistics) []StepCount {
	var given [stepCount]int64
	found := s.found
	given[bots] = s.rows["events"]
	given[rates] = given[bots] - found[bots]
	given[repeatedEvents] = given[rates] - found[rates]
	given[unknownProducts] = given[repeatedEvents]
	for _, n := range stats.EventValues {
		given[valueOutliers] += n.Count
		found[valueOutliers] += n.Outside
	}
	given[noNumbers] = given[valueOutliers] + found[noNumbers]
	given[repeatedReviews], given[unknownReviewed], given[noRatings] = s.rows["reviews"], s.rows["reviews"], s.rows["reviews"]
	given[consent] = s.rows["users"]
	given[unreadable] = given[consent] - found[consent]
	for _, a := range stats.Attributes {
		given[missingAttributes] += s.fit.users
		switch a.Kind {
		case KindNumber:
			found[missingAttributes] += a.Numeric.Missing
			given[attributeOutliers] += a.Numeric.Count
			found[attributeOutliers] += a.Numeric.Outside
			given[normalised] += s.fit.users
			found[normalised] += s.fit.users
		case KindList:
			given[rareNames] += a.Categorical.Count
			found[rareNames] += a.Categorical.Pooled
		default:
			found[missingAttributes] += a.Categorical.Missing
			given[rareNames] += a.Categorical.Count
			found[rareNames] += a.Categorical.Pooled
		}
	}
	given[priceOutliers], found[priceOutliers] = stats.Price.Count, stats.Price.Outside
	given[rareCategories], found[rareCategories] = stats.Category.Count, stats.Category.Pooled
	out := make([]StepCount, stepCount)
	for i, step := range Steps() {
		out[i] = StepCount{Step: step, Given: given[i], Found: found[i], Out: given[i]}
		if step.Effect == LeftOut {
			out[i].Out -= found[i]
		}
	}
	return out
}
