package train

import (
	"cmp"
	"math"
	"slices"

	"weft/fusion/dataset"
)

// Popularity of an item at a moment, as the tower reads it: the logarithm of the first interactions before the moment, each
// halved for every so many days that have passed, and flags for an item that nobody had, or first had within some days.
var (
	popularHalfLives = [...]float64{3, 7, 14, 30, 90} // days
	newWithin        = [...]float64{7, 30}            // days
)

const (
	popularityWidth = len(popularHalfLives) + 1 + len(newWithin)
	countFloor      = .1 // added to a count before its logarithm
)

// counted is a moment from which on an item counts for more.
type counted struct {
	time int64
	item int32
	more float64
}

// popularity computes the features of all items at each moment, [moments, items, popularityWidth].
func popularity(rows []dataset.Interaction, items int, moments []int64, strength dataset.Strength) []float32 {
	byTime := make([]counted, 0, len(rows))
	for _, r := range rows {
		strength.Each(r, func(at int64, more float32) { byTime = append(byTime, counted{at, r.Item, float64(more)}) })
	}
	slices.SortStableFunc(byTime, func(a, b counted) int { return cmp.Compare(a.time, b.time) })
	order := make([]int, len(moments))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(moments[a], moments[b]) })

	table := make([]float32, len(moments)*items*popularityWidth)
	counts := make([][len(popularHalfLives)]float64, items) // as of last
	first := make([]int64, items)                           // 0: never
	next, last := 0, int64(0)
	for _, m := range order {
		moment := moments[m]
		passed := float64(moment-last) / day
		var faded [len(popularHalfLives)]float64
		for k, h := range popularHalfLives {
			faded[k] = math.Exp2(-passed / h)
		}
		for i := range counts {
			for k := range faded {
				counts[i][k] *= faded[k]
			}
		}
		for ; next < len(byTime) && byTime[next].time < moment; next++ {
			r := byTime[next]
			for k, h := range popularHalfLives {
				counts[r.item][k] += r.more * math.Exp2(-float64(moment-r.time)/day/h)
			}
			if first[r.item] == 0 {
				first[r.item] = r.time
			}
		}
		last = moment
		for i := range counts {
			row := table[(m*items+i)*popularityWidth:][:popularityWidth]
			for k, c := range counts[i] {
				row[k] = float32(math.Log((c + countFloor) / countFloor))
			}
			flags := row[len(popularHalfLives):]
			if first[i] == 0 {
				flags[0] = 1
				continue
			}
			for k, within := range newWithin {
				if float64(moment-first[i])/day < within {
					flags[1+k] = 1
				}
			}
		}
	}
	return table
}
