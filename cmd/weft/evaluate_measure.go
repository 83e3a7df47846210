package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/fusion/baselines"
	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/fusion/rank"
)

// measured says what is measured and how.
type measured struct {
	Model     []string `help:"Folder that weft train wrote; NAME=DIR names it in the table. Repeatable." placeholder:"DIR" sep:"none" group:"Recommendations"`
	Baselines []string `help:"Only these, such as EASE,ALS; default all." placeholder:"NAME,…" group:"Recommendations"`
	Lengths   []int    `help:"Lengths of the list." default:"10,20,50" placeholder:"K,…" group:"Recommendations" name:"lengths"`
	Resamples int      `help:"Resamples of the bootstrap." default:"1000" group:"Recommendations"`
	Seed      uint64   `help:"Seed of the bootstrap, of ALS and of chance." default:"1" group:"Recommendations"`
	Refit     string   `help:"Fit what was chosen again on train and val before the test: auto (all splits but a given one), yes or no." enum:"auto,yes,no" default:"auto" group:"Recommendations"`
	Ablation  bool     `help:"Also measure each --model without each of its modalities, by its content alone, and by choices alone." default:"true" negatable:"" group:"Recommendations"`
	Report    string   `help:"Also write an HTML page with plots." type:"path" placeholder:"FILE" group:"Recommendations"`
}

// usualPower of the weights of interactions is the baselines', where interactions differ in kind.
const usualPower = .5

// metric is what settings are chosen by, on validation.
const chosenBy = "recall@20"

// row is a model with what it reached on the test part.
type row struct {
	name, setting string
	validation    float64 // of chosenBy; -1 for a model made elsewhere
	baseline      bool
	result        rank.Result
	took          time.Duration // choosing, fitting and measuring
}

// measure is `weft evaluate` on tables or on a catalogue.
func (c *evaluateCmd) measure(ctx context.Context, a *app) error {
	if c.Resamples < 0 {
		return usagef("--resamples %d: want 0 (no intervals) or more", c.Resamples)
	}
	for _, k := range c.Lengths {
		if k < 1 {
			return usagef("--lengths %d: want at least 1", k)
		}
	}
	if !slices.Contains(c.Lengths, 20) {
		c.Lengths = append(c.Lengths, 20) // what settings are chosen by, and what is drawn
	}
	d, report, err := c.read(ctx, a, c.place, c.encoders)
	if err != nil {
		return err
	}
	a.log.Info("tables read", "data", describe(report))
	for _, w := range report.Warnings {
		a.log.Warn(w)
	}
	var trained []*trainedModel
	for _, arg := range c.Model {
		m, err := openModel(arg, d)
		if err != nil {
			return err
		}
		if m.missing > 0 || m.strangers > 0 {
			a.log.Warn("the model does not know all of the data: such items are scored 0, such users get what is popular", "model", m.name, "items", m.missing, "users with targets", m.strangers)
		}
		trained = append(trained, m)
	}
	multiplier, closeIt := c.multiplier(a)
	defer closeIt()
	run := c.newEvaluation(d, report)
	rows, err := run.baselines(ctx, a, multiplier, c.Baselines)
	if err != nil {
		return err
	}
	for _, m := range trained {
		r, err := run.trained(ctx, m)
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	out, err := run.compare(rows)
	if err != nil {
		return err
	}
	for _, m := range trained {
		if c.Ablation {
			x, err := run.ablate(ctx, a, c.encoders, m)
			if err != nil {
				return err
			}
			if err := out.addAblation(x); err != nil {
				return err
			}
		}
	}
	for _, m := range trained {
		if m.profile != nil {
			out.Profile = m.profile
		}
	}
	if c.Report != "" {
		if err := out.writeHTML(c.Report); err != nil {
			return err
		}
		a.log.Info("report written", "file", c.Report)
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(out)
	}
	return out.print(a.out)
}

// multiplier is ONNX Runtime's where it is installed.
func (e encoders) multiplier(a *app) (linear.Multiplier, func()) {
	shelf, err := e.shelf()
	if err == nil {
		lib, err2 := e.library(shelf)
		if err = err2; err == nil {
			runtime, err2 := lib.Runtime(0)
			if err = err2; err == nil {
				n := linear.NewNative(runtime)
				return n, func() { _ = n.Close() }
			}
		}
	}
	a.log.Warn("ONNX Runtime cannot be had; EASE takes some ten times as long without it: run `weft models pull`", "why", err)
	return linear.Portable{}, func() {}
}

// evaluation is the two protocols: what is chosen on, and what is measured on.
type evaluation struct {
	d             *dataset.Dataset
	report        dataset.Report
	choose, final baselines.History
	onVal, onTest rank.Protocol
	refit         bool
	resamples     int
	seed          uint64
}

func (c *evaluateCmd) newEvaluation(d *dataset.Dataset, r dataset.Report) *evaluation {
	e := &evaluation{d: d, report: r, refit: c.Refit == "yes" || c.Refit == "auto" && d.Split != dataset.Given, resamples: c.Resamples, seed: c.Seed}
	e.choose = baselines.History{Rows: d.Train, Users: len(d.Users), Items: len(d.Items), Modalities: d.Modalities, Now: askedAt(d, r.ValFrom, d.Train)}
	if d.Full > 0 {
		e.choose.Strength = dataset.Strength{Full: d.Full, Power: usualPower}
	}
	e.final = e.choose
	if e.refit {
		e.final.Rows, e.final.Now = d.TrainVal, askedAt(d, r.TestFrom, d.TrainVal)
	}
	e.onVal = rank.Holdout(e.choose.Rows, d.Val, len(d.Users), len(d.Items))
	e.onTest = rank.Holdout(e.final.Rows, d.Test, len(d.Users), len(d.Items))
	e.onVal.K, e.onTest.K = c.Lengths, c.Lengths
	e.onTest.Resamples, e.onTest.Seed = c.Resamples, c.Seed
	return e
}

// askedAt is when recommendations are made: the beginning of the part that is asked about, else just after the newest that is
// known.
func askedAt(d *dataset.Dataset, from int64, known []dataset.Interaction) int64 {
	if !d.Timed {
		return 0
	}
	if from > 0 {
		return from
	}
	return dataset.Newest(known) + 1
}

// baselines chooses each on validation and then measures it once on test.
func (e *evaluation) baselines(ctx context.Context, a *app, m linear.Multiplier, only []string) ([]row, error) {
	models := baselines.Models(e.choose, m, e.seed)
	if len(only) > 0 {
		var names []string
		for _, m := range models {
			names = append(names, m.Name)
		}
		for _, name := range only {
			if !slices.Contains(names, name) {
				return nil, usagef("--baselines %q: want some of %s", name, strings.Join(names, ", "))
			}
		}
		models = slices.DeleteFunc(models, func(m baselines.Model) bool { return !slices.Contains(only, m.Name) })
	}
	bar := countBar(a.err, "baselines", len(models))
	defer func() { _ = bar.Finish() }()
	var rows []row
	for _, model := range models {
		bar.Describe(model.Name)
		began := time.Now()
		chosen, err := baselines.Choose(ctx, model, e.choose, e.onVal, chosenBy)
		if err != nil {
			return nil, err
		}
		scorer := chosen.Scorer
		if e.refit {
			if scorer, err = model.Fit(ctx, chosen.Setting, e.final); err != nil {
				return nil, err
			}
		}
		r := row{name: model.Name, setting: chosen.Setting.Text, validation: chosen.Value, baseline: true}
		if r.result, err = rank.Evaluate(ctx, scorer, e.onTest); err != nil {
			return nil, fmt.Errorf("%s: %w", model.Name, err)
		}
		r.took = time.Since(began)
		a.log.Info("measured", "model", r.name, "setting", r.setting, "tried", chosen.Tried, "took", r.took.Round(time.Millisecond))
		rows = append(rows, r)
		_ = bar.Add(1)
	}
	return rows, nil
}

func (e *evaluation) trained(ctx context.Context, m *trainedModel) (row, error) {
	known := make([]bool, len(m.unknown))
	for u, unknown := range m.unknown {
		known[u] = !unknown
	}
	began := time.Now()
	result, err := rank.Evaluate(ctx, baselines.ForKnown(m.scorer, known, e.final), e.onTest)
	if err != nil {
		return row{}, fmt.Errorf("--model %s: %w", m.name, err)
	}
	return row{name: m.name, setting: fmt.Sprintf("%d dimensions", m.scorer.Dim), validation: -1, result: result, took: time.Since(began)}, nil
}
