package train

import (
	"math"
	"slices"

	"weft/fusion/rank"
)

// What showing the new may cost, as a share of the metric, and how many places of the lists it may take.
const (
	exploreCost  = .015
	exploreShare = .1
)

// Placements of items that nobody had that are tried: what the personal part of their score is multiplied by, and a bias
// that gives them such a share of the places of all lists (0: none), before they crowd each other out.
var (
	stresses = []float32{1, 1.6, 2.5, 4}
	places   = []float64{0, .003, .007, .012, .018, .025, .033, .042, .055, .07, .09, .12}
)

// view is one period, as placements are tried on it.
type view struct {
	*judge
	cold     []int32
	scores   []float32 // users × items, the new unhelped
	personal []float32 // users × cold: the part of their scores that says how well a new item suits a user
	level    []float32 // users: what a bias of 1 adds
}

// placement is how the new are placed, and what came of it.
type placement struct {
	raise, stress float32
	Metrics
	found, share float64
}

// explore chooses the placement under which new items reach most of those who will want them, among those that cost little:
// lists of what is known to sell have no place for them by themselves. All periods count, by their users: how many of the
// targets are new differs much from one to the next.
func explore(periods []view, c *ColdChoice) {
	tables, bars := make([][]float32, len(periods)), make([][]float32, len(periods))
	for i, v := range periods {
		tables[i], bars[i] = slices.Clone(v.scores), v.bars()
	}
	try := func(raise, stress float32) placement {
		p := placement{raise: raise, stress: stress}
		asked := 0.
		for i, v := range periods {
			n := len(v.cold)
			for u := range v.users {
				for k, item := range v.cold {
					at := u*v.items + int(item)
					tables[i][at] = v.scores[at] + (stress-1)*v.personal[u*n+k] + raise*v.level[u]
				}
			}
			found, wanted, share := v.reached(tables[i])
			p.share = (p.share*float64(p.Users) + share*float64(len(v.users))) / float64(p.Users+len(v.users))
			p.Metrics = p.Metrics.with(v.measure(tables[i]))
			p.found += found
			asked += wanted
		}
		p.found /= max(asked, 1)
		return p
	}
	before := try(0, 1)
	all := []placement{before}
	best := before.sum()
	for _, stress := range stresses {
		entries, total := entries(periods, bars, stress)
		for _, share := range places {
			if len(entries) == 0 { // a bias that does not serve raises nothing
				break
			}
			at := int(share * cutoff * float64(total))
			raise := entries[min(at, len(entries)-1)]
			if at == 0 {
				raise -= 1e-3 * float32(math.Abs(float64(raise)))
			}
			p := try(raise, stress)
			all, best = append(all, p), max(best, p.sum())
			if p.share > exploreShare || p.sum() < best*(1-4*exploreCost) {
				break // higher only costs more
			}
		}
	}
	chosen := before
	chosen.found = -1
	for _, p := range all {
		if p.share > exploreShare || p.sum() < best*(1-exploreCost) {
			continue
		}
		if p.found > chosen.found || p.found == chosen.found && p.share > chosen.share {
			chosen = p
		}
	}
	c.Raised, c.Stress = chosen.raise, chosen.stress
	c.Reached, c.ReachedBefore, c.Share, c.Cost = max(chosen.found, 0), before.found, chosen.share, 1-chosen.sum()/max(best, 1e-12)
}

// bars are what an item must score to come into each user's list of what is not new.
func (v view) bars() []float32 {
	bars := make([]float32, len(v.users))
	inParallel(len(v.users)*v.items, func(from, to int) {
		rest := make([]float32, v.items)
		for u := (from + v.items - 1) / v.items; u < (to+v.items-1)/v.items; u++ {
			copy(rest, v.scores[u*v.items:])
			for _, items := range [][]int32{v.cold, v.seen[u]} {
				for _, i := range items {
					rest[i] = float32(math.Inf(-1))
				}
			}
			bars[u] = float32(math.Inf(-1)) // fewer than a list: whatever is new comes in anyway
			if list := rank.Top(rest, cutoff); len(list) == cutoff {
				bars[u] = rest[list[cutoff-1]]
			}
		}
	})
	return bars
}

// entries are the biases at which new items enter lists one after another, ascending, and how many users there are.
func entries(periods []view, bars [][]float32, stress float32) (raises []float32, users int) {
	for i, v := range periods {
		n := len(v.cold)
		users += len(v.users)
		for u, level := range v.level {
			if level < 1e-6 || math.IsInf(float64(bars[i][u]), 0) {
				continue
			}
			for k, item := range v.cold {
				raises = append(raises, (bars[i][u]-v.scores[u*v.items+int(item)]-(stress-1)*v.personal[u*n+k])/level)
			}
		}
	}
	slices.Sort(raises)
	return raises, users
}

// reached sums the recall of new targets in lists of all items over the users who have some, counts those, and gives the
// share of all places that new items take.
func (v view) reached(scores []float32) (recall, wanted, share float64) {
	found, shown := make([]float64, len(v.users)), make([]int, len(v.users)) // found -1: no such target
	isCold := make([]bool, v.items)
	for _, i := range v.cold {
		isCold[i] = true
	}
	inParallel(len(v.users)*v.items, func(from, to int) {
		masked := make([]float32, v.items)
		for u := (from + v.items - 1) / v.items; u < (to+v.items-1)/v.items; u++ {
			copy(masked, scores[u*v.items:(u+1)*v.items])
			for _, item := range v.seen[u] {
				masked[item] = float32(math.Inf(-1))
			}
			hits, targets := 0, 0
			for _, item := range v.truth[u] {
				if isCold[item] {
					targets++
				}
			}
			for _, item := range rank.Top(masked, cutoff) {
				if isCold[item] {
					shown[u]++
					if _, hit := slices.BinarySearch(v.truth[u], item); hit {
						hits++
					}
				}
			}
			if found[u] = -1; targets > 0 {
				found[u] = float64(hits) / float64(targets)
			}
		}
	})
	for u := range found {
		share += float64(shown[u]) / float64(cutoff*len(v.users))
		if found[u] >= 0 {
			recall += found[u]
			wanted++
		}
	}
	return recall, wanted, share
}
