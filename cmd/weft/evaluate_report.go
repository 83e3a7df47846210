package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"os"

	"weft/fusion/rank"
)

//go:embed evaluate.html
var evaluatePage string

// rankingChart is a plot of one metric: a bar for each model with its interval.
type rankingChart struct {
	Title string
	Bars  []rankingBar
	Ticks []rankingTick
	High  int // of the drawing, in its own units
}

type rankingBar struct {
	Name, Value        string
	Y                  int
	Width, Low, High   float64 // in the drawing's units from the axis
	Baseline, Opponent bool
}

type rankingTick struct {
	X     float64
	Label string
}

const (
	rankingStep = 26
	rankingWide = 620.
)

// writeHTML writes one page without anything to fetch.
func (o *evaluated) writeHTML(path string) error {
	page, err := template.New("report").Parse(evaluatePage)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	var charts []rankingChart
	for _, metric := range []string{"recall@20", "ndcg@20"} {
		for _, slice := range []string{rank.All, rank.ColdItems, rank.TailItems} {
			if c, ok := o.chart(metric, slice); ok {
				charts = append(charts, c)
			}
		}
	}
	type sliceRow struct {
		Name, About string
		Users       int
		Values      []string
	}
	var names []string
	for _, r := range o.rows {
		names = append(names, r.name)
	}
	var table []sliceRow
	for i, s := range o.rows[0].result.Slices {
		line := sliceRow{Name: s.Name, About: o.Protocol.Slices[s.Name], Users: len(s.Users)}
		for _, r := range o.rows {
			line.Values = append(line.Values, fmt.Sprintf("%.4f", r.result.Slices[i].Mean("recall@20")))
		}
		table = append(table, line)
	}
	err = page.Execute(f, map[string]any{"Protocol": o.Protocol, "Data": describe(o.Protocol.Data), "Charts": charts, "Models": names, "Slices": table, "Wide": rankingWide + 330})
	if second := f.Close(); err == nil {
		err = second
	}
	if err != nil {
		return fmt.Errorf("--report %s: %w", path, err)
	}
	return nil
}

// rankingChart draws a slice; ok is false where nobody was measured.
func (o *evaluated) chart(metric, slice string) (c rankingChart, ok bool) {
	most := 0.
	found := map[string]rank.Estimate{}
	for i, r := range o.rows {
		s, _ := r.result.Slice(slice)
		if len(s.Users) > 0 {
			e := s.Estimates[metric]
			found[fmt.Sprint(i)] = e
			most = max(most, e.High)
		}
	}
	if most == 0 {
		return c, false
	}
	c.Title = metric + ", " + slice
	scale := rankingWide / most
	for i, r := range o.rows {
		e, ok := found[fmt.Sprint(i)]
		if !ok {
			continue
		}
		c.Bars = append(c.Bars, rankingBar{Name: r.name, Value: fmt.Sprintf("%.4f", e.Mean), Y: len(c.Bars) * rankingStep, Width: e.Mean * scale, Low: e.Low * scale, High: e.High * scale,
			Baseline: r.baseline, Opponent: r.baseline && r.name == o.against.name})
	}
	c.High = len(c.Bars)*rankingStep + 30
	for _, share := range []float64{0, .25, .5, .75, 1} {
		c.Ticks = append(c.Ticks, rankingTick{share * rankingWide, fmt.Sprintf("%.3f", share*most)})
	}
	return c, true
}
