package main

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/dustin/go-humanize"
)

// dashboardPage is the dashboard as a page: its panels where they lie, each with what its queries returned.
type dashboardPage struct {
	Tenants string
	Worked  time.Duration
	Panels  []shownPanel
}

// picture writes it as a browser shows it.
func (d dashboardPage) picture(t *testing.T, file string) {
	t.Helper()
	page := filepath.Join(t.TempDir(), "dashboard.html")
	var b bytes.Buffer
	must(t, dashboardTemplate.Execute(&b, d))
	must(t, os.WriteFile(page, b.Bytes(), 0o644))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.WindowSize(1400, 900), chromedp.NoSandbox)...)
	defer stop()
	tab, closeTab := chromedp.NewContext(allocated)
	defer closeTab()
	must(t, chromedp.Do(tab, chromedp.Navigate("file://"+page)))
	jpeg, err := chromedp.Run(tab, chromedp.FullScreenshot(70))
	must(t, err)
	must(t, os.WriteFile(file, jpeg, 0o644))
}

// Place is a panel's place in the page's grid.
func (p shownPanel) Place() template.CSS {
	g := p.GridPos
	return template.CSS(fmt.Sprintf("grid-column: %d / span %d; grid-row: %d / span %d", g.X+1, g.W, g.Y+1, g.H))
}

// Empty says why the panel shows nothing.
func (p shownPanel) Empty() string {
	if p.Type == "row" || p.points() > 0 {
		return ""
	}
	return "nothing: " + mayBeEmpty[p.Title]
}

var panelColors = []string{"#1f6f8b", "#c8553d", "#6a994e", "#8e5ea2", "#d9a441", "#4a4e69", "#2a9d8f", "#b56576"}

// Color is the line's in the legend and the drawing.
func (p shownPanel) Color(i int) template.CSS { return template.CSS(panelColors[i%len(panelColors)]) }

// Last is the newest value of a line, in the panel's unit.
func (p shownPanel) Last(s shownSeries) string { return p.amount(s.Points[len(s.Points)-1].V) }

func (p shownPanel) amount(v float64) string {
	switch p.FieldConfig.Defaults.Unit {
	case "s":
		if v < 1 {
			return fmt.Sprintf("%.3g ms", 1000*v)
		}
		return fmt.Sprintf("%.3g s", v)
	case "bytes", "Bps":
		return fmt.Sprintf("%.3g MB", v/1e6)
	case "percentunit":
		return fmt.Sprintf("%.3g %%", 100*v)
	}
	if v >= 1000 {
		return humanize.Comma(int64(math.Round(v)))
	}
	return fmt.Sprintf("%.3g", v)
}

// Drawing is the panel's lines over time.
func (p shownPanel) Drawing() template.HTML {
	wide, high := 57*float64(p.GridPos.W)-18, 30*float64(p.GridPos.H)-74 // about a pixel each: a column is 57 wide, a row 30 high
	top, from, to := 0.0, math.Inf(1), 1.0
	for _, s := range p.Series {
		for _, q := range s.Points {
			top, from, to = max(top, q.V), min(from, q.T), max(to, q.T)
		}
	}
	if top == 0 {
		top = 1
	}
	x0, y1 := 56.0, high-16
	x := func(t float64) float64 { return x0 + (t-from)/max(1, to-from)*(wide-x0-6) }
	y := func(v float64) float64 { return y1 - v/top*(y1-6) }
	var s strings.Builder
	fmt.Fprintf(&s, `<svg viewBox="0 0 %g %g" font-size="10.5">`, wide, high)
	for _, v := range []float64{0, top / 2, top} {
		fmt.Fprintf(&s, `<line x1="%g" x2="%g" y1="%.1f" y2="%.1f" stroke="#e6e6e6"/><text x="%g" y="%.1f" text-anchor="end" fill="#666">%s</text>`, x0, wide-6, y(v), y(v), x0-5, y(v)+3, p.amount(v))
	}
	step := niceStep((to - from) / 5)
	for at := math.Ceil(from/step) * step; at <= to; at += step {
		fmt.Fprintf(&s, `<text x="%.1f" y="%.1f" text-anchor="middle" fill="#666">%.0f s</text>`, x(at), high-3, at)
	}
	for i, line := range p.Series {
		var path strings.Builder
		for j, q := range line.Points {
			move := 'L'
			if j == 0 || q.T-line.Points[j-1].T > 2 {
				move = 'M'
			}
			fmt.Fprintf(&path, "%c%.1f %.1f", move, x(q.T), y(q.V))
		}
		fmt.Fprintf(&s, `<path d="%s" fill="none" stroke="%s" stroke-width="1.4"/>`, path.String(), p.Color(i))
	}
	s.WriteString("</svg>")
	return template.HTML(s.String())
}

var dashboardTemplate = template.Must(template.New("dashboard").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>weft: the dashboard's panels</title>
<style>
body { font: 12px/1.4 system-ui, sans-serif; color: #222; background: #f4f5f5; margin: 12px }
main { display: grid; grid-template-columns: repeat(24, 1fr); grid-auto-rows: 26px; gap: 4px }
section { background: #fff; border: 1px solid #e2e2e2; border-radius: 3px; padding: 4px 8px; overflow: hidden }
section.row { background: none; border: 0; font-weight: 600; padding: 2px }
h2 { font-size: 12px; margin: 0 } svg { width: 100%; display: block }
.legend { color: #444; font-size: 10.5px; line-height: 1.25; max-height: 42px; overflow: hidden } .legend i { display: inline-block; width: 10px; height: 3px; margin: 0 3px 3px 8px }
.stat { font-size: 19px } .stat small { font-size: 11px; color: #555 } .none { color: #888; padding-top: 3em; text-align: center }
</style>
<p>Drawn from the queries of deploy/helm/weft/files/dashboard.json as Prometheus answered them for a fleet of a scheduler, a worker and serve (tenants {{.Tenants}}; {{.Worked}} of made-up load on two shared cores). Not drawn by Grafana, which was not at hand.</p>
<main>{{range $p := .Panels}}
<section class="{{.Type}}" style="{{.Place}}">
{{if eq .Type "row"}}{{.Title}}{{else}}<h2>{{.Title}}</h2>
{{with .Empty}}<div class="none">{{.}}</div>{{else}}
{{if eq .Type "stat"}}{{range .Series}}<div class="stat">{{$p.Last .}} <small>{{.Name}}</small></div>{{end}}
{{else}}{{.Drawing}}<div class="legend">{{range $i, $s := .Series}}<i style="background: {{$p.Color $i}}"></i>{{$s.Name}}{{end}}</div>{{end}}{{end}}{{end}}
</section>{{end}}
</main></html>
`))
