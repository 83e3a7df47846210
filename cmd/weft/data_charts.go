package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"weft/behaviour/clean"
)

// chartGroup is a heading with its charts.
type chartGroup struct {
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
			tip := fmt.Sprintf("%s: %s before, %s after", col.Tip, grouped(col.Before), grouped(col.After))
			c.Bars = append(c.Bars,
				chartBar{x + 0.08*step, plotBottom - height(col.Before), 0.84 * step, height(col.Before), "before", tip},
				chartBar{x + 0.25*step, plotBottom - height(col.After), 0.5 * step, height(col.After), "after", tip})
		} else {
			n := col.Before + col.After
			c.Bars = append(c.Bars, chartBar{x + 0.08*step, plotBottom - height(n), 0.84 * step, height(n), single, fmt.Sprintf("%s: %s", col.Tip, grouped(n))})
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
		tip := fmt.Sprintf("%s: %s before, %s after", p.Name, grouped(p.Before), grouped(p.After))
		c.Bars = append(c.Bars, chartBar{nameWidth, y, width(p.Before), rowHeight - 6, "before", tip}, chartBar{nameWidth, y + 4, width(p.After), rowHeight - 14, "after", tip})
		shown := grouped(p.Before)
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
		tip := fmt.Sprintf("%s of %s %s lack %s; %s are filled", grouped(g.Missing), grouped(g.Rows), g.Table, g.Field, grouped(g.Filled))
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

// mostColumns is how many days, weeks or months one chart of time shows.
const mostColumns = 110

// overTime joins days to weeks, months or years so that the chart has room, and puts
// in those without rows.
func overTime(days []clean.Day) chart {
	if len(days) == 0 {
		return columnChart("Events over time", "there are none", nil, "")
	}
	at := func(i int) time.Time {
		t, err := time.Parse(time.DateOnly, days[i].Date)
		if err != nil {
			return time.Unix(0, 0).UTC() // a Survey has no other dates than its own
		}
		return t
	}
	first, last := at(0), at(len(days)-1)
	span := last.Sub(first).Hours()/24 + 1
	name, begin, next := "day", func(t time.Time) time.Time { return t }, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	switch {
	case span > mostColumns*30:
		name, begin, next = "year", func(t time.Time) time.Time { return time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC) }, func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }
	case span > mostColumns*7:
		name, begin, next = "month", func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC) }, func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
	case span > mostColumns:
		name, begin, next = "week", func(t time.Time) time.Time { return t.AddDate(0, 0, -(int(t.Weekday())+6)%7) }, func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }
	}
	var cs []chartColumn
	i := 0
	for t := begin(first); !t.After(last); t = next(t) {
		c := chartColumn{Label: t.Format("2 Jan 06"), Tip: name + " from " + t.Format(time.DateOnly)}
		for ; i < len(days) && at(i).Before(next(t)); i++ {
			c.Before += days[i].Before
			c.After += days[i].After
		}
		cs = append(cs, c)
	}
	return columnChart("Events by "+name, fmt.Sprintf("%s to %s, UTC; weeks begin on Monday", days[0].Date, days[len(days)-1].Date), cs, "")
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
		draw(n.Name+", as given", fmt.Sprintf("%s values, median %s, half of them from %s to %s, greatest %s", grouped(s.Count), shortNumber(s.Median), shortNumber(s.Q1), shortNumber(s.Q3), shortNumber(s.Max)), "before", n.Before),
		draw(n.Name+", within the fences", fmt.Sprintf("%s values lay outside %s to %s", grouped(s.Outside), shortNumber(s.Low), shortNumber(s.High)), "after", n.After),
	}
}

// grouped writes an integer with commas.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	digits := strings.TrimPrefix(s, "-")
	sign := s[:len(s)-len(digits)]
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// compact writes an integer in at most five characters or so.
func compact(n int64) string {
	switch {
	case n >= 10_000_000:
		return shortNumber(math.Round(float64(n)/1e6)) + "M"
	case n >= 10_000:
		return shortNumber(math.Round(float64(n)/1e3)) + "k"
	}
	return grouped(n)
}

// shortNumber writes a number with three significant digits.
func shortNumber(v float64) string {
	if a := math.Abs(v); a >= 1000 && a < 1e9 {
		return grouped(int64(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// percentOf writes n of all as a percentage.
func percentOf(n, all int64) string {
	switch share := 100 * float64(n) / float64(max(1, all)); {
	case n == 0:
		return "0 %"
	case share < 0.1:
		return "< 0.1 %"
	case share < 10:
		return fmt.Sprintf("%.1f %%", share)
	default:
		return fmt.Sprintf("%.0f %%", share)
	}
}

func ellipsis(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
