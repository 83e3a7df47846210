package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"weft/fusion/baselines"
	"weft/fusion/dataset"
	"weft/fusion/rank"
	"weft/fusion/towers"
)

// ablation is what a trained model reaches without some of what it reads.
type ablation struct {
	model string
	whole rank.Result // nothing withheld
	rows  []withheldRow
}

// withheldRow is the model without something.
type withheldRow struct {
	name     string
	withheld []string
	result   rank.Result
}

// choices is the name, among modalities, of what people did with products.
const choices = "choices"

// ablatedSlices are where an ablation is measured.
func ablatedSlices() []string { return []string{rank.All, rank.ColdItems, rank.ColdInAll} }

// withholdings are what is withheld in turn: each modality, all but one, all of them, and what people chose.
func withholdings(modalities []string) (rows []withheldRow, what []towers.Withheld) {
	add := func(name string, w towers.Withheld) {
		withheld := slices.Clone(w.Modalities)
		if w.Choices {
			withheld = append(withheld, choices)
		}
		rows, what = append(rows, withheldRow{name: name, withheld: withheld}), append(what, w)
	}
	several := len(modalities) > 1
	for _, m := range modalities {
		if several {
			add("without "+m, towers.Withheld{Modalities: []string{m}})
		}
	}
	add("choices only", towers.Withheld{Modalities: modalities})
	add("content only", towers.Withheld{Choices: true})
	for _, m := range modalities {
		if several {
			others := slices.DeleteFunc(slices.Clone(modalities), func(o string) bool { return o == m })
			add(m+" only", towers.Withheld{Modalities: others, Choices: true})
		}
	}
	return rows, what
}

// ablate measures a model of weft train without each of its modalities. It is nil where there is nothing to withhold: the
// model is vectors alone, or reads no features.
func (e *evaluation) ablate(ctx context.Context, a *app, enc encoders, m *trainedModel) (*ablation, error) {
	manifest, _, err := towers.ReadManifest(m.dir)
	if err != nil || len(manifest.Modalities) == 0 {
		a.log.Info("no ablation: the model has no towers that read features", "model", m.name)
		return nil, nil
	}
	dims := map[string]int{}
	for _, f := range e.d.Modalities {
		dims[f.Name] = f.Dim
	}
	if err := manifest.Fits(dims); err != nil {
		a.log.Warn("no ablation: give the features that the model reads, by --modality", "model", m.name, "why", err)
		return nil, nil
	}
	model, err := enc.openTowers(m.dir, nil)
	if err != nil {
		return nil, fmt.Errorf("--model %s: %w; --no-ablation measures without its towers", m.name, err)
	}
	defer func() { _ = model.Close() }()
	var names []string
	for _, f := range manifest.Modalities {
		names = append(names, f.Name)
	}
	rows, what := withholdings(names)
	out := &ablation{model: m.name, rows: rows}
	bar := countBar(a.err, "ablation of "+m.name, len(rows)+1)
	defer func() { _ = bar.Finish() }()
	if out.whole, err = e.without(ctx, model, towers.Withheld{}); err != nil {
		return nil, fmt.Errorf("--model %s: %w", m.name, err)
	}
	_ = bar.Add(1)
	for i := range rows {
		if rows[i].result, err = e.without(ctx, model, what[i]); err != nil {
			return nil, fmt.Errorf("--model %s, %s: %w", m.name, rows[i].name, err)
		}
		_ = bar.Add(1)
	}
	a.log.Info("ablated", "model", m.name, "ways", len(rows))
	return out, nil
}

// without measures the model on the test part, with the histories that everything else had.
func (e *evaluation) without(ctx context.Context, model *towers.Model, w towers.Withheld) (rank.Result, error) {
	ablated, err := model.Ablate(ctx, towers.Catalogue{IDs: e.d.Items, Features: e.d.Modalities}, w)
	if err != nil {
		return rank.Result{}, err
	}
	histories := dataset.ByUser(e.final.Rows, len(e.d.Users))
	for u, targets := range e.onTest.Targets {
		if len(targets) == 0 {
			histories[u] = nil // not asked about
		}
	}
	users, err := ablated.Users(ctx, histories)
	if err != nil {
		return rank.Result{}, err
	}
	dim := model.Dim()
	known := make([]bool, len(histories))
	for u := range known {
		known[u] = slices.ContainsFunc(users[u*dim:(u+1)*dim], func(x float32) bool { return x != 0 })
	}
	p := e.onTest
	p.Slices = nil
	for _, s := range e.onTest.Slices {
		if slices.Contains(ablatedSlices(), s.Name) {
			p.Slices = append(p.Slices, s)
		}
	}
	return rank.Evaluate(ctx, baselines.ForKnown(rank.Dot{Users: users, Items: ablated.Vectors, Dim: dim}, known, e.final), p)
}

// brings is how much more the whole model reaches than without what is withheld: the difference with its interval.
func (o *evaluated) brings(x *ablation, r withheldRow, slice, metric string) (rank.Estimate, bool, error) {
	with, _ := x.whole.Slice(slice)
	without, _ := r.result.Slice(slice)
	if len(with.Users) == 0 {
		return rank.Estimate{}, false, nil
	}
	d, err := rank.Difference(with, without, metric, o.draws, o.seed)
	return d, err == nil, err
}

// addAblation takes an ablation, or nil, into what is told.
func (o *evaluated) addAblation(x *ablation) error {
	if x == nil {
		return nil
	}
	lines, err := o.ablationLines(x)
	o.ablations, o.Ablation = append(o.ablations, x), append(o.Ablation, lines...)
	return err
}

// ablationLines are the results of an ablation as JSON.
func (o *evaluated) ablationLines(x *ablation) (lines []json.RawMessage, err error) {
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
func (o *evaluated) ablationTable(x *ablation) (names []string, cells [][]ablationCell, err error) {
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
func (o *evaluated) printAblation(out io.Writer, x *ablation) error {
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
