package main

import (
	"context"
	"errors"
	"maps"
	"slices"

	"weft/fusion"
	"weft/fusion/content"
	"weft/fusion/dataset"
	"weft/tasks"
)

// pooled are the features of a catalogue's products, as training reads them, with the products in order.
func (c *catalogue) pooled(ctx context.Context) (ids []string, features []dataset.Modality, err error) {
	parts := map[string]*fusion.ProductParts{}
	for row, err := range c.features(ctx, "") {
		if err != nil {
			return nil, nil, err
		}
		p := parts[row.Product]
		if p == nil {
			p = &fusion.ProductParts{ID: row.Product}
			parts[row.Product] = p
		}
		p.Parts = append(p.Parts, fusion.Part{Modality: row.Modality, Weight: 1, Vector: row.Vector})
	}
	ids = slices.Sorted(maps.Keys(parts))
	rows := make([]map[string][]float32, len(ids))
	for i, id := range ids {
		if rows[i], err = fusion.Pool(*parts[id]); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range []tasks.Modality{tasks.Image, tasks.Text} {
		vectors := make([][]float32, len(ids))
		for i := range ids {
			vectors[i] = rows[i][string(name)]
		}
		m, err := dataset.ModalityOf(string(name), vectors)
		if err != nil {
			return nil, nil, err
		}
		if m.Dim > 0 {
			features = append(features, m)
		}
	}
	return ids, features, nil
}

// measureContent measures what can be asked of content; nil where nothing can. Names of categories are encoded where there
// are texts to compare them with.
func (e encoders) measureContent(ctx context.Context, a *app, features []dataset.Modality, categories []string, trial content.Trial) (*content.Quality, error) {
	photo := ""
	for _, m := range features {
		if photo == "" && m.Name != string(tasks.Text) && m.Dim > 1 {
			photo = m.Name
		}
	}
	hasText := slices.ContainsFunc(features, func(m dataset.Modality) bool { return m.Name == string(tasks.Text) })
	if photo == "" || categories == nil && !hasText {
		return nil, nil
	}
	if hasText && categories != nil {
		names := slices.Compact(slices.Sorted(slices.Values(categories)))
		names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
		if len(names) <= mostNames {
			vectors, err := e.encodeTexts(ctx, a, names)
			if err != nil {
				return nil, err
			}
			trial.Words = map[string][]float32{}
			for i, n := range names {
				trial.Words[n] = vectors[i]
			}
		}
	}
	multiplier, closeIt := e.multiplier(a)
	defer closeIt()
	bar := countBar(a.err, "content, on products left out", 0)
	defer func() { _ = bar.Finish() }()
	trial.Watch = func(done, of int) { bar.ChangeMax(of); _ = bar.Set(done) }
	q, err := content.Measure(ctx, multiplier, features, categories, photo, trial)
	if errors.Is(err, content.ErrContent) {
		a.log.Warn("content is not measured", "why", err)
		return nil, nil
	}
	return q, err
}

// mostNames bounds the categories whose names are encoded: more are a thesaurus.
const mostNames = 500
