package train

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"weft/fusion/dataset"
)

//go:embed report.html
var reportPage string

// report is how a training went, for people: pictures of what model-card.md says in words, on one page that loads nothing.
type report struct {
	Summary  *Summary
	Data     dataset.Report
	Learning []plot // over the epochs of the first tower
	Choices  []bars
	Places   *plot // of new items; nil where there were none to place
}

// plot is lines and dots over two axes, in the units of its drawing.
type plot struct {
	Title, Across, Up string
	Lines             []line
	Dots              []mark
	XTicks, YTicks    []tick
}

type line struct {
	Name, Class, Points string
}

type mark struct {
	X, Y        float64
	Class, Says string
}

type tick struct {
	At    float64
	Label string
}

// bars are named lengths.
type bars struct {
	Title string
	Bars  []bar
	High  int // of the drawing
}

type bar struct {
	Name, Value, Class string
	Y                  int
	Width              float64
}

// Sizes of the drawings.
const (
	plotWide, plotHigh = 560., 220.
	barWide, barStep   = 520., 24
)

// writeReport writes the page.
func (t *training) writeReport(w io.Writer) error {
	page, err := template.New("report").Funcs(template.FuncMap{
		"percent": func(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) },
		"figure":  func(x float64) string { return fmt.Sprintf("%.4f", x) },
		"minutes": func(x float64) string { return fmt.Sprintf("%.1f min", x/60) },
	}).Parse(reportPage)
	if err != nil {
		return err
	}
	r := report{Summary: &t.summary, Data: t.Report, Learning: learning(t.summary.Epochs), Choices: choices(&t.summary)}
	if tried := t.summary.Choice.Cold.Tried; len(tried) > 0 {
		r.Places = placesPlot(t.summary.Choice.Cold)
	}
	return page.Execute(w, r)
}

// learning draws what the loss and the validation metrics did.
func learning(epochs []Epoch) []plot {
	xs := make([]float64, len(epochs))
	curve := func(of func(Epoch) float64) []float64 {
		ys := make([]float64, len(epochs))
		for i, e := range epochs {
			xs[i], ys[i] = float64(e.Epoch), of(e)
		}
		return ys
	}
	loss := curve(func(e Epoch) float64 { return e.Loss })
	recall, ndcg := curve(func(e Epoch) float64 { return e.Validation.Recall }), curve(func(e Epoch) float64 { return e.Validation.NDCG })
	return []plot{
		drawn("Loss", "epoch", "", xs, []string{"loss"}, loss),
		drawn("Validation", "epoch", "", xs, []string{"Recall@20", "NDCG@20"}, recall, ndcg),
	}
}

// drawn is a plot of curves over the same places.
func drawn(title, across, up string, xs []float64, names []string, curves ...[]float64) plot {
	p := plot{Title: title, Across: across, Up: up}
	x, xt := axis(xs, plotWide)
	y, yt := axis(slices.Concat(curves...), plotHigh)
	p.XTicks, p.YTicks = xt, yt
	for i := range p.YTicks {
		p.YTicks[i].At = plotHigh - p.YTicks[i].At
	}
	for k, curve := range curves {
		l := line{Name: names[k], Class: fmt.Sprint("line", k)}
		var points []string
		for i, value := range curve {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(xs[i]), plotHigh-y(value)))
			p.Dots = append(p.Dots, mark{x(xs[i]), plotHigh - y(value), l.Class, fmt.Sprintf("%s %g: %s %.4f", across, xs[i], l.Name, value)})
		}
		l.Points = strings.Join(points, " ")
		p.Lines = append(p.Lines, l)
	}
	return p
}

// axis spreads the values over a length, with up to six round ticks.
func axis(values []float64, length float64) (at func(float64) float64, ticks []tick) {
	if len(values) == 0 {
		return func(float64) float64 { return 0 }, nil
	}
	low, high := slices.Min(values), slices.Max(values)
	if high-low < 1e-9*math.Abs(high)+1e-12 {
		low, high = low-.5, high+.5
	}
	step := math.Pow(10, math.Floor(math.Log10(high-low)))
	for _, s := range []float64{.1, .2, .5} {
		if (high-low)/(step*s) <= 6 {
			step *= s
			break
		}
	}
	low, high = math.Floor(low/step)*step, math.Ceil(high/step)*step
	at = func(v float64) float64 { return length * (v - low) / (high - low) }
	for i := range int(math.Round((high-low)/step)) + 1 {
		v := low + float64(i)*step
		ticks = append(ticks, tick{at(v), fmt.Sprintf("%.4g", v)})
	}
	return at, ticks
}

// choices draws every block and baseline beside what was made of them.
func choices(s *Summary) []bars {
	var out []bars
	for _, metric := range []struct {
		name string
		of   func(Metrics) float64
	}{{"Recall@20", func(m Metrics) float64 { return m.Recall }}, {"NDCG@20", func(m Metrics) float64 { return m.NDCG }}} {
		b := bars{Title: metric.name + " on the validation part"}
		add := func(name, class string, m Metrics) {
			b.Bars = append(b.Bars, bar{Name: name, Value: fmt.Sprintf("%.4f", metric.of(m)), Class: class, Width: metric.of(m)})
		}
		for _, name := range slices.Sorted(maps.Keys(s.Choice.Baselines)) {
			add(name, "other", s.Choice.Baselines[name])
		}
		for _, name := range slices.Sorted(maps.Keys(s.Choice.Alone)) {
			if s.Choice.has(name) {
				add(name+" alone, serves", "part", s.Choice.Alone[name])
			} else {
				add(name+" alone", "other", s.Choice.Alone[name])
			}
		}
		add("weighted sum", "whole", s.Choice.Validation)
		add("folded, as served", "whole", s.Composed)
		most := 1e-9
		for _, x := range b.Bars {
			most = max(most, x.Width)
		}
		for i := range b.Bars {
			b.Bars[i].Y, b.Bars[i].Width = i*barStep, barWide*b.Bars[i].Width/most
		}
		b.High = len(b.Bars) * barStep
		out = append(out, b)
	}
	return out
}

// placesPlot draws the placements of the new that were tried, and which was taken.
func placesPlot(c ColdChoice) *plot {
	var shares, found []float64
	for _, p := range c.Tried {
		shares, found = append(shares, 100*p.Share), append(found, p.Reached)
	}
	x, xt := axis(append(shares, 100*c.Share), plotWide)
	y, yt := axis(append(found, c.Reached), plotHigh)
	p := &plot{Title: "Places for new items", Across: "% of the places of all lists that new items take", Up: "recall of new targets among all items", XTicks: xt, YTicks: yt}
	for i := range p.YTicks {
		p.YTicks[i].At = plotHigh - p.YTicks[i].At
	}
	for _, t := range append(slices.Clone(c.Tried), Tried{c.Stress, c.Share, c.Reached, c.Cost}) {
		class := "dear"
		if t.Cost <= exploreCost && t.Share <= exploreShare {
			class = "fair"
		}
		p.Dots = append(p.Dots, mark{x(100 * t.Share), plotHigh - y(t.Reached), class,
			fmt.Sprintf("%.1f %% of the places, recall %.4f, for %.2f %% of Recall + NDCG (stress %g)", 100*t.Share, t.Reached, 100*t.Cost, t.Stress)})
	}
	p.Dots[len(p.Dots)-1].Class = "taken"
	return p
}
