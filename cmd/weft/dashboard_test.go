package main

import (
	"encoding/json"
	"flag"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	dashboardPrometheus = flag.String("dashboard-prometheus", "", "the prometheus program; TestDashboard then asks every panel of a live fleet")
	dashboardFor        = flag.Duration("dashboard-for", 90*time.Second, "how long that fleet works")
	dashboardPicture    = flag.String("dashboard-picture", "", "file, .jpg, for a picture of what the panels show")
)

// panel is what we look at of a panel of the dashboard.
type panel struct {
	ID      int    `json:"id"`
	Type    string `json:"type"`
	Title   string `json:"title"`
	Text    string `json:"description"`
	GridPos struct {
		W, H, X, Y int
	} `json:"gridPos"`
	Targets []struct {
		Expr   string `json:"expr"`
		Legend string `json:"legendFormat"`
	} `json:"targets"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
}

func panels(t *testing.T) []panel {
	t.Helper()
	var d struct{ Panels []panel }
	must(t, json.Unmarshal(read(t, deployDir+"helm/weft/files/dashboard.json"), &d))
	return d.Panels
}

// Panels that are empty while nothing goes wrong, and those that need more time than a test has.
var mayBeEmpty = map[string]string{
	"Answers that are errors":         "faults only",
	"Bucket errors a second":          "faults only",
	"Put back until later":            "faults only",
	"Lists that hit":                  "lists are judged after half an hour",
	"Drift of the last day's vectors": "there must be vectors of more than a day",
	"Drift of the inputs":             "a week is looked at",
}

var selector = regexp.MustCompile(`\b(weft_[a-z_]+)(\{[^}]*\})?`)

// TestDashboard: panels do not overlap, and ask for the chosen tenants wherever a metric tells them apart. With
// `make dashboard` every panel is asked of a live fleet of two tenants, by a real Prometheus, and must have data.
func TestDashboard(t *testing.T) {
	all, real := panels(t), realMetrics(t)
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range all {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other := taken[at]; other != "" || at[0] >= 24 {
					t.Fatalf("%q lies upon %q at %v", p.Title, other, at)
				}
				taken[at] = p.Title
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			for _, m := range selector.FindAllStringSubmatch(target.Expr, -1) {
				desc := real[m[1]] + real[histogram.ReplaceAllString(m[1], "")]
				// What is the fleet's, not a tenant's, is the same for each.
				if tells := strings.Contains(desc, "variableLabels: {tenant"); tells && m[1] != "weft_backlog_workers" && !strings.Contains(m[2], `tenant=~"$tenant"`) {
					t.Errorf("%q: %s is by tenant, and the chosen ones are not asked for in %s", p.Title, m[1], target.Expr)
				}
			}
		}
	}
	for title := range mayBeEmpty {
		if !slices.ContainsFunc(all, func(p panel) bool { return p.Title == title }) {
			t.Errorf("there is no panel %q", title)
		}
	}
	if *dashboardPrometheus != "" {
		liveDashboard(t, all)
	}
}
