package evaluation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"weft/fusion/baselines"
	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/fusion/rank"
)

// usualPower of the weights of interactions is the baselines', where interactions differ in kind.
const usualPower = .5

// chosenBy is the metric that settings are chosen by, on validation, and judgedAt its length of the list.
const (
	judgedAt = 20
	chosenBy = "recall@20"
)

// Config says what is measured, and how.
type Config struct {
	Data      *dataset.Dataset
	Report    dataset.Report // that came with Data
	Lengths   []int          // of the list, at least 1; 20, which settings are chosen at, is added
	Resamples int            // of the bootstrap behind the intervals; 0 is none
	Seed      uint64         // of the bootstrap, of ALS and of chance
	Refit     bool           // what was chosen is fitted again on train and val before the test
}

// Evaluation is two protocols: what settings are chosen on, and what is measured on.
type Evaluation struct {
	c             Config
	choose, final baselines.History
	onVal, onTest rank.Protocol
}

// Row is a model with what it reached on the test part.
type Row struct {
	Name, Setting string
	Tried         int     // settings, before this one was chosen
	Validation    float64 // recall@20; -1 for a model made elsewhere
	Baseline      bool
	Result        rank.Result
	Took          time.Duration // choosing, fitting and measuring
}

// New prepares the protocols of a split.
func New(c Config) *Evaluation {
	if !slices.Contains(c.Lengths, judgedAt) {
		c.Lengths = append(slices.Clone(c.Lengths), judgedAt)
	}
	d, r := c.Data, c.Report
	e := &Evaluation{c: c}
	e.choose = baselines.History{Rows: d.Train, Users: len(d.Users), Items: len(d.Items), Modalities: d.Modalities, Now: askedAt(d, r.ValFrom, d.Train)}
	if d.Full > 0 {
		e.choose.Strength = dataset.Strength{Full: d.Full, Power: usualPower}
	}
	e.final = e.choose
	if c.Refit {
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

// Baselines are those that the data allow.
func (e *Evaluation) Baselines(m linear.Multiplier) []baselines.Model {
	return baselines.Models(e.choose, m, e.c.Seed)
}

// Baseline chooses a model's setting on validation and then measures it once on test.
func (e *Evaluation) Baseline(ctx context.Context, model baselines.Model) (Row, error) {
	began := time.Now()
	chosen, err := baselines.Choose(ctx, model, e.choose, e.onVal, chosenBy)
	if err != nil {
		return Row{}, err
	}
	scorer := chosen.Scorer
	if e.c.Refit {
		if scorer, err = model.Fit(ctx, chosen.Setting, e.final); err != nil {
			return Row{}, err
		}
	}
	r := Row{Name: model.Name, Setting: chosen.Setting.Text, Tried: chosen.Tried, Validation: chosen.Value, Baseline: true}
	if r.Result, err = rank.Evaluate(ctx, scorer, e.onTest); err != nil {
		return Row{}, fmt.Errorf("%s: %w", model.Name, err)
	}
	r.Took = time.Since(began)
	return r, nil
}

// Trained measures a model that was trained elsewhere. Whom it does not know gets what is popular.
func (e *Evaluation) Trained(ctx context.Context, m *Trained) (Row, error) {
	known := make([]bool, len(m.unknown))
	for u, unknown := range m.unknown {
		known[u] = !unknown
	}
	began := time.Now()
	result, err := rank.Evaluate(ctx, baselines.ForKnown(m.scorer, known, e.final), e.onTest)
	if err != nil {
		return Row{}, err
	}
	return Row{Name: m.Name, Setting: fmt.Sprintf("%d dimensions", m.scorer.Dim), Validation: -1, Result: result, Took: time.Since(began)}, nil
}
