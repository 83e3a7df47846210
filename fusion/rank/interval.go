package rank

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
)

// ErrPair marks two results that were not measured on the same users.
var ErrPair = errors.New("results cannot be paired")

// Result is what Evaluate found, a slice after the other in the order of the protocol.
type Result struct{ Slices []SliceResult }

// Slice finds one by its name.
func (r Result) Slice(name string) (SliceResult, bool) {
	i := slices.IndexFunc(r.Slices, func(s SliceResult) bool { return s.Name == name })
	if i < 0 {
		return SliceResult{}, false
	}
	return r.Slices[i], true
}

// SliceResult is one slice. Metrics are named like recall@20, precision@20, ndcg@20 and hit@20.
type SliceResult struct {
	Name      string
	Users     []int32              // who was evaluated
	Values    map[string][]float32 // metric → value of each of Users
	Estimates map[string]Estimate  // metric → mean and interval; empty where there are no users
	Coverage  map[string]float64   // coverage@k → share of the candidates that are shown to anyone
}

// Mean of a metric, 0 where there are no users.
func (s SliceResult) Mean(metric string) float64 { return s.Estimates[metric].Mean }

// Estimate is a mean over users with the 95 % interval of its bootstrap (Low = High = Mean without resamples).
type Estimate struct{ Mean, Low, High float64 }

// Estimates are the means of metrics (each a value per user, as many for all) with 95 % bootstrap intervals over users. One
// draw serves all metrics; without resamples intervals are the mean.
func Estimates(values map[string][]float32, resamples int, seed uint64) map[string]Estimate {
	names := slices.Sorted(maps.Keys(values))
	out := map[string]Estimate{}
	if len(names) == 0 || len(values[names[0]]) == 0 {
		return out
	}
	users := len(values[names[0]])
	random := rand.New(rand.NewPCG(seed, 0xb007))
	draws := make([][]float64, len(names))
	times := make([]float32, users) // how often each user is drawn
	for range resamples {
		clear(times)
		for range users {
			times[random.IntN(users)]++
		}
		for i, name := range names {
			draws[i] = append(draws[i], dot(values[name], times)/float64(users))
		}
	}
	for i, name := range names {
		sum := 0.
		for _, v := range values[name] {
			sum += float64(v)
		}
		e := Estimate{Mean: sum / float64(users)}
		e.Low, e.High = e.Mean, e.Mean
		if resamples > 0 {
			slices.Sort(draws[i])
			e.Low, e.High = quantile(draws[i], .025), quantile(draws[i], .975)
		}
		out[name] = e
	}
	return out
}

func dot(a, b []float32) float64 {
	var s float64
	for i, x := range a {
		s += float64(x) * float64(b[i])
	}
	return s
}

// quantile interpolates between order statistics.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Difference is a minus b, over the same users in the same slice, with its interval: an interval that excludes 0 says that
// the two differ by more than the choice of users explains.
func Difference(a, b SliceResult, metric string, resamples int, seed uint64) (Estimate, error) {
	x, y := a.Values[metric], b.Values[metric]
	if x == nil || y == nil || !slices.Equal(a.Users, b.Users) {
		return Estimate{}, fmt.Errorf("%w: slice %q with %d users and slice %q with %d, metric %q: evaluate both under one protocol",
			ErrPair, a.Name, len(a.Users), b.Name, len(b.Users), metric)
	}
	d := make([]float32, len(x))
	for i := range x {
		d[i] = x[i] - y[i]
	}
	return Estimates(map[string][]float32{metric: d}, resamples, seed)[metric], nil
}
