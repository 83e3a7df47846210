package report

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"weft/behaviour/clean"
)

// section is a heading with its charts.
type section struct {
	Title  string
	Say    string // what the charts show and how to read them
	Charts []chart
}

// chart is rectangles and words, in units of an SVG that is Width by Height.
type chart struct {
	Title  string
	Note   string
	Width  int
	Height int
	Bars   []chartBar
	Words  []chartWord
	Lines  []float64 // heights of horizontal lines
	Pairs  bool      // bars are before and after: a legend is needed
}

type chartBar struct {
	X, Y, W, H float64
	Class      string // before, after or gap
	Tip        string
}

type chartWord struct {
	X, Y   float64
	Anchor string // start, middle or end
	Text   string
}

const (
	chartWidth  = 560
	chartHeight = 200
	plotLeft    = 54.0
	plotRight   = chartWidth - 8.0
	plotTop     = 10.0
	plotBottom  = chartHeight - 24.0
)

// chartColumn is one place on the horizontal axis.
type chartColumn struct {
	Label string // under it, if there is room
	Tip   string // what it stands for
	clean.Pair
}

// columnChart draws counts side by side: before wide and pale, after slim in front of it.
// single draws one of them only, of the class.
func columnChart(title, note string, cs []chartColumn, single string) chart {
	c := chart{Title: title, Note: note, Width: chartWidth, Height: chartHeight, Pairs: single == ""}
	top := int64(1)
	for _, col := range cs {
		top = max(top, col.Before, col.After)
	}
	height := func(n int64) float64 {
		if n == 0 {
			return 0
		}
		return max(1.5, (plotBottom-plotTop)*float64(n)/float64(top)) // a single row is seen, too
	}
	for _, part := range []int64{0, top / 2, top} {
		y := plotBottom - (plotBottom-plotTop)*float64(part)/float64(top)
		c.Lines = append(c.Lines, y)
		c.Words = append(c.Words, chartWord{plotLeft - 5, y + 4, "end", compact(part)})
	}
	step := (plotRight - plotLeft) / float64(max(1, len(cs)))
	every := max(1, (len(cs)+7)/8)
	for i, col := range cs {
		x := plotLeft + float64(i)*step
		if single == "" {
			tip := fmt.Sprintf("%s: %s before, %s after", col.Tip, humanize.Comma(col.Before), humanize.Comma(col.After))
			c.Bars = append(c.Bars,
				chartBar{x + 0.08*step, plotBottom - height(col.Before), 0.84 * step, height(col.Before), "before", tip},
				chartBar{x + 0.25*step, plotBottom - height(col.After), 0.5 * step, height(col.After), "after", tip})
		} else {
			n := col.Before + col.After
			c.Bars = append(c.Bars, chartBar{x + 0.08*step, plotBottom - height(n), 0.84 * step, height(n), single, fmt.Sprintf("%s: %s", col.Tip, humanize.Comma(n))})
		}
		if i%every == 0 && col.Label != "" {
			c.Words = append(c.Words, chartWord{x + step/2, plotBottom + 15, "middle", col.Label})
		}
	}
	return c
}

const (
	rowHeight = 22.0
	nameWidth = 170.0
)

// rowChart draws named counts below one another.
func rowChart(title, note string, ps []clean.NamedPair) chart {
	c := chart{Title: title, Note: note, Width: chartWidth, Height: int(rowHeight*float64(max(1, len(ps)))) + 8, Pairs: true}
	top := int64(1)
	for _, p := range ps {
		top = max(top, p.Before, p.After)
	}
	const room = chartWidth - nameWidth - 74
	width := func(n int64) float64 {
		if n == 0 {
			return 0
		}
		return max(1.5, room*float64(n)/float64(top))
	}
	for i, p := range ps {
		y := float64(i)*rowHeight + 4
		tip := fmt.Sprintf("%s: %s before, %s after", p.Name, humanize.Comma(p.Before), humanize.Comma(p.After))
		c.Bars = append(c.Bars, chartBar{nameWidth, y, width(p.Before), rowHeight - 6, "before", tip}, chartBar{nameWidth, y + 4, width(p.After), rowHeight - 14, "after", tip})
		shown := humanize.Comma(p.Before)
		if p.After != p.Before {
			shown = compact(p.Before) + " → " + compact(p.After)
		}
		c.Words = append(c.Words, chartWord{nameWidth - 6, y + 13, "end", ellipsis(p.Name, 26)}, chartWord{nameWidth + width(max(p.Before, p.After)) + 5, y + 13, "start", shown})
	}
	return c
}

// gapChart draws which part of the rows lacks each field.
func gapChart(all []clean.Gap) chart {
	c := chart{Title: "Rows without a value", Width: chartWidth, Height: int(rowHeight*float64(max(1, len(all)))) + 8}
	const room = chartWidth - nameWidth - 150
	for i, g := range all {
		y := float64(i)*rowHeight + 4
		missing := float64(g.Missing) / float64(max(1, g.Rows))
		tip := fmt.Sprintf("%s of %s %s lack %s; %s are filled", humanize.Comma(g.Missing), humanize.Comma(g.Rows), g.Table, g.Field, humanize.Comma(g.Filled))
		c.Bars = append(c.Bars, chartBar{nameWidth, y, room, rowHeight - 6, "empty", tip})
		if g.Missing > 0 {
			c.Bars = append(c.Bars, chartBar{nameWidth, y, max(1.5, room*missing), rowHeight - 6, "gap", tip})
		}
		if g.Filled > 0 {
			c.Bars = append(c.Bars, chartBar{nameWidth, y + 4, max(1.5, room*float64(g.Filled)/float64(max(1, g.Rows))), rowHeight - 14, "after", tip})
		}
		shown := percentOf(g.Missing, g.Rows)
		if g.Filled > 0 {
			shown += ", filled"
		}
		c.Words = append(c.Words, chartWord{nameWidth - 6, y + 13, "end", ellipsis(g.Table+": "+g.Field, 26)}, chartWord{nameWidth + room + 5, y + 13, "start", shown})
	}
	return c
}

// twoHistograms shows a field of numbers as given and within its fences.
func twoHistograms(n clean.Numbers) []chart {
	scale := ""
	if n.Numeric.Log {
		scale = "; columns are of equal width in the logarithm"
	}
	draw := func(title, note, class string, bins []clean.Bin) chart {
		var cs []chartColumn
		for _, b := range bins {
			cs = append(cs, chartColumn{shortNumber(b.From), shortNumber(b.From) + " to " + shortNumber(b.To), clean.Pair{Before: b.Count}})
		}
		return columnChart(title, note+scale, cs, class)
	}
	s := n.Numeric
	return []chart{
		draw(n.Name+", as given", fmt.Sprintf("%s values, median %s, half of them from %s to %s, greatest %s", humanize.Comma(s.Count), shortNumber(s.Median), shortNumber(s.Q1), shortNumber(s.Q3), shortNumber(s.Max)), "before", n.Before),
		draw(n.Name+", within the fences", fmt.Sprintf("%s values lay outside %s to %s", humanize.Comma(s.Outside), shortNumber(s.Low), shortNumber(s.High)), "after", n.After),
	}
}
