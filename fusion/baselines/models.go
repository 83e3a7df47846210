package baselines

import (
	"context"
	"fmt"
	"slices"

	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/fusion/rank"
)

// Models lists the families for a history: the grids are what is tuned, all of it on validation.
func Models(h History, m linear.Multiplier, seed uint64) []Model {
	models := []Model{{Name: "random", Everyone: true, Settings: []Setting{{Fit: func(context.Context, History) (rank.Scorer, error) { return Random(seed), nil }}}},
		{Name: "popular", Everyone: true, Settings: []Setting{{Fit: func(_ context.Context, h History) (rank.Scorer, error) { return Popular(h), nil }}}}}
	if h.Now > 0 {
		recent := Model{Name: "recent popular", Ladder: true, Everyone: true}
		for _, days := range []int64{1, 3, 7, 14, 30, 60, 120} {
			recent.Settings = append(recent.Settings, Setting{fmt.Sprintf("half-life %d d", days), func(_ context.Context, h History) (rank.Scorer, error) {
				return RecentlyPopular(h, days*Day), nil
			}})
		}
		models = append(models, recent)
	}
	knn := Model{Name: "ItemKNN"}
	for _, neighbours := range []int{20, 100, 500} {
		for _, shrink := range []float64{0, 20, 100, 500} {
			knn.Settings = append(knn.Settings, Setting{fmt.Sprintf("%d neighbours, shrinkage %g", neighbours, shrink), func(ctx context.Context, h History) (rank.Scorer, error) {
				return ItemKNN(ctx, h, neighbours, shrink)
			}})
		}
	}
	als := Model{Name: "ALS"}
	for _, unobserved := range []float32{.03, .1, .3, 1} {
		for _, ridge := range []float32{.004, .016, .06} {
			als.Settings = append(als.Settings, Setting{fmt.Sprintf("128 factors, unobserved %g, ridge %g", unobserved, ridge), func(ctx context.Context, h History) (rank.Scorer, error) {
				return ALS(ctx, h, ALSConfig{Dim: 128, Unobserved: unobserved, Ridge: ridge, Seed: seed})
			}})
		}
	}
	ease := Model{Name: "EASE", Ladder: true}
	for _, lambda := range []float32{2, 5, 15, 50, 200, 500, 1500} {
		ease.Settings = append(ease.Settings, Setting{fmt.Sprintf("λ=%g", lambda), func(ctx context.Context, h History) (rank.Scorer, error) {
			x := h.Matrix()
			return EASE(ctx, m, x, x, lambda)
		}})
	}
	models = append(models, knn, als, ease)
	for _, mod := range h.Modalities {
		models = append(models, contentModel("content "+mod.Name, func(name string) bool { return name == mod.Name }))
	}
	if len(h.Modalities) > 1 {
		models = append(models, contentModel("concatenated", func(string) bool { return true }))
	}
	if len(h.Modalities) > 2 { // with two, the one without the other is there already
		for _, mod := range h.Modalities {
			models = append(models, contentModel("concatenated without "+mod.Name, func(name string) bool { return name != mod.Name }))
		}
	}
	return models
}

// contentModel is over the modalities that are wanted.
func contentModel(name string, wanted func(modality string) bool) Model {
	model := Model{Name: name}
	for _, centred := range []bool{true, false} {
		text := "raw"
		if centred {
			text = "centred"
		}
		model.Settings = append(model.Settings, Setting{text, func(_ context.Context, h History) (rank.Scorer, error) {
			of := slices.DeleteFunc(slices.Clone(h.Modalities), func(m dataset.Modality) bool { return !wanted(m.Name) })
			return Content(h, of, centred)
		}})
	}
	return model
}
