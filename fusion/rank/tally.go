package rank

import (
	"fmt"
	"math"
	"sync/atomic"
)

// metrics of one user at one length of the list, in the order of their values.
var metrics = []string{"recall", "precision", "ndcg", "hit"}

// tally gathers one slice. Goroutines write to places of their own.
type tally struct {
	slice   Slice
	users   []int32
	place   []int       // per user, the row in values; -1 is not in this slice
	values  [][]float32 // per length and metric, per user
	shown   [][]uint32  // per length, per item: 1 if anyone is shown it
	lengths []int
}

func newTally(s Slice, p Protocol) tally {
	t := tally{slice: s, place: make([]int, len(p.Targets)), lengths: p.K}
	for user, targets := range p.Targets {
		t.place[user] = -1
		if s.Users != nil && !s.Users[user] {
			continue
		}
		for _, item := range targets {
			if s.Targets == nil || s.Targets[item] {
				t.place[user] = len(t.users)
				t.users = append(t.users, int32(user))
				break
			}
		}
	}
	t.values = make([][]float32, len(p.K)*len(metrics))
	for i := range t.values {
		t.values[i] = make([]float32, len(t.users))
	}
	for range p.K {
		t.shown = append(t.shown, make([]uint32, p.Items))
	}
	return t
}

// count ranks for one user. target marks all targets of the user.
func (t *tally) count(user int, scores []float32, target []bool, p Protocol, pick *picker) {
	at := t.place[user]
	if at < 0 {
		return
	}
	wanted := 0
	for _, item := range p.Targets[user] {
		if t.slice.Targets == nil || t.slice.Targets[item] {
			wanted++
		}
	}
	list := pick.top(scores, t.slice.Candidates, p.K[len(p.K)-1])
	hits, gain, n := 0, 0., 0
	for rank, e := range list {
		if target[e.item] && (t.slice.Targets == nil || t.slice.Targets[e.item]) {
			hits++
			gain += discount(rank)
		}
		for ; n < len(p.K) && rank+1 == p.K[n]; n++ {
			t.set(n, at, hits, wanted, gain)
		}
	}
	for ; n < len(p.K); n++ { // lists shorter than k
		t.set(n, at, hits, wanted, gain)
	}
	for n, k := range p.K {
		for _, e := range list[:min(k, len(list))] {
			// Most are shown already; reading first keeps the line shared.
			if atomic.LoadUint32(&t.shown[n][e.item]) == 0 {
				atomic.StoreUint32(&t.shown[n][e.item], 1)
			}
		}
	}
}

// set stores the metrics of the first k: hits of wanted targets with their discounted gain.
func (t *tally) set(n, at, hits, wanted int, gain float64) {
	k := t.lengths[n]
	ideal := 0.
	for rank := range min(wanted, k) {
		ideal += discount(rank)
	}
	for m, v := range [...]float64{float64(hits) / float64(wanted), float64(hits) / float64(k), gain / ideal, float64(min(hits, 1))} {
		t.values[n*len(metrics)+m][at] = float32(v)
	}
}

// discount of a rank that counts from 0 (Järvelin and Kekäläinen, TOIS 2002).
func discount(rank int) float64 { return 1 / math.Log2(float64(rank+2)) }

func (t *tally) result(p Protocol) SliceResult {
	r := SliceResult{Name: t.slice.Name, Users: t.users, Values: map[string][]float32{}, Coverage: map[string]float64{}}
	candidates := p.Items
	if t.slice.Candidates != nil {
		candidates = 0
		for _, c := range t.slice.Candidates {
			if c {
				candidates++
			}
		}
	}
	for n, k := range p.K {
		for m, name := range metrics {
			r.Values[fmt.Sprintf("%s@%d", name, k)] = t.values[n*len(metrics)+m]
		}
		shown := 0
		for _, yes := range t.shown[n] {
			shown += int(yes)
		}
		if candidates > 0 {
			r.Coverage[fmt.Sprintf("coverage@%d", k)] = float64(shown) / float64(candidates)
		}
	}
	r.Estimates = Estimates(r.Values, p.Resamples, p.Seed)
	return r
}
