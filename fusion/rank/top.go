package rank

import (
	"cmp"
	"math"
	"slices"
)

// scored is an entry of a list under construction.
type scored struct {
	score float32
	tie   uint32
	item  int32
}

// before orders a list: the better score, and among equals an order that has nothing to do with the item's number, since
// numbers often follow popularity or age.
func before(a, b scored) bool {
	if a.score != b.score {
		return a.score > b.score
	}
	return a.tie < b.tie
}

// shuffled is a fixed bijection of 32 bits (the finaliser of MurmurHash3), so that ties always fall the same way.
func shuffled(item int32) uint32 {
	h := uint32(item) + 0x9e3779b9
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

// picker holds a heap whose root is the last of the best k so far.
type picker struct{ heap []scored }

// top lists the k best items that are candidates (nil: all) and not -Inf, best first. The list is valid until the next call.
func (p *picker) top(scores []float32, candidates []bool, k int) []scored {
	p.heap = p.heap[:0]
	for i, s := range scores {
		if len(p.heap) == k && s < p.heap[0].score || candidates != nil && !candidates[i] || math.IsInf(float64(s), -1) {
			continue
		}
		e := scored{s, shuffled(int32(i)), int32(i)}
		if len(p.heap) < k {
			p.heap = append(p.heap, e)
			p.up(len(p.heap) - 1)
		} else if before(e, p.heap[0]) {
			p.heap[0] = e
			p.down()
		}
	}
	slices.SortFunc(p.heap, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.tie, b.tie))
	})
	return p.heap
}

func (p *picker) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !before(p.heap[parent], p.heap[i]) {
			return
		}
		p.heap[parent], p.heap[i] = p.heap[i], p.heap[parent]
		i = parent
	}
}

func (p *picker) down() {
	for i := 0; ; {
		last := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(p.heap) && before(p.heap[last], p.heap[child]) {
				last = child
			}
		}
		if last == i {
			return
		}
		p.heap[i], p.heap[last] = p.heap[last], p.heap[i]
		i = last
	}
}

// Top lists the k items with the greatest scores, best first, without those of -Inf. Equal scores fall in a fixed order that
// has nothing to do with the item's number.
func Top(scores []float32, k int) []int32 {
	if k < 1 {
		return nil
	}
	var p picker
	var items []int32
	for _, e := range p.top(scores, nil, k) {
		items = append(items, e.item)
	}
	return items
}
