package main

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// plot is curves over time, one below another in one SVG.
type plot struct {
	Title, Unit string
	Curves      []curve
}

type curve struct {
	Name, Color string
	Steps       bool // a value holds until the next
	Dashed      bool
	Points      []point
}

type point struct{ T, V float64 } // seconds, value

const (
	plotWide, plotHigh = 760.0, 170.0
	plotX0, plotX1     = 64.0, plotWide - 12
	plotY0, plotY1     = 34.0, plotHigh - 22
)

// write draws the timeline: a page, and its plot as a file of its own.
func (b *burst) write(file string) error {
	svg := drawPlots(b.plots())
	var page bytes.Buffer
	if err := burstPage.Execute(&page, map[string]any{"Plot": template.HTML(svg), "Rows": b.figures()}); err != nil {
		return err
	}
	if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(strings.TrimSuffix(file, ".html")+".svg", []byte(svg), 0o644)
}

func (b *burst) plots() []plot {
	var work, oldest, wanted, running, draining, waiting, uploaded, vectors []point
	for _, l := range timeline(b.t, b.scaler) {
		at := l.Time.Sub(b.began).Seconds()
		if at < -3 {
			continue
		}
		work, oldest = append(work, point{at, l.Work}), append(oldest, point{at, l.Oldest})
		wanted, running = append(wanted, point{at, float64(min(l.Wanted, *burstWorkers))}), append(running, point{at, float64(l.Running)})
		draining, waiting = append(draining, point{at, float64(l.Draining)}), append(waiting, point{at, float64(l.Waiting + l.Unissued)})
	}
	for _, s := range b.samples {
		uploaded, vectors = append(uploaded, point{s.at.Seconds(), float64(s.uploaded)}), append(vectors, point{s.at.Seconds(), float64(s.vectors)})
	}
	end := b.samples[len(b.samples)-1].at.Seconds()
	target := []point{{0, burstTarget.Seconds()}, {end, burstTarget.Seconds()}}
	return []plot{
		{"What waits, in seconds of one worker's work", "s", []curve{{"work", "#1f6f8b", false, false, work}, {"age of the first item", "#c8553d", false, false, oldest}, {"drain target", "#888", false, true, target}}},
		{"Workers", "", []curve{{"wanted, as far as allowed", "#888", true, true, wanted}, {"run", "#1f6f8b", true, false, running}, {"drain", "#c8553d", true, false, draining}}},
		{"Photos", "", []curve{{"uploaded", "#888", false, true, uploaded}, {"waiting", "#c8553d", false, false, waiting}, {"vectors in Redis", "#1f6f8b", false, false, vectors}}},
	}
}

func (b *burst) figures() [][2]string {
	lines := timeline(b.t, b.scaler)
	end, most, first := lines[len(lines)-1], 0, time.Duration(0)
	var hours float64
	for i, l := range lines {
		most = max(most, l.Running+l.Draining)
		if first == 0 && l.Running > 0 {
			first = l.Time.Sub(b.began)
		}
		if i > 0 {
			hours += l.Time.Sub(lines[i-1].Time).Hours() * float64(l.Running+l.Draining)
		}
	}
	s := func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
	uploaded := time.Duration(0)
	for _, x := range b.samples {
		if x.uploaded == *burstPhotos {
			uploaded = x.at
			break
		}
	}
	return [][2]string{
		{"photos, each another content", fmt.Sprint(*burstPhotos)}, {"uploaded after", s(uploaded)}, {"first worker after", s(first)}, {"last vector after", s(b.finished)},
		{"drain target", burstTarget.String()}, {"no worker left after", s(b.samples[len(b.samples)-1].at)}, {"most workers", fmt.Sprint(most)}, {"workers started", fmt.Sprint(end.Started)},
		{"crashed, killed", fmt.Sprintf("%d, %d", end.Crashed, end.Killed)}, {"worker-minutes", fmt.Sprintf("%.1f", 60*hours)},
		{"photos a second, first worker to last vector", fmt.Sprintf("%.0f", float64(*burstPhotos)/(b.finished-first).Seconds())},
	}
}

// drawPlots puts them below one another on one axis of time.
func drawPlots(ps []plot) string {
	var from, to float64
	for _, p := range ps {
		for _, c := range p.Curves {
			for _, x := range c.Points {
				from, to = min(from, x.T), max(to, x.T)
			}
		}
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="system-ui, sans-serif" font-size="11" role="img"><rect width="100%%" height="100%%" fill="#fff"/>`, plotWide, plotHigh*float64(len(ps)))
	for i, p := range ps {
		fmt.Fprintf(&s, `<g transform="translate(0 %g)">`, plotHigh*float64(i))
		p.draw(&s, from, max(to, from+1))
		s.WriteString("</g>")
	}
	s.WriteString("</svg>\n")
	return s.String()
}

func (p plot) draw(s *strings.Builder, from, to float64) {
	top := 1.0
	for _, c := range p.Curves {
		for _, x := range c.Points {
			top = max(top, x.V)
		}
	}
	x := func(t float64) float64 { return plotX0 + (t-from)/(to-from)*(plotX1-plotX0) }
	y := func(v float64) float64 { return plotY1 - v/top*(plotY1-plotY0) }
	fmt.Fprintf(s, `<text x="4" y="14" font-weight="600">%s</text>`, template.HTMLEscapeString(p.Title))
	for _, v := range []float64{0, top / 2, top} {
		fmt.Fprintf(s, `<line x1="%g" x2="%g" y1="%.1f" y2="%.1f" stroke="#e4e4e4"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`, plotX0, plotX1, y(v), y(v), plotX0-6, y(v)+4, humanize.Commaf(math.Round(10*v)/10))
	}
	step := niceStep((to - from) / 8)
	for t := math.Ceil(from/step) * step; t <= to; t += step {
		fmt.Fprintf(s, `<text x="%.1f" y="%.1f" text-anchor="middle" fill="#666">%.4g s</text>`, x(t), plotY1+15, t)
	}
	for i, c := range p.Curves {
		dash := ""
		if c.Dashed {
			dash = ` stroke-dasharray="5 3"`
		}
		legend := plotX0 + 190*float64(i)
		fmt.Fprintf(s, `<line x1="%g" x2="%g" y1="25" y2="25" stroke="%s" stroke-width="2"%s/><text x="%g" y="29" fill="#444">%s</text>`, legend, legend+18, c.Color, dash, legend+23, template.HTMLEscapeString(c.Name))
		var path strings.Builder
		for j, q := range c.Points {
			switch {
			case j == 0:
				fmt.Fprintf(&path, "M%.1f %.1f", x(q.T), y(q.V))
			case c.Steps:
				fmt.Fprintf(&path, "H%.1fV%.1f", x(q.T), y(q.V))
			default:
				fmt.Fprintf(&path, "L%.1f %.1f", x(q.T), y(q.V))
			}
		}
		fmt.Fprintf(s, `<path d="%s" fill="none" stroke="%s" stroke-width="1.6"%s/>`, path.String(), c.Color, dash)
	}
}

// niceStep is 1, 2 or 5 times a power of ten, no less than about.
func niceStep(about float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(max(about, 1e-3))))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= about {
			return m * power
		}
	}
	return 10 * power
}

var burstPage = template.Must(template.New("burst").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>weft autoscale: a burst</title>
<style>body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem } svg { width: 100%; height: auto }
table { border-collapse: collapse; font-size: 13px } td { border-bottom: 1px solid #ddd; padding: .25rem .8rem .25rem 0 } td + td { text-align: right }</style>
<h1>A burst, from no worker and back</h1>
{{.Plot}}
<table>{{range .Rows}}<tr><td>{{index . 0}}</td><td>{{index . 1}}</td></tr>{{end}}</table>
</html>
`))
