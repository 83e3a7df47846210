package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"weft/fusion/blocks"
	"weft/fusion/dataset"
)

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
	f, err := newFit(t.Runtime, rows, len(t.Data.Users), len(t.Data.Items), t.Data.Timed && !c.Timeless, t.features, c)
	if err != nil {
		return fitted{}, err
	}
	defer f.close()
	if measured { // when it stops, and what is kept, depends on who was asked
		f.inputs = digest(c, t.Data.Val, f.users, f.items, nil) + f.inputs
	}
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

// chooseTower trains the towers in the way that does best with the first of them: with times and without, and with a grid in
// several more.
func (t *training) chooseTower(ctx context.Context) (fitted, error) {
	list := []variation{{"as given", t.Config}}
	if t.Data.Timed {
		list = append(list, timeless(t.Config))
	}
	if t.Grid {
		list = append(list, variations(t.Config)...)
	}
	var best fitted
	var failed error
	for i, v := range list {
		t.Watch.stage("training the tower, %s", v.setting)
		f, err := t.fit(ctx, v.config, t.Data.Train, fmt.Sprintf("tower-%d", i), true)
		if errors.Is(err, ErrData) { // another way may find something to learn from
			failed = cmp.Or(failed, err)
			continue
		}
		if err != nil {
			return f, err
		}
		validation := f.history[f.best-1].Validation
		t.summary.Grid = append(t.summary.Grid, Trial{v.setting, validation, f.best})
		if best.tower == nil || validation.better(best.history[best.best-1].Validation) {
			best, t.Config = f, v.config
		}
	}
	if best.tower == nil {
		return best, failed
	}
	return t.ensemble(ctx, t.Config, t.Data.Train, "tower", nil, best)
}

type variation struct {
	setting string
	config  Config
}

// timeless is the other way to learn from times: where people do all they do in one go, or what is asked for does not come
// after what is known, moments say nothing.
func timeless(c Config) variation {
	c.Timeless = true
	return variation{"without times", c}
}

// variations are the settings that matter most from shop to shop, one changed at a time.
func variations(c Config) []variation {
	var list []variation
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
