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

	known [][]int32 // users: the list without anything new
}

// placement is how the new are placed, and what came of it.
type placement struct {
	raise, stress float32
	outcome
}

// outcome is what a placement comes to.
type outcome struct {
	Metrics
	found, asked float64 // recall of new targets, summed over the users who have some, and how many those are
	share        float64 // of all places, that new items take
}

func (o outcome) with(p outcome) outcome {
	a, b := float64(o.Users), float64(p.Users)
	return outcome{o.Metrics.with(p.Metrics), o.found + p.found, o.asked + p.asked, (a*o.share + b*p.share) / max(a+b, 1)}
}

// reached is the recall of new targets in lists of all items.
func (o outcome) reached() float64 { return o.found / max(o.asked, 1) }

// explore chooses the placement under which new items reach most of those who will want them, among those that cost little:
// lists of what is known to sell have no place for them by themselves. All periods count, by their users: how many of the
// targets are new differs much from one to the next.
func explore(periods []view, c *ColdChoice) {
	for i := range periods {
		periods[i].listKnown()
	}
	try := func(raise, stress float32) placement {
		p := placement{raise: raise, stress: stress}
		for _, v := range periods {
			p.outcome = p.with(v.outcome(raise, stress))
		}
		return p
	}
	before := try(0, 1)
	all := []placement{before}
	best := before.sum()
	for _, stress := range stresses {
		entries, total := entries(periods, stress)
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
	chosen, most := before, -1.
	for _, p := range all {
		if p.share > exploreShare || p.sum() < best*(1-exploreCost) {
			continue
		}
		if found := p.reached(); found > most || found == most && p.share > chosen.share {
			chosen, most = p, found
		}
	}
	c.Tried = nil
	for _, p := range all {
		c.Tried = append(c.Tried, Tried{p.stress, p.share, p.reached(), 1 - p.sum()/max(best, 1e-12)})
	}
	c.Raised, c.Stress = chosen.raise, chosen.stress
	c.Reached, c.ReachedBefore, c.Share, c.Cost = max(most, 0), before.reached(), chosen.share, 1-chosen.sum()/max(best, 1e-12)
}

// listKnown finds what each user's list would hold if nothing were new.
func (v *view) listKnown() {
	v.known = make([][]int32, len(v.users))
	inParallel(len(v.users)*v.items, func(from, to int) {
		rest := make([]float32, v.items)
		for u := (from + v.items - 1) / v.items; u < (to+v.items-1)/v.items; u++ {
			copy(rest, v.scores[u*v.items:])
			for _, items := range [][]int32{v.cold, v.seen[u]} {
				for _, i := range items {
					rest[i] = float32(math.Inf(-1))
				}
			}
			v.known[u] = slices.Clone(rank.Top(rest, cutoff))
		}
	})
}

// entries are the biases at which new items enter lists one after another, ascending, and how many users there are.
func entries(periods []view, stress float32) (raises []float32, users int) {
	for _, v := range periods {
		n := len(v.cold)
		users += len(v.users)
		for u, level := range v.level {
			if level < 1e-6 || len(v.known[u]) < cutoff { // into a list that is not full they come anyway
				continue
			}
			bar := v.scores[u*v.items+int(v.known[u][cutoff-1])]
			for k, item := range v.cold {
				raises = append(raises, (bar-v.scores[u*v.items+int(item)]-(stress-1)*v.personal[u*n+k])/level)
			}
		}
	}
	slices.Sort(raises)
	return raises, users
}

// outcome merges the new, placed so, into the lists of what is known.
func (v view) outcome(raise, stress float32) outcome {
	n := len(v.cold)
	type result struct{ recall, ndcg, found, asked, share float64 }
	results := make([]result, len(v.users))
	inParallel(len(v.users)*(n+cutoff), func(from, to int) {
		var scores []float32
		list := make([]int32, 0, cutoff)
		for u := (from + n + cutoff - 1) / (n + cutoff); u < (to+n+cutoff-1)/(n+cutoff); u++ {
			own, known := v.scores[u*v.items:(u+1)*v.items], v.known[u]
			scores = scores[:0]
			for _, i := range known {
				scores = append(scores, own[i])
			}
			targets, hits := 0, 0
			for k, i := range v.cold {
				scores = append(scores, own[i]+(stress-1)*v.personal[u*n+k]+raise*v.level[u])
				if _, wanted := slices.BinarySearch(v.truth[u], i); wanted {
					targets++
				}
			}
			list = list[:0]
			r := &results[u]
			for _, at := range rank.Top(scores, cutoff) {
				if int(at) < len(known) {
					list = append(list, known[at])
					continue
				}
				i := v.cold[int(at)-len(known)]
				list = append(list, i)
				r.share += 1. / cutoff
				if _, hit := slices.BinarySearch(v.truth[u], i); hit {
					hits++
				}
			}
			r.recall, r.ndcg = grade(list, v.truth[u])
			if targets > 0 {
				r.found, r.asked = float64(hits)/float64(targets), 1
			}
		}
	})
	o := outcome{Metrics: Metrics{Users: len(v.users)}}
	users := float64(len(v.users))
	for _, r := range results {
		o.Recall += r.recall / users
		o.NDCG += r.ndcg / users
		o.share += r.share / users
		o.found += r.found
		o.asked += r.asked
	}
	return o
}
