package baselines

import (
	"context"
	"fmt"

	"weft/fusion/linear"
	"weft/fusion/rank"
)

// Model is a family of settings, one of which is chosen on validation.
type Model struct {
	Name     string
	Settings []Setting
	// Ladder says that settings are in the order of one number with one peak: it is climbed from the middle instead of
	// trying every rung.
	Ladder bool
}

// Setting is one model that can be fitted.
type Setting struct {
	Text string // such as "λ=15"; "" where there is nothing to set
	Fit  func(context.Context, History) (rank.Scorer, error)
}

// Chosen is the best setting on validation.
type Chosen struct {
	Name    string
	Setting Setting
	Scorer  rank.Scorer // fitted on the history that was chosen on, with a fallback for unknown users
	Value   float64     // of the metric, on the first slice of the protocol
	Tried   int
}

// Choose fits settings on the history and keeps the one with the greatest mean of the metric on the first slice of the
// protocol, whose targets must be those of validation.
func Choose(ctx context.Context, m Model, h History, p rank.Protocol, metric string) (Chosen, error) {
	p.Resamples = 0
	if len(p.Slices) > 1 {
		p.Slices = p.Slices[:1]
	}
	best := Chosen{Name: m.Name, Value: -1}
	try := func(i int) (value float64, err error) {
		s := m.Settings[i]
		scorer, err := s.Fit(ctx, h)
		if err != nil {
			return 0, fmt.Errorf("%s %s: %w", m.Name, s.Text, err)
		}
		scorer = WithFallback(scorer, h)
		best.Tried++
		if len(m.Settings) == 1 { // nothing to choose: no need to measure
			best.Setting, best.Scorer = s, scorer
		}
		r, err := rank.Evaluate(ctx, scorer, p)
		if err != nil {
			return 0, fmt.Errorf("%s %s: %w", m.Name, s.Text, err)
		}
		value = r.Slices[0].Mean(metric)
		if value > best.Value {
			best.Setting, best.Scorer, best.Value = s, scorer, value
		}
		return value, nil
	}
	if !m.Ladder {
		for i := range m.Settings {
			if _, err := try(i); err != nil {
				return best, err
			}
		}
		return best, nil
	}
	middle := len(m.Settings) / 2
	peak, err := try(middle)
	if err != nil {
		return best, err
	}
	for _, step := range []int{-1, 1} {
		climbed := false
		for i, last := middle+step, peak; i >= 0 && i < len(m.Settings); i += step {
			value, err := try(i)
			if err != nil {
				return best, err
			}
			if value <= last {
				break
			}
			last, climbed = value, true
		}
		if climbed {
			break
		}
	}
	return best, nil
}

// Models lists the families for a history: the grids are what is tuned, all of it on validation.
func Models(h History, m linear.Multiplier, seed uint64) []Model {
	models := []Model{{Name: "random", Settings: []Setting{{Fit: func(context.Context, History) (rank.Scorer, error) { return Random(seed), nil }}}},
		{Name: "popular", Settings: []Setting{{Fit: func(_ context.Context, h History) (rank.Scorer, error) { return Popular(h), nil }}}}}
	if h.Now > 0 {
		recent := Model{Name: "recent popular", Ladder: true}
		for _, days := range []int64{1, 3, 7, 14, 30, 60, 120} {
			recent.Settings = append(recent.Settings, Setting{fmt.Sprintf("half-life %d d", days), func(_ context.Context, h History) (rank.Scorer, error) {
				return RecentlyPopular(h, days*Day), nil
			}})
		}
		models = append(models, recent)
	}
	knn := Model{Name: "ItemKNN"}
	for _, neighbours := range []int{50, 200, 1000} {
		for _, shrink := range []float64{0, 10, 100} {
			knn.Settings = append(knn.Settings, Setting{fmt.Sprintf("%d neighbours, shrinkage %g", neighbours, shrink), func(ctx context.Context, h History) (rank.Scorer, error) {
				return ItemKNN(ctx, h, neighbours, shrink)
			}})
		}
	}
	als := Model{Name: "ALS"}
	for _, unobserved := range []float32{.003, .03, .3} {
		for _, ridge := range []float32{.001, .004, .016} {
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
		models = append(models, contentModel("content "+mod.Name, mod.Name))
	}
	if len(h.Modalities) > 1 {
		models = append(models, contentModel("concatenated", ""))
	}
	return models
}

// contentModel is over one modality, or all of them for "".
func contentModel(name, modality string) Model {
	model := Model{Name: name}
	for _, centred := range []bool{true, false} {
		text := "raw"
		if centred {
			text = "centred"
		}
		model.Settings = append(model.Settings, Setting{text, func(_ context.Context, h History) (rank.Scorer, error) {
			of := h.Modalities
			for i, m := range h.Modalities {
				if m.Name == modality {
					of = h.Modalities[i : i+1]
				}
			}
			return Content(h, of, centred)
		}})
	}
	return model
}
