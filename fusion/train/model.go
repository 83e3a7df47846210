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
	"weft/fusion/blocks"
	"weft/fusion/content"
	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/onnx"
)

// Read contract: served vectors have Dim numbers, the last of which carries what is missing to unit length.
const Dim = 256

// Options says what to train on and where the result goes.
type Options struct {
	Runtime *onnx.Runtime
	Data    *dataset.Dataset
	Report  dataset.Report // goes into the model card
	Config  Config
	Grid    bool   // try variations of Config and keep the best on validation
	Out     string // folder, made if it is not there; also holds the checkpoints
	Resume  bool   // go on from the checkpoints in Out
	Watch   Watch
}

// Watch is told how a training goes; any of its functions may be nil. They are called by one goroutine.
type Watch struct {
	Stage func(name string) // a part of the work begins
	Step  func(Step)
	Epoch func(Epoch)
}

func (w Watch) stage(format string, args ...any) {
	if w.Stage != nil {
		w.Stage(fmt.Sprintf(format, args...))
	}
}

// Summary is what a training came to; it is also metrics.json.
type Summary struct {
	Choice   Choice  `json:"choice"`
	Composed Metrics `json:"composed"` // validation of what serves, folded, from the train part alone
	Epochs   []Epoch `json:"history"`  // of the tower, on the train part
	Refit    []Epoch `json:"refit,omitempty"`
	Grid     []Trial `json:"grid,omitempty"`
	Config   Config  `json:"config"`
	Powers   []Power `json:"powers,omitempty"` // of the weights of interactions that were tried; Config has the one that was kept
	// Content is how the content output does on products left out; nil where that could not be asked.
	Content *content.Quality `json:"content,omitempty"`
	Steps   int              `json:"steps"`
	Seconds float64          `json:"seconds"` // since the last interruption
	// PeakMiB is the most memory that the process held; 0 where the system does not tell.
	PeakMiB int `json:"peak_mib"`
}

// Trial is one setting of the grid.
type Trial struct {
	Setting    string  `json:"setting"`
	Validation Metrics `json:"validation"`
	Epochs     int     `json:"epochs"`
}

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

// check finds data that could only fail later, or make a model of nothing.
func (o Options) check() error {
	d := o.Data
	for _, part := range [][]dataset.Interaction{d.Train, d.Val, d.TrainVal} {
		for _, r := range part {
			if r.User < 0 || int(r.User) >= len(d.Users) || r.Item < 0 || int(r.Item) >= len(d.Items) {
				return fmt.Errorf("%w: an interaction of user %d and item %d, with %d users and %d items: numbers begin at 0", ErrData, r.User, r.Item, len(d.Users), len(d.Items))
			}
		}
	}
	switch {
	case len(d.Train) == 0:
		return fmt.Errorf("%w: the train part is empty", ErrData)
	case len(d.Val) == 0:
		return fmt.Errorf("%w: the validation part is empty; nothing can be chosen", ErrData)
	}
	for _, m := range d.Modalities {
		if err := finite("features of modality "+m.Name, m.Rows); err != nil {
			return err
		}
	}
	return nil
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

// fitted is a trained tower with what its files need.
type fitted struct {
	*tower
	history  []Epoch
	best     int   // epoch
	bests    []int // of each tower of an ensemble
	steps    int
	identity []float32   // averaged
	projects [][]float32 // averaged
}

// fit trains a tower on rows. It stops early when measured; otherwise it trains for all epochs.
func (t *training) fit(ctx context.Context, c Config, rows []dataset.Interaction, name string, measured bool) (fitted, error) {
	f, err := newFit(t.Runtime, rows, len(t.Data.Users), len(t.Data.Items), t.Data.Timed, t.features, c)
	if err != nil {
		return fitted{}, err
	}
	defer f.close()
	p := plan{epochs: c.Epochs, patience: c.Patience, checkpoint: filepath.Join(t.Out, name+".checkpoint"), resume: t.Resume}
	p.step = func(s Step) {
		t.curves.add(time.Now(), name+"/loss", f.state.Steps, s.Loss)
		if t.Watch.Step != nil {
			t.Watch.Step(s)
		}
	}
	p.epoch = func(e Epoch) {
		if measured {
			t.curves.add(time.Now(), name+"/validation_recall_20", f.state.Steps, e.Validation.Recall)
			t.curves.add(time.Now(), name+"/validation_ndcg_20", f.state.Steps, e.Validation.NDCG)
		}
		if t.Watch.Epoch != nil {
			t.Watch.Epoch(e)
		}
	}
	if measured {
		p.measure = func(ctx context.Context, tw *tower) (Metrics, error) {
			scores, err := t.judge.scores(ctx, tw.users, tw.items, tw.dim)
			if err != nil {
				return Metrics{}, err
			}
			return t.judge.measure(scores), nil
		}
	}
	tw, err := f.run(ctx, p)
	if err != nil {
		return fitted{}, err
	}
	out := fitted{tower: tw, history: f.state.History, best: f.state.Best, bests: []int{f.state.Best}, steps: f.state.Steps, identity: f.parameter("identity").Average}
	for k := range f.features {
		out.projects = append(out.projects, f.parameter(fmt.Sprintf("project.%d", k)).Average)
	}
	return out, nil
}

// block is the tower as a block.
func (t fitted) block() blocks.Block {
	return blocks.Block{Name: towerName, Users: t.users, Items: t.items, Dim: t.dim}
}

const towerName = "tower"

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
	if t.summary.Composed, err = t.measure(ctx, m); err != nil {
		return nil, err
	}
	for m.cold.Content > 0 && t.summary.Composed.sum() < choice.Validation.sum()*(1-coldCost-exploreCost) {
		// Likeness brings the new among themselves into order, but puts them in front of what people take, or leaves the
		// other blocks too few dimensions.
		t.summary.Choice.Cold = t.summary.Choice.Cold.less()
		t.summary.Choice.Folding = ""
		if m, err = t.serve(ctx, tower, history, list); err != nil {
			return nil, err
		}
		if t.summary.Composed, err = t.measure(ctx, m); err != nil {
			return nil, err
		}
	}
	if t.Data.Split == dataset.Given {
		return m, nil
	}
	// What was chosen is fitted on all that is known when it serves. A given split may forbid that.
	t.Watch.stage("fitting again on train and validation")
	if tower, err = t.ensemble(ctx, t.Config, t.Data.TrainVal, "refit", tower.bests); err != nil {
		return nil, err
	}
	t.summary.Refit = tower.history
	history = t.history(t.Data.TrainVal)
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

func (c Choice) has(name string) bool { return c.weight(name) != 0 }

func (c Choice) weight(name string) float32 {
	for _, m := range c.Members {
		if m.Name == name {
			return m.Weight
		}
	}
	return 0
}

// chooseTower trains the tower, with a grid the best of several.
func (t *training) chooseTower(ctx context.Context) (fitted, error) {
	if !t.Grid {
		t.Watch.stage("training the tower")
		return t.ensemble(ctx, t.Config, t.Data.Train, "tower", nil)
	}
	var best fitted
	var config Config
	for i, v := range variations(t.Config) {
		t.Watch.stage("training the tower, %s", v.setting)
		f, err := t.fit(ctx, v.config, t.Data.Train, fmt.Sprintf("tower-%d", i), true)
		if err != nil {
			return f, err
		}
		validation := f.history[f.best-1].Validation
		t.summary.Grid = append(t.summary.Grid, Trial{v.setting, validation, f.best})
		if best.tower == nil || validation.better(best.history[best.best-1].Validation) {
			best, config = f, v.config
		}
	}
	t.Config = config
	list := []fitted{best}
	for i := 1; i < config.Towers; i++ {
		c := config
		c.Seed += uint64(i) * seedApart
		f, err := t.fit(ctx, c, t.Data.Train, fmt.Sprintf("tower.%d", i+1), true)
		if err != nil {
			return f, err
		}
		list = append(list, f)
	}
	return join(list), nil
}

type variation struct {
	setting string
	config  Config
}

// variations are the settings that matter most from shop to shop, one changed at a time.
func variations(c Config) []variation {
	list := []variation{{"as given", c}}
	add := func(text string, change func(*Config)) {
		v := c
		change(&v)
		list = append(list, variation{text, v})
	}
	add("temperature × 1.5", func(c *Config) { c.Temperature *= 1.5 })
	add("temperature × .67", func(c *Config) { c.Temperature /= 1.5 })
	add("identity dropped half the time", func(c *Config) { c.DropIdentity = .5 })
	add("learning rate × 2", func(c *Config) { c.Rate *= 2 })
	add("learning rate × .5", func(c *Config) { c.Rate /= 2 })
	return list
}

// candidates makes every block on the train part. Blocks that a shop cannot have (no pairs to count) are left out.
func (t *training) candidates(ctx context.Context, tower fitted, h baselines.History) ([]candidate, error) {
	t.summary.Choice.Baselines = map[string]Metrics{}
	var ease wholeEASE
	if len(t.Data.Items) <= easeLimit {
		t.Watch.stage("EASE")
		var err error
		if ease, err = bestEASE(ctx, t.products, t.judge, h); err != nil {
			return nil, err
		}
		t.summary.Choice.Ridge, t.summary.Choice.Baselines["EASE"] = ease.ridge, ease.metrics
		if t.Data.Timed {
			t.summary.Choice.Recent = ridges[2] // its gain hardly depends on it
		}
	}
	var list []candidate
	for _, r := range recipes(t.products, t.Config.Seed, t.Data.Timed, t.summary.Choice.Ridge, t.summary.Choice.Recent) {
		t.Watch.stage("%s", r.name)
		var b blocks.Block
		var err error
		if r.name == lowRankEASE { // it is fitted already
			b, err = blocks.KeepEASE(ctx, t.products, h, ease.Ease, blocks.EASEConfig{Lambda: ease.ridge}, blockRank, t.Config.Seed)
			ease.Ease = nil
		} else {
			b, err = r.make(ctx, h)
		}
		if errors.Is(err, blocks.ErrBlock) || errors.Is(err, baselines.ErrHistory) || errors.Is(err, linear.ErrShape) {
			continue
		}
		if err != nil {
			return nil, err
		}
		b.Name = r.name
		if finite(b.Name, b.Users) != nil || finite(b.Name, b.Items) != nil {
			continue
		}
		c, err := t.judge.candidate(ctx, b)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	c, err := t.judge.candidate(ctx, tower.block())
	return append(list, c), err
}

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
