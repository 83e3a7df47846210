package train

import (
	"context"
	"errors"

	"weft/fusion/baselines"
	"weft/fusion/blocks"
	"weft/fusion/linear"
)

// Ranks of the closed-form blocks, before they are folded with the others.
const (
	blockRank   = 256
	recencyRank = 120
)

// recipe makes one closed-form block from a history: on train to be judged, then on all that may be known to serve.
type recipe struct {
	name string
	make func(context.Context, baselines.History) (blocks.Block, error)
}

// EASE's ridges, climbed from the second; the half-life of its recency, in days.
var ridges = [...]float32{15, 50, 200, 500}

const recencyHalfLife = 60

// easeLimit is the largest catalogue that EASE is fitted on: its matrix has a number for each pair of items.
const easeLimit = 12_000

const lowRankEASE = "low-rank EASE"

// recipes lists what may serve beside the tower. ridge is EASE's, recent the same on recency-weighted histories; 0 leaves
// them out.
func recipes(m linear.Multiplier, seed uint64, timed bool, ridge, recent float32) []recipe {
	list := []recipe{
		{"spectral", func(ctx context.Context, h baselines.History) (blocks.Block, error) {
			return blocks.Spectral(ctx, h, blockRank, seed)
		}},
		{"co-count", func(ctx context.Context, h baselines.History) (blocks.Block, error) {
			return blocks.CoCount(ctx, h, blockRank, seed)
		}},
		{"popularity", func(ctx context.Context, h baselines.History) (blocks.Block, error) {
			if timed {
				return blocks.Forecast(ctx, h, 14*baselines.Day, coldRank)
			}
			return blocks.Popularity(ctx, h, coldRank)
		}},
	}
	if ridge > 0 {
		list = append(list, recipe{lowRankEASE, func(ctx context.Context, h baselines.History) (blocks.Block, error) {
			return blocks.EASE(ctx, m, h, blocks.EASEConfig{Lambda: ridge}, blockRank, seed)
		}})
	}
	if recent > 0 {
		list = append(list, recipe{"recency EASE", func(ctx context.Context, h baselines.History) (blocks.Block, error) {
			return blocks.EASE(ctx, m, h, blocks.EASEConfig{Lambda: recent, HalfLife: recencyHalfLife * baselines.Day, Unit: true}, recencyRank, seed)
		}})
	}
	return list
}

// wholeEASE is EASE before it is kept at a rank. It cannot serve as it is, and is a baseline.
type wholeEASE struct {
	*baselines.Ease
	ridge   float32
	metrics Metrics
}

// bestEASE climbs EASE's ridges on validation.
func bestEASE(ctx context.Context, m linear.Multiplier, j *judge, h baselines.History) (wholeEASE, error) {
	var best wholeEASE
	x := h.Matrix()
	try := func(i int) (bool, error) {
		e, err := baselines.EASE(ctx, m, x, x, ridges[i])
		if errors.Is(err, linear.ErrSingular) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		metrics := j.measureBy(e)
		if best.Ease != nil && !metrics.better(best.metrics) {
			return false, nil
		}
		best = wholeEASE{e, ridges[i], metrics}
		return true, nil
	}
	start := 1
	if _, err := try(start); err != nil {
		return best, err
	}
	for _, step := range []int{1, -1} {
		climbed := false
		for i := start + step; i >= 0 && i < len(ridges); i += step {
			better, err := try(i)
			if err != nil {
				return best, err
			}
			if !better {
				break
			}
			climbed = true
		}
		if climbed {
			break
		}
	}
	return best, nil
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
