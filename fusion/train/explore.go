package train

import (
	"math"
	"slices"

	"weft/fusion/rank"
)

// What showing the new may cost, as a share of the metric, and how many places of the lists it may take.
const (
	exploreCost  = .01
	exploreShare = .1
)

// Placements of items that nobody had that are tried: what their bias is raised by, in spreads of the scores, and what the
// personal part of their score is multiplied by.
var (
	raises   = []float32{-1, -.5, -.25, 0, .25, .5, .75, 1, 1.25, 1.5, 2, 2.5}
	stresses = []float32{1, 1.6, 2.5}
)

// explore chooses the placement under which new items reach most of those who will want them, among those that cost little:
// lists of what is known to sell have no place for them by themselves. Scores are the judge's users × items; personal is
// the part of them that says how well a new item suits a user, and level, one for each user, what a bias of 1 adds.
func (j *judge) explore(scores, personal []float32, level []float32, cold []int32, c *ColdChoice) {
	type outcome struct {
		raise, stress float32
		Metrics
		found, share float64
	}
	n := len(cold)
	width := float32(0) // a bias that does not serve raises nothing
	if usual := float32(math.Abs(mean32(level))); usual > 1e-6 {
		width = spread(scores) / usual
	}
	table := slices.Clone(scores)
	try := func(raise, stress float32) outcome {
		for u := range j.users {
			row := table[u*j.items:][:j.items]
			for k, item := range cold {
				row[item] = scores[u*j.items+int(item)] + (stress-1)*personal[u*n+k] + raise*width*level[u]
			}
		}
		o := outcome{raise: raise * width, stress: stress, Metrics: j.measure(table)}
		o.found, o.share = j.reached(table, cold)
		return o
	}
	var all []outcome
	best := 0.
	before := try(0, 1)
	for _, stress := range stresses {
		for _, raise := range raises {
			o := try(raise, stress)
			all, best = append(all, o), max(best, o.sum())
			if o.share > exploreShare || o.sum() < best*(1-4*exploreCost) {
				break // higher only costs more
			}
		}
	}
	chosen := outcome{Metrics: before.Metrics, stress: 1, found: -1}
	for _, o := range all {
		if o.share > exploreShare || o.sum() < best*(1-exploreCost) {
			continue
		}
		if o.found > chosen.found || o.found == chosen.found && o.share > chosen.share {
			chosen = o
		}
	}
	c.Raised, c.Stress = chosen.raise, chosen.stress
	c.Reached, c.ReachedBefore, c.Share, c.Cost = max(chosen.found, 0), before.found, chosen.share, 1-chosen.sum()/max(best, 1e-12)
}

// reached is the recall of new targets in lists of all items, over the users who have some, and the share of all places
// that new items take.
func (j *judge) reached(scores []float32, cold []int32) (recall, share float64) {
	found, shown := make([]float64, len(j.users)), make([]int, len(j.users)) // -1: no such target
	isCold := make([]bool, j.items)
	for _, i := range cold {
		isCold[i] = true
	}
	inParallel(len(j.users)*j.items, func(from, to int) {
		masked := make([]float32, j.items)
		for u := (from + j.items - 1) / j.items; u < (to+j.items-1)/j.items; u++ {
			copy(masked, scores[u*j.items:(u+1)*j.items])
			for _, item := range j.seen[u] {
				masked[item] = float32(math.Inf(-1))
			}
			hits, wanted := 0, 0
			for _, item := range j.truth[u] {
				if isCold[item] {
					wanted++
				}
			}
			for _, item := range rank.Top(masked, cutoff) {
				if isCold[item] {
					shown[u]++
					if _, hit := slices.BinarySearch(j.truth[u], item); hit {
						hits++
					}
				}
			}
			if found[u] = -1; wanted > 0 {
				found[u] = float64(hits) / float64(wanted)
			}
		}
	})
	asked := 0.
	for u := range found {
		share += float64(shown[u]) / float64(cutoff*len(j.users))
		if found[u] >= 0 {
			recall += found[u]
			asked++
		}
	}
	return recall / max(asked, 1), share
}

func mean32(x []float32) float64 {
	sum := 0.
	for _, v := range x {
		sum += float64(v)
	}
	return sum / float64(max(len(x), 1))
}
