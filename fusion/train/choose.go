package train

import (
	"context"
	"math"
	"slices"

	"weft/fusion/blocks"
	"weft/fusion/towers"
)

// Choice says which blocks serve, and why.
type Choice struct {
	Members    []Member           `json:"members"`
	Validation Metrics            `json:"validation"`      // of their weighted sum, before it is folded
	Pooled     Metrics            `json:"pooled,omitzero"` // with times: of the same sum over validation and an earlier cut together
	Alone      map[string]Metrics `json:"alone"`           // of every candidate on its own
	Baselines  map[string]Metrics `json:"baselines"`       // of models that cannot serve as they are
	Ridge      float32            `json:"ease_ridge,omitempty"`
	Recent     float32            `json:"recency_ease_ridge,omitempty"`
	Epochs     int                `json:"epochs"` // of the tower
	Cold       ColdChoice         `json:"cold"`
	Folding    string             `json:"folding"` // how the sum became one dot product
	Foldings   map[string]Metrics `json:"foldings"`
}

// Member is a block that serves.
type Member = towers.Member

// Weights that are tried for a block, relative to the spread of the scores it joins; and the least gain that a further
// block must bring, relative, since the best of several is always a little lucky.
var shares = []float32{.05, .1, .2, .35, .6, 1, 1.6, 2.5}

const leastGain = .005

// coldCost is how much of the metric may be given for a better order of items that nobody had.
const coldCost = .01

// candidate is a block with its scores for the judge's users.
type candidate struct {
	blocks.Block
	scores []float32
	spread float32
}

func (j *judge) candidate(ctx context.Context, b blocks.Block) (candidate, error) {
	scores, err := j.scores(ctx, b.Users, b.Items, b.Dim)
	return candidate{b, scores, spread(scores)}, err
}

// spread is the standard deviation of all scores.
func spread(scores []float32) float32 {
	var sum, square float64
	for _, x := range scores {
		sum += float64(x)
		square += float64(x) * float64(x)
	}
	n := float64(max(len(scores), 1))
	return float32(math.Sqrt(max(square/n-sum/n*sum/n, 1e-20)))
}

// choose begins with the best candidate alone and adds, one after another, whichever block at whichever weight helps most,
// as long as it helps; then every weight is looked at once more. It is never worse than the best candidate.
func (j *judge) choose(ctx context.Context, list []candidate) (Choice, error) {
	c := Choice{Alone: map[string]Metrics{}}
	best := -1
	for i, k := range list {
		m := j.measure(k.scores)
		c.Alone[k.Name] = m
		if best < 0 || m.better(c.Validation) {
			best, c.Validation = i, m
		}
	}
	weights := make([]float32, len(list))
	weights[best] = 1
	total := slices.Clone(list[best].scores)
	sum := make([]float32, len(total))
	with := func(i int, weight float32) Metrics {
		change := weight - weights[i]
		inParallel(len(sum), func(from, to int) {
			for k := from; k < to; k++ {
				sum[k] = total[k] + change*list[i].scores[k]
			}
		})
		return j.measure(sum)
	}
	accept := func(i int, weight float32, m Metrics) {
		with(i, weight)
		copy(total, sum)
		weights[i], c.Validation = weight, m
	}
	for {
		block, weight, top := -1, float32(0), c.Validation
		for i := range list {
			if weights[i] != 0 {
				continue
			}
			for _, share := range shares {
				if err := ctx.Err(); err != nil {
					return c, context.Cause(ctx)
				}
				w := share * spread(total) / list[i].spread
				if m := with(i, w); m.better(top) {
					block, weight, top = i, w, m
				}
			}
		}
		if block < 0 || top.sum() < c.Validation.sum()*(1+leastGain) {
			break
		}
		accept(block, weight, top)
	}
	for i := range list {
		if weights[i] == 0 {
			continue
		}
		weight, top := weights[i], c.Validation
		for _, factor := range []float32{.6, .8, 1.25, 1.6} {
			if m := with(i, weights[i]*factor); m.better(top) {
				weight, top = weights[i]*factor, m
			}
		}
		if weight != weights[i] {
			accept(i, weight, top)
		}
	}
	for i, w := range weights {
		if w != 0 {
			c.Members = append(c.Members, Member{Name: list[i].Name, Weight: w})
		}
	}
	return c, nil
}

// reached is what the choice came to on all that decided.
func (c Choice) reached() Metrics {
	if c.Pooled.Users > 0 {
		return c.Pooled
	}
	return c.Validation
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
