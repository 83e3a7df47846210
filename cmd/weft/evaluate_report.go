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
	Title      string
	Bars       []rankingBar
	Ticks      []rankingTick
	Wide, High int // of the drawing, in its own units
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
	var charts []rankingChart
	for _, metric := range []string{"recall@20", "ndcg@20"} {
		for _, slice := range []string{rank.All, rank.ColdItems, rank.TailItems} {
			if c, ok := o.chart(o.rows, metric, slice); ok {
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
	ablations, err := o.ablationPages()
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	err = page.Execute(f, map[string]any{"Ablations": ablations, "AblatedSlices": ablatedSlices(), "Protocol": o.Protocol, "Data": describe(o.Protocol.Data), "Charts": charts, "Models": names, "Slices": table})
	if second := f.Close(); err == nil {
		err = second
	}
	if err != nil {
		return fmt.Errorf("--report %s: %w", path, err)
	}
	return nil
}

// ablationPage is an ablation on the page.
type ablationPage struct {
	Model  string
	Rows   []ablationLine
	Charts []rankingChart
}

type ablationLine struct {
	Name  string
	Cells []ablationCell
}

func (o *evaluated) ablationPages() (pages []ablationPage, err error) {
	for _, x := range o.ablations {
		p := ablationPage{Model: x.model}
		names, cells, err := o.ablationTable(x)
		if err != nil {
			return nil, err
		}
		bars := []row{{name: names[0], result: x.whole}}
		for i, name := range names {
			p.Rows = append(p.Rows, ablationLine{name, cells[i]})
			if i > 0 {
				bars = append(bars, row{name: name, baseline: true, result: x.rows[i-1].result})
			}
		}
		for _, slice := range ablatedSlices() {
			if c, ok := o.chart(bars, "recall@20", slice); ok {
				c.Title = x.model + " without some of what it reads: " + c.Title
				p.Charts = append(p.Charts, c)
			}
		}
		pages = append(pages, p)
	}
	return pages, nil
}

// chart draws a slice; ok is false where nobody was measured.
func (o *evaluated) chart(rows []row, metric, slice string) (c rankingChart, ok bool) {
	most := 0.
	found := map[string]rank.Estimate{}
	for i, r := range rows {
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
	for i, r := range rows {
		e, ok := found[fmt.Sprint(i)]
		if !ok {
			continue
		}
		c.Bars = append(c.Bars, rankingBar{Name: r.name, Value: fmt.Sprintf("%.4f", e.Mean), Y: len(c.Bars) * rankingStep, Width: e.Mean * scale, Low: e.Low * scale, High: e.High * scale,
			Baseline: r.baseline, Opponent: r.baseline && r.name == o.against.name})
	}
	c.Wide, c.High = int(rankingWide)+330, len(c.Bars)*rankingStep+30
	for _, share := range []float64{0, .25, .5, .75, 1} {
		c.Ticks = append(c.Ticks, rankingTick{share * rankingWide, fmt.Sprintf("%.3f", share*most)})
	}
	return c, true
}
