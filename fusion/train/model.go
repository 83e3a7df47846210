package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"weft/fusion/baselines"
	"weft/fusion/content"
	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/fusion/towers"
)

// Train fits the tower, chooses on validation what serves, and writes the result to Out (see write for the files). The test part is never looked at. The chosen model is fitted once more on train and validation together,
// unless the split was given: that is served from its train part alone.
//
// When ctx ends, what was done is saved, and the same call with Resume comes to the same result. It wraps the cause of ctx.
func Train(ctx context.Context, o Options) (Summary, error) {
	began := time.Now()
	if err := o.Config.Validate(); err != nil {
		return Summary{}, err
	}
	if o.Runtime == nil || o.Data == nil || o.Out == "" {
		return Summary{}, fmt.Errorf("%w: Runtime, Data and Out are required", ErrConfig)
	}
	if err := o.check(); err != nil {
		return Summary{}, err
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return Summary{}, err
	}
	o.Config = o.Config.withDefaults(o.Data.Timed)
	if o.Config.Threads == 0 {
		o.Config.Threads = runtime.GOMAXPROCS(0)
	}
	native := linear.NewNative(o.Runtime)
	defer func() { _ = native.Close() }()
	t := &training{Options: o, products: native}
	if err := t.prepare(); err != nil {
		return Summary{}, err
	}
	curves, err := newCurves(filepath.Join(o.Out, "curves"), began)
	if err != nil {
		return Summary{}, err
	}
	t.curves = curves
	m, err := t.run(ctx)
	if err = errors.Join(err, curves.close()); err != nil {
		return Summary{}, err
	}
	if err := t.fitContent(ctx); err != nil {
		return Summary{}, err
	}
	t.summary.Config, t.summary.Seconds, t.summary.PeakMiB = t.Config, time.Since(began).Seconds(), peakMemory()
	return t.summary, t.write(ctx, m)
}

// training is one call of Train.
type training struct {
	Options
	products linear.Multiplier
	features []prepared
	judge    *judge
	curves   *curves
	summary  Summary
	content  *content.Head // nil without anything to learn it from
	past     *period       // decides beside the validation part; nil where there is none, and once all is decided
}

func (t *training) prepare() error {
	t.Watch.stage("features")
	for i := range t.Data.Modalities {
		p, err := prepare(&t.Data.Modalities[i])
		if err != nil {
			return err
		}
		t.features = append(t.features, p)
	}
	var err error
	t.judge, err = newJudge(t.products, t.Data, t.Config.Seed)
	return err
}

func (t *training) history(rows []dataset.Interaction) baselines.History {
	return baselines.History{Rows: rows, Users: len(t.Data.Users), Items: len(t.Data.Items), Now: dataset.Newest(rows), Modalities: t.Data.Modalities, Strength: t.Config.Strength}
}

// run goes from data to a model.
func (t *training) run(ctx context.Context) (*served, error) {
	if err := t.chooseStrength(ctx); err != nil {
		return nil, err
	}
	tower, err := t.chooseTower(ctx)
	if err != nil {
		return nil, err
	}
	t.summary.Epochs, t.summary.Steps = tower.history, tower.steps
	history := t.history(t.Data.Train)
	list, err := t.candidates(ctx, tower, history)
	if err != nil {
		return nil, err
	}
	choice, err := t.chooseBlocks(ctx, tower, list)
	if err != nil {
		return nil, err
	}
	choice.Baselines, choice.Ridge, choice.Recent = t.summary.Choice.Baselines, t.summary.Choice.Ridge, t.summary.Choice.Recent
	choice.Epochs = tower.best
	t.summary.Choice = choice

	t.Watch.stage("folding blocks")
	m, err := t.serve(ctx, tower, history, list)
	if err != nil {
		return nil, err
	}
	reached, err := t.composed(ctx, m)
	if err != nil {
		return nil, err
	}
	for m.cold.Content > 0 && reached.sum() < choice.reached().sum()*(1-coldCost-exploreCost) {
		// Likeness brings the new among themselves into order, but puts them in front of what people take, or leaves the
		// other blocks too few dimensions.
		t.summary.Choice.Cold = t.summary.Choice.Cold.less()
		t.summary.Choice.Folding = ""
		if m, err = t.serve(ctx, tower, history, list); err != nil {
			return nil, err
		}
		if reached, err = t.composed(ctx, m); err != nil {
			return nil, err
		}
	}
	t.past = nil
	t.summary.FittedOn = fittedOnTrain
	if t.Data.Split == dataset.Given && !t.FitAll {
		return m, nil
	}
	// What was chosen is fitted on all that is known when it serves. A given split may forbid that.
	rows := t.Data.TrainVal
	t.summary.FittedOn = fittedOnBoth
	if t.FitAll {
		rows, t.summary.FittedOn = t.Data.All, towers.FittedOnAll
	}
	t.Watch.stage("fitting again on %s", t.summary.FittedOn)
	if tower, err = t.ensemble(ctx, t.Config, rows, "refit", tower.bests); err != nil {
		return nil, err
	}
	t.summary.Refit = tower.history
	history = t.history(rows)
	list = list[:0]
	for _, r := range recipes(t.products, t.Config.Seed, t.Data.Timed, choice.Ridge, choice.Recent) {
		if !choice.has(r.name) {
			continue
		}
		b, err := r.make(ctx, history)
		if err != nil {
			return nil, err
		}
		b.Name = r.name
		list = append(list, candidate{Block: b})
	}
	return t.serve(ctx, tower, history, append(list, candidate{Block: tower.block()}))
}

// composed measures what would serve: on the validation part, which the summary tells, and on all that decides where the
// new have places that may cost too much.
func (t *training) composed(ctx context.Context, m *served) (all Metrics, err error) {
	now, err := t.measure(ctx, m)
	t.summary.Composed = now
	if err != nil || t.past == nil || m.cold.Content == 0 {
		return now, err
	}
	p := t.past
	p.summary.Choice = t.summary.Choice
	if err := p.finish(ctx, p.model, p.composite); err != nil {
		return all, err
	}
	then, err := p.measure(ctx, p.model)
	return now.with(then), err
}

// What a model that serves was fitted on; the rest is towers.FittedOnAll.
const (
	fittedOnTrain = "train"
	fittedOnBoth  = "train and validation"
)

// measure judges a served model.
func (t *training) measure(ctx context.Context, m *served) (Metrics, error) {
	scores, err := t.judge.scores(ctx, m.users.Data, m.items.Data, m.users.Cols)
	if err != nil {
		return Metrics{}, err
	}
	return t.judge.measure(scores), nil
}

// dropCheckpoints removes what only an interrupted training needs.
func (t *training) dropCheckpoints() error {
	found, err := filepath.Glob(filepath.Join(t.Out, "*.checkpoint"))
	for _, path := range found {
		if e := os.Remove(path); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
