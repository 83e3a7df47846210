package evaluation

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"weft/fusion/rank"
)

//go:embed page.html
var pageText string

// chart is a plot of one metric: a bar for each model with its interval.
type chart struct {
	Title      string
	Bars       []bar
	Ticks      []tick
	Wide, High int // of the drawing, in its own units
}

type bar struct {
	Name, Value        string
	Y                  int
	Width, Low, High   float64 // in the drawing's units from the axis
	Baseline, Opponent bool
}

type tick struct {
	X     float64
	Label string
}

const (
	barStep = 26
	widest  = 620.
)

// WriteHTML writes one page with plots and without anything to fetch.
func (o *Comparison) WriteHTML(w io.Writer) error {
	page, err := template.New("report").Parse(pageText)
	if err != nil {
		return err
	}
	var charts []chart
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
		names = append(names, r.Name)
	}
	var table []sliceRow
	for i, s := range o.rows[0].Result.Slices {
		line := sliceRow{Name: s.Name, About: o.Protocol.Slices[s.Name], Users: len(s.Users)}
		for _, r := range o.rows {
			line.Values = append(line.Values, fmt.Sprintf("%.4f", r.Result.Slices[i].Mean("recall@20")))
		}
		table = append(table, line)
	}
	ablations, err := o.ablationPages()
	if err != nil {
		return err
	}
	return page.Execute(w, map[string]any{"Ablations": ablations, "AblatedSlices": ablatedSlices(), "Protocol": o.Protocol, "Data": o.Protocol.Data.Summary(), "Charts": charts, "Models": names, "Slices": table})
}

// ablationPage is an ablation on the page.
type ablationPage struct {
	Model  string
	Rows   []ablationLine
	Charts []chart
}

type ablationLine struct {
	Name  string
	Cells []ablationCell
}

func (o *Comparison) ablationPages() (pages []ablationPage, err error) {
	for _, x := range o.ablations {
		p := ablationPage{Model: x.model}
		names, cells, err := o.ablationTable(x)
		if err != nil {
			return nil, err
		}
		bars := []Row{{Name: names[0], Result: x.whole}}
		for i, name := range names {
			p.Rows = append(p.Rows, ablationLine{name, cells[i]})
			if i > 0 {
				bars = append(bars, Row{Name: name, Baseline: true, Result: x.rows[i-1].result})
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
func (o *Comparison) chart(rows []Row, metric, slice string) (c chart, ok bool) {
	most := 0.
	found := map[string]rank.Estimate{}
	for i, r := range rows {
		s, _ := r.Result.Slice(slice)
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
	scale := widest / most
	for i, r := range rows {
		e, ok := found[fmt.Sprint(i)]
		if !ok {
			continue
		}
		c.Bars = append(c.Bars, bar{Name: r.Name, Value: fmt.Sprintf("%.4f", e.Mean), Y: len(c.Bars) * barStep, Width: e.Mean * scale, Low: e.Low * scale, High: e.High * scale,
			Baseline: r.Baseline, Opponent: r.Baseline && r.Name == o.against.Name})
	}
	c.Wide, c.High = int(widest)+330, len(c.Bars)*barStep+30
	for _, share := range []float64{0, .25, .5, .75, 1} {
		c.Ticks = append(c.Ticks, tick{share * widest, fmt.Sprintf("%.3f", share*most)})
	}
	return c, true
}
