package evaluation

import (
	"context"
	"fmt"
	"slices"

	"weft/fusion/baselines"
	"weft/fusion/dataset"
	"weft/fusion/rank"
	"weft/fusion/towers"
)

// Ablation is what a trained model reaches without some of what it reads.
type Ablation struct {
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

// Withholdings is how many ways there are to leave out something that a model reads, beside leaving out nothing.
func Withholdings(m towers.Manifest) int {
	rows, _ := withholdings(modalitiesOf(m))
	return len(rows)
}

func modalitiesOf(m towers.Manifest) (names []string) {
	for _, f := range m.Modalities {
		names = append(names, f.Name)
	}
	return names
}

// Ablate measures a model, opened from its folder, whole and without each of its modalities, on the data's features; the
// manifest must fit them (towers.Manifest.Fits). measured is told of each measurement.
func (e *Evaluation) Ablate(ctx context.Context, name string, model *towers.Model, measured func()) (*Ablation, error) {
	rows, what := withholdings(modalitiesOf(model.Manifest()))
	out := &Ablation{model: name, rows: rows}
	var err error
	if out.whole, err = e.without(ctx, model, towers.Withheld{}); err != nil {
		return nil, err
	}
	measured()
	for i := range rows {
		if rows[i].result, err = e.without(ctx, model, what[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", rows[i].name, err)
		}
		measured()
	}
	return out, nil
}

// without measures the model on the test part, with the histories that everything else had.
func (e *Evaluation) without(ctx context.Context, model *towers.Model, w towers.Withheld) (rank.Result, error) {
	ablated, err := model.Ablate(ctx, towers.Catalogue{IDs: e.c.Data.Items, Features: e.c.Data.Modalities}, w)
	if err != nil {
		return rank.Result{}, err
	}
	histories := dataset.ByUser(e.final.Rows, len(e.c.Data.Users))
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
