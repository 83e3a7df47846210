package main

import (
	"context"
	"errors"

	"weft/behaviour/split"
	"weft/fusion/dataset"
	"weft/gather"
	"weft/learning"
)

// assemble makes of a catalogue what load reads of tables: lake → tables.
func (t tables) assemble(ctx context.Context, a *app, p place) (*dataset.Dataset, dataset.Report, error) {
	var none dataset.Report
	if len(t.Modality) > 0 || t.Profiles != "" || t.Interactions != "" {
		return nil, none, usagef("--modality, --profiles and --interactions belong to --tables: a catalogue has its own features, users and events")
	}
	cut := split.Defaults()
	switch dataset.Split(t.Split) {
	case "", dataset.ByTime:
	case dataset.LeaveLast:
		cut.Rule = split.LeaveLast
	default:
		return nil, none, usagef("--split %s: a catalogue is split by time or leave-last; 'weft data split' cuts in other ways, for --tables", t.Split)
	}
	c, err := p.openCatalogue(ctx, a)
	if err != nil {
		return nil, none, err
	}
	defer c.close(ctx)
	bar := countBar(a.err, "reading the shop", -1)
	defer func() { _ = bar.Finish() }()
	d, report, made, err := learning.Assemble(ctx, learning.Config{
		Reader: gather.Reader{Objects: c.bucket, Lake: c.lake, Behaviour: c.tables, Generation: c.generation, Recipes: c.recipes, Consent: profilingByDefault},
		Split:  cut, AllFacts: t.Facts == "all",
		Watch: func(what string, n int) { bar.Describe(what); _ = bar.Add(n) },
	})
	if errors.Is(err, learning.ErrConfig) {
		err = usageError{err}
	}
	if err == nil {
		a.log.Info("catalogue read", "tenant", c.tenant, "products", made.Products, "events", made.Cleaning.Rows, "kept", made.Cleaning.Kept,
			"no consent", made.LeftOut.NoConsent, "against", made.LeftOut.Against, "reviews", made.Reviews, "profiles", made.Profiles.Rows)
	}
	return d, report, err
}

// read reads what to learn from, of the tables or of the catalogue that the flags name.
func (t tables) read(ctx context.Context, a *app, p place, e encoders) (*dataset.Dataset, dataset.Report, error) {
	if t.Tables == "" {
		return t.assemble(ctx, a, p)
	}
	if p.Data != "" || p.Objects != "" {
		return nil, dataset.Report{}, usagef("--tables and a catalogue (--data or --objects): give one of them")
	}
	return t.load(ctx, a, e)
}
