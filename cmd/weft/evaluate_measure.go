package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weft/evaluation"
	"weft/fusion/baselines"
	"weft/fusion/dataset"
	"weft/fusion/towers"
)

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
	d, report, err := c.read(ctx, a, c.place, c.encoders)
	if err != nil {
		return err
	}
	a.log.Info("tables read", "data", report.Summary())
	for _, w := range report.Warnings {
		a.log.Warn(w)
	}
	trained, err := c.trained(a, d)
	if err != nil {
		return err
	}
	run := evaluation.New(evaluation.Config{Data: d, Report: report, Lengths: c.Lengths, Resamples: c.Resamples, Seed: c.Seed,
		Refit: c.Refit == "yes" || c.Refit == "auto" && d.Split != dataset.Given})
	rows, err := c.baselines(ctx, a, run)
	if err != nil {
		return err
	}
	for _, m := range trained {
		r, err := run.Trained(ctx, m)
		if err != nil {
			return fmt.Errorf("--model %s: %w", m.Name, err)
		}
		rows = append(rows, r)
	}
	out, err := run.Compare(rows)
	if err != nil {
		return err
	}
	for _, m := range trained {
		if c.Ablation {
			if err := c.ablate(ctx, a, run, d, m, out); err != nil {
				return err
			}
		}
		if m.Profile != nil {
			out.Profile = m.Profile
		}
	}
	if c.Report != "" {
		if err := writePage(c.Report, out); err != nil {
			return err
		}
		a.log.Info("report written", "file", c.Report)
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(out)
	}
	return out.Print(a.out)
}

// trained reads the models that the flags name.
func (c *evaluateCmd) trained(a *app, d *dataset.Dataset) (all []*evaluation.Trained, err error) {
	for _, arg := range c.Model {
		name, dir, ok := strings.Cut(arg, "=")
		if !ok {
			name, dir = filepath.Base(filepath.Clean(arg)), arg
		}
		if dir == "" {
			return nil, usagef("--model %q: want the folder that weft train wrote, or NAME=DIR", arg)
		}
		m, err := evaluation.ReadTrained(name, dir, d)
		if err != nil {
			return nil, fmt.Errorf("--model %s: %w", arg, err)
		}
		if m.Unchecked {
			a.log.Warn("the model has no manifest: its vectors are measured as they are", "model", m.Name)
		}
		if m.Missing > 0 || m.Strangers > 0 {
			a.log.Warn("the model does not know all of the data: such items are scored 0, such users get what is popular", "model", m.Name, "items", m.Missing, "users with targets", m.Strangers)
		}
		all = append(all, m)
	}
	return all, nil
}

// baselines measures those that the flags name.
func (c *evaluateCmd) baselines(ctx context.Context, a *app, run *evaluation.Evaluation) (rows []evaluation.Row, err error) {
	multiplier, closeIt := c.multiplier(a)
	defer closeIt()
	models := run.Baselines(multiplier)
	if len(c.Baselines) > 0 {
		var names []string
		for _, m := range models {
			names = append(names, m.Name)
		}
		for _, name := range c.Baselines {
			if !slices.Contains(names, name) {
				return nil, usagef("--baselines %q: want some of %s", name, strings.Join(names, ", "))
			}
		}
		models = slices.DeleteFunc(models, func(m baselines.Model) bool { return !slices.Contains(c.Baselines, m.Name) })
	}
	bar := countBar(a.err, "baselines", len(models))
	defer func() { _ = bar.Finish() }()
	for _, model := range models {
		bar.Describe(model.Name)
		r, err := run.Baseline(ctx, model)
		if err != nil {
			return nil, err
		}
		a.log.Info("measured", "model", r.Name, "setting", r.Setting, "tried", r.Tried, "took", r.Took.Round(time.Millisecond))
		rows = append(rows, r)
		_ = bar.Add(1)
	}
	return rows, nil
}

// ablate adds to out what a model reaches without each of its modalities. Nothing is withheld from a model that is vectors
// alone, or reads no features.
func (c *evaluateCmd) ablate(ctx context.Context, a *app, run *evaluation.Evaluation, d *dataset.Dataset, m *evaluation.Trained, out *evaluation.Comparison) error {
	manifest, _, err := towers.ReadManifest(m.Dir)
	if err != nil || len(manifest.Modalities) == 0 {
		a.log.Info("no ablation: the model has no towers that read features", "model", m.Name)
		return nil
	}
	dims := map[string]int{}
	for _, f := range d.Modalities {
		dims[f.Name] = f.Dim
	}
	if err := manifest.Fits(dims); err != nil {
		a.log.Warn("no ablation: give the features that the model reads, by --modality", "model", m.Name, "why", err)
		return nil
	}
	model, err := c.openTowers(m.Dir, nil)
	if err != nil {
		return fmt.Errorf("--model %s: %w; --no-ablation measures without its towers", m.Name, err)
	}
	defer func() { _ = model.Close() }()
	ways := evaluation.Withholdings(manifest)
	bar := countBar(a.err, "ablation of "+m.Name, ways+1)
	defer func() { _ = bar.Finish() }()
	x, err := run.Ablate(ctx, m.Name, model, func() { _ = bar.Add(1) })
	if err != nil {
		return fmt.Errorf("--model %s: %w", m.Name, err)
	}
	a.log.Info("ablated", "model", m.Name, "ways", ways)
	return out.Add(x)
}

// writePage draws the page of --report.
func writePage(path string, out *evaluation.Comparison) error {
	var page bytes.Buffer
	err := out.WriteHTML(&page)
	if err == nil {
		err = writeWhole(path, page.Bytes())
	}
	if err != nil {
		return fmt.Errorf("--report %s: %w", path, err)
	}
	return nil
}
