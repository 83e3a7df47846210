package report

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"weft/behaviour/clean"
)

// sections is what the report draws, in the order of the page.
func sections(s *clean.Survey) []section {
	groups := []section{{
		"Events", "Pale bars are the rows as stored, slim bars what remains when bots and impossible rates are left out.",
		[]chart{overTime(s.Days), eventsPerUser(s.PerUser), rowChart("Types of events", "", firstPairs(s.Types, 20))},
	}}
	if len(s.Values) > 0 {
		g := section{Title: "Values of events", Say: "What a purchase came to, or whatever the shop sends with an event. Values far outside are put onto the fence, and the row is kept."}
		for _, n := range s.Values {
			g.Charts = append(g.Charts, twoHistograms(n)...)
		}
		groups = append(groups, g)
	}
	if s.Rows["reviews"] > 0 {
		groups = append(groups, section{"Reviews", "Ratings are kept as given; nothing is filled in for a review without one.",
			[]chart{rowChart("Ratings", "", s.Ratings)}})
	}
	if s.Rows["products"] > 0 {
		g := section{Title: "Products", Say: "Prices and categories of the catalogue, as listed and as models see them."}
		if s.Price.Numeric.Count > 0 {
			g.Charts = append(g.Charts, twoHistograms(s.Price)...)
		}
		g.Charts = append(g.Charts, namesChart(s.Category))
		groups = append(groups, g)
	}
	if len(s.Attributes)+len(s.Names) > 0 {
		g := section{Title: "Shoppers' attributes", Say: "What those who consent to profiling have told. Missing numbers are filled with the median, missing names with “unknown”; each filled value is marked."}
		for _, n := range s.Attributes {
			g.Charts = append(g.Charts, twoHistograms(n)...)
		}
		for _, n := range s.Names {
			g.Charts = append(g.Charts, namesChart(n))
		}
		groups = append(groups, g)
	}
	if len(s.Missing) > 0 {
		groups = append(groups, section{"What is missing", "The coloured part of each bar is the rows that lack the field; the slim part in front of it is filled by a rule.",
			[]chart{gapChart(s.Missing)}})
	}
	return groups
}

func eventsPerUser(ranges []clean.Range) chart {
	var cs []chartColumn
	for _, r := range ranges {
		label := humanize.Comma(int64(r.From))
		if r.To > r.From {
			label = fmt.Sprintf("%s–%s", compact(int64(r.From)), compact(int64(r.To)))
		}
		cs = append(cs, chartColumn{label, "shoppers with " + label + " events", r.Pair})
	}
	return columnChart("Shoppers by their number of events", "each column spans twice the one before", cs, "")
}

func namesChart(n clean.Names) chart {
	c := n.Categorical
	if c.Text {
		return rowChart(n.Name, fmt.Sprintf("%s rows with more than 100,000 different values: text or an id, not a category", humanize.Comma(c.Count)), nil)
	}
	return rowChart(n.Name, fmt.Sprintf("%s different values; %s of them are too rare (fewer than %s rows) and become “%s”", humanize.Comma(int64(n.Different)), humanize.Comma(c.PooledValues), humanize.Comma(c.Fewest), clean.Other), n.Values)
}

// firstPairs keeps the first and adds up the rest.
func firstPairs(all []clean.NamedPair, most int) []clean.NamedPair {
	if len(all) <= most {
		return all
	}
	rest := clean.NamedPair{Name: fmt.Sprintf("%d further types", len(all)-most)}
	for _, p := range all[most:] {
		rest.Before += p.Before
		rest.After += p.After
	}
	return append(all[:most:most], rest)
}
