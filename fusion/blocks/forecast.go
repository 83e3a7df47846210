package blocks

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"weft/fusion/baselines"
)

// Half-lives of the counts that demand is forecast from, in days.
var halfLives = []float64{1, 3, 7, 14, 30, 90}

// How the forecast is learnt: from cuts of the past a week apart, each asked for the first interactions of the days after it.
const (
	cuts     = 16
	cutApart = 7 * baselines.Day
	newtons  = 25   // steps at most
	cutFades = 90   // days after which a cut counts half
	smallest = .05  // count that stands for none, so that its logarithm is finite
	slight   = 1e-2 // ridge, for each unit of weight
)

// Forecast is one dimension, the same for everyone: the logarithm of the first interactions that each item will see within
// a horizon (ms) after Now. A Poisson regression on decayed counts and the item's age, fitted to what followed earlier days
// of the same history. Items that nobody had get the value at a quantile of the others, so that they can show at all.
func Forecast(ctx context.Context, h baselines.History, horizon int64, cold float64) (Block, error) {
	if h.Now == 0 || len(h.Rows) == 0 {
		return Block{}, fmt.Errorf("%w: a forecast of demand without times: use interactions with times", ErrBlock)
	}
	oldest := h.Rows[0].Time
	for _, r := range h.Rows {
		oldest = min(oldest, r.Time)
	}
	var samples []demand
	for k := range cuts {
		at := h.Now - horizon - int64(k)*cutApart
		if at <= oldest+14*baselines.Day && k > 0 {
			break
		}
		next := make([]float64, h.Items)
		for _, r := range h.Rows {
			if taken, ok := r.Taken(); ok && taken >= at && taken < at+horizon {
				next[r.Item]++
			}
		}
		weight := math.Exp2(-float64(int64(k)*cutApart/baselines.Day) / cutFades)
		for item, f := range features(h, at) {
			if f != nil {
				samples = append(samples, demand{f, next[item], weight})
			}
		}
	}
	w, err := poisson(ctx, samples)
	if err != nil {
		return Block{}, err
	}
	level := make([]float32, h.Items)
	for item, f := range features(h, h.Now) {
		if f != nil {
			level[item] = float32(inner(w, f))
		}
	}
	return popularity(ctx, "forecast", h, level, cold)
}

// demand is one item at one moment of the past, and how many had it first in the days that followed.
type demand struct {
	features []float64
	count    float64
	weight   float64
}

// features of every item that somebody had before a moment, nil for the others: a constant, logarithms of decayed counts
// and of the days since the item was first seen.
func features(h baselines.History, at int64) [][]float64 {
	n := len(halfLives)
	out := make([][]float64, h.Items)
	for _, r := range h.Rows {
		if r.Time >= at {
			continue
		}
		age := float64(at-r.Time) / float64(baselines.Day)
		f := out[r.Item]
		if f == nil {
			f = make([]float64, n+3)
			out[r.Item] = f
		}
		h.Strength.Each(r, func(time int64, more float32) {
			if time < at {
				age := float64(at-time) / float64(baselines.Day)
				for k, life := range halfLives {
					f[k] += float64(more) * math.Exp2(-age/life)
				}
			}
		})
		f[n] = max(f[n], age)
	}
	for _, f := range out {
		if f != nil {
			for k := range halfLives {
				f[k] = math.Log(f[k] + smallest)
			}
			f[n+1] = math.Exp2(-f[n] / 14)
			f[n] = math.Log(f[n] + 1)
			f[n+2] = 1
		}
	}
	return out
}

// poisson maximises Σ weight·(count·w·f − exp(w·f)) with a slight ridge, by Newton's method.
func poisson(ctx context.Context, samples []demand) ([]float64, error) {
	if len(samples) == 0 {
		return nil, fmt.Errorf("%w: a forecast of demand from a history of a single moment: use popularity", ErrBlock)
	}
	n := len(samples[0].features)
	w := make([]float64, n)
	total, weight := 0., 0.
	for _, s := range samples {
		total, weight = total+s.weight*s.count, weight+s.weight
	}
	w[n-1] = math.Log(total/weight + 1e-6)
	for range newtons {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		hessian, gradient := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
		for _, s := range samples {
			rate := math.Exp(min(inner(w, s.features), 20))
			for i, x := range s.features {
				gradient.SetVec(i, gradient.AtVec(i)+s.weight*(s.count-rate)*x)
				for j := i; j < n; j++ {
					hessian.SetSym(i, j, hessian.At(i, j)+s.weight*rate*x*s.features[j])
				}
			}
		}
		for i := range n {
			hessian.SetSym(i, i, hessian.At(i, i)+slight*weight)
			gradient.SetVec(i, gradient.AtVec(i)-slight*weight*w[i])
		}
		var chol mat.Cholesky
		var step mat.VecDense
		if !chol.Factorize(hessian) || chol.SolveVecTo(&step, gradient) != nil {
			return nil, fmt.Errorf("%w: the forecast of demand does not converge: use popularity", ErrBlock)
		}
		// A long step of Newton's overshoots where rates are still far off.
		size := mat.Norm(&step, 2)
		short := min(1, 1/max(size, 1e-12))
		for i := range w {
			w[i] += short * step.AtVec(i)
		}
		if size < 1e-6 {
			break
		}
	}
	return w, nil
}

func inner(w, f []float64) float64 {
	sum := 0.
	for i, x := range f {
		sum += w[i] * x
	}
	return sum
}
