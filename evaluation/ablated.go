package evaluation

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"weft/fusion/rank"
)

// brings is how much more the whole model reaches than without what is withheld: the difference with its interval.
func (o *Comparison) brings(x *Ablation, r withheldRow, slice, metric string) (rank.Estimate, bool, error) {
	with, _ := x.whole.Slice(slice)
	without, _ := r.result.Slice(slice)
	if len(with.Users) == 0 {
		return rank.Estimate{}, false, nil
	}
	d, err := rank.Difference(with, without, metric, o.draws, o.seed)
	return d, err == nil, err
}

// Add takes an ablation into what is told.
func (o *Comparison) Add(x *Ablation) error {
	lines, err := o.ablationLines(x)
	o.ablations, o.Ablation = append(o.ablations, x), append(o.Ablation, lines...)
	return err
}

// ablationLines are the results of an ablation as JSON.
func (o *Comparison) ablationLines(x *Ablation) (lines []json.RawMessage, err error) {
	for _, slice := range ablatedSlices() {
		for i := -1; i < len(x.rows); i++ {
			r := withheldRow{name: "whole", withheld: []string{}, result: x.whole}
			if i >= 0 {
				r = x.rows[i]
			}
			s, _ := r.result.Slice(slice)
			line := map[string]any{"model": x.model, "variant": r.name, "withheld": r.withheld, "slice": slice, "users": len(s.Users)}
			intervals, brings := map[string][2]float64{}, map[string]any{}
			for _, metric := range []string{"recall@20", "ndcg@20"} {
				e := s.Estimates[metric]
				line[metric], intervals[metric] = e.Mean, [2]float64{e.Low, e.High}
				if i < 0 {
					continue
				}
				d, ok, err := o.brings(x, r, slice, metric)
				if err != nil {
					return nil, err
				}
				if ok {
					brings[metric] = map[string]any{"mean": d.Mean, "ci95": [2]float64{d.Low, d.High}}
				}
			}
			line["ci95"], line["brings"] = intervals, brings
			text, err := json.Marshal(line)
			if err != nil {
				return nil, err
			}
			lines = append(lines, text)
		}
	}
	return lines, nil
}

// ablationCell is one slice of one row, for people.
type ablationCell struct{ Value, Lost string }

// ablationTable is the rows of an ablation, a cell for each slice; the first row is the whole model.
func (o *Comparison) ablationTable(x *Ablation) (names []string, cells [][]ablationCell, err error) {
	names, cells = []string{"the whole model"}, make([][]ablationCell, len(x.rows)+1)
	for _, r := range x.rows {
		names = append(names, r.name)
	}
	for _, slice := range ablatedSlices() {
		whole, _ := x.whole.Slice(slice)
		if len(whole.Users) == 0 {
			for i := range cells {
				cells[i] = append(cells[i], ablationCell{"–", ""})
			}
			continue
		}
		cells[0] = append(cells[0], ablationCell{fmt.Sprintf("%.4f", whole.Mean("recall@20")), span(whole.Estimates["recall@20"])})
		for i, r := range x.rows {
			s, _ := r.result.Slice(slice)
			d, _, err := o.brings(x, r, slice, "recall@20")
			if err != nil {
				return nil, nil, err
			}
			cells[i+1] = append(cells[i+1], ablationCell{fmt.Sprintf("%.4f", s.Mean("recall@20")), fmt.Sprintf("%+.4f … %+.4f", -d.High, -d.Low)})
		}
	}
	return names, cells, nil
}

// printAblation is the table of an ablation.
func (o *Comparison) printAblation(out io.Writer, x *Ablation) error {
	names, cells, err := o.ablationTable(x)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s without some of what it reads\trecall@20, %s\n", x.model, strings.Join(ablatedSlices(), "\t95 %\trecall@20, ")+"\t95 %")
	for i, name := range names {
		fmt.Fprint(w, name)
		for _, c := range cells[i] {
			fmt.Fprintf(w, "\t%s\t%s", c.Value, c.Lost)
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "Withheld of products and of histories alike; intervals below the first line are of the difference to it, paired.")
	return err
}
