package baselines

import (
	"context"
	"fmt"

	"weft/fusion/rank"
)

// Model is a family of settings, one of which is chosen on validation.
type Model struct {
	Name     string
	Settings []Setting
	// Ladder says that settings are in the order of one number with one peak: it is climbed from the middle instead of
	// trying every rung.
	Ladder bool
	// Everyone says that it scores users of whom nothing is known by itself; others get a fallback.
	Everyone bool
}

// Setting is one model that can be fitted.
type Setting struct {
	Text string // such as "λ=15"; "" where there is nothing to set
	Fit  func(context.Context, History) (rank.Scorer, error)
}

// Fit makes the scorer of a setting, with a fallback where the model needs one.
func (m Model) Fit(ctx context.Context, s Setting, h History) (rank.Scorer, error) {
	scorer, err := s.Fit(ctx, h)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", m.Name, s.Text, err)
	}
	if m.Everyone {
		return scorer, nil
	}
	return WithFallback(scorer, h), nil
}

// Chosen is the best setting on validation.
type Chosen struct {
	Model   Model
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
	best := Chosen{Model: m, Value: -1}
	try := func(i int) (value float64, err error) {
		s := m.Settings[i]
		scorer, err := m.Fit(ctx, s, h)
		if err != nil {
			return 0, err
		}
		best.Tried++
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
