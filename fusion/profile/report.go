package profile

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed report.html
var reportPage string

// WriteHTML writes an evaluation as a section of an HTML page: for each head its figures beside the best constant answer,
// precision and recall by value, the confusion matrix, a reliability plot, and groups of users compared. The section
// brings its own style, under the class weft-profile, and loads nothing.
func (e *Evaluation) WriteHTML(w io.Writer) error {
	page, err := template.New("profile").Funcs(template.FuncMap{
		"share":  func(x float64) string { return fmt.Sprintf("%.3f", x) },
		"shade":  shade,
		"plot":   plot,
		"matrix": matrix,
	}).Parse(reportPage)
	if err != nil {
		return fmt.Errorf("profile report: %w", err)
	}
	if err := page.Execute(w, e); err != nil {
		return fmt.Errorf("profile report: %w", err)
	}
	return nil
}

// cell is one number of a confusion matrix and its share of the row.
type cell struct {
	Count int
	Share float64
}

func matrix(m Metrics) [][]cell {
	rows := make([][]cell, len(m.Confusion))
	for i, row := range m.Confusion {
		total := 0
		for _, n := range row {
			total += n
		}
		for _, n := range row {
			c := cell{Count: n}
			if total > 0 {
				c.Share = float64(n) / float64(total)
			}
			rows[i] = append(rows[i], c)
		}
	}
	return rows
}

// shade is the background of a cell: the more of its row, the darker.
func shade(x float64) template.CSS {
	return template.CSS(fmt.Sprintf("background: rgb(31 111 139 / %.0f%%)", 80*x)) //nolint:gosec // a number of our own
}

// side of the reliability plot, in units of its view box.
const side = 200

// dot is one bin of a reliability plot; its area grows with what it holds.
type dot struct {
	X, Y, R float64
	Title   string
}

func plot(bins []Bin) []dot {
	most := 1
	for _, b := range bins {
		most = max(most, b.Count)
	}
	var dots []dot
	for _, b := range bins {
		if b.Count == 0 {
			continue
		}
		// Area for area, but never too small to be seen.
		r := max(2.5, 11*math.Sqrt(float64(b.Count)/float64(most)))
		dots = append(dots, dot{X: side * b.Said, Y: side * (1 - b.Was), R: r,
			Title: fmt.Sprintf("%d held likely with %.2f on average, %.2f were so", b.Count, b.Said, b.Was)})
	}
	return dots
}

// Markdown is the evaluation as tables for a model card.
func (e *Evaluation) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d users tested, all with consent; %d refused unread.\n\n", e.Counts.Used, e.Counts.NoConsent)
	b.WriteString("| head | users | accuracy | constant | precision | recall | F1 macro | constant | ECE | told | precision of that |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, m := range e.Heads {
		fmt.Fprintf(&b, "| %s | %d | %.3f ± %.3f | %.3f | %.3f | %.3f | %.3f | %.3f | %.3f | %.0f %% | %.3f |\n", m.Head, m.Users, m.Accuracy, m.Error,
			m.Constant.Accuracy, m.Precision, m.Recall, m.F1, m.Constant.F1, m.ECE, 100*m.Told.Share, m.Told.Precision)
	}
	for _, m := range e.Heads {
		fmt.Fprintf(&b, "\n| %s | users | precision | recall | F1 |\n|---|---|---|---|---|\n", m.Head)
		for _, v := range m.Values {
			fmt.Fprintf(&b, "| %s | %d | %.3f | %.3f | %.3f |\n", strings.ReplaceAll(v.Value, "|", `\|`), v.Support, v.Precision, v.Recall, v.F1)
		}
	}
	gaps := false
	for _, m := range e.Heads {
		for _, g := range m.Groups {
			if !gaps {
				b.WriteString("\n| head | by | largest gap of accuracy |\n|---|---|---|\n")
				gaps = true
			}
			fmt.Fprintf(&b, "| %s | %s | %.3f ± %.3f |\n", m.Head, g.By, g.Gap, g.Error)
		}
	}
	return b.String()
}
