package serve

import (
	"cmp"
	"slices"
	"strings"
)

// scored is a candidate of a search.
type scored struct {
	score float32
	at    *Entry
}

// byRank orders the best first: higher score, then lower id.
func byRank(a, b scored) int {
	if c := cmp.Compare(b.score, a.score); c != 0 {
		return c
	}
	return strings.Compare(a.at.ID, b.at.ID)
}

// topK keeps the k best of what it is offered: a heap with the worst on top.
type topK struct {
	k    int
	heap []scored
}

// floor is the score below which an offer is turned down, once the heap is full.
func (t *topK) floor() (float32, bool) {
	if len(t.heap) < t.k {
		return 0, false
	}
	return t.heap[0].score, true
}

func (t *topK) offer(s scored) {
	if len(t.heap) < t.k {
		t.heap = append(t.heap, s)
		for i := len(t.heap) - 1; i > 0; {
			parent := (i - 1) / 2
			if byRank(t.heap[i], t.heap[parent]) <= 0 {
				break
			}
			t.heap[i], t.heap[parent] = t.heap[parent], t.heap[i]
			i = parent
		}
		return
	}
	if byRank(s, t.heap[0]) >= 0 {
		return
	}
	t.heap[0] = s
	for i := 0; ; {
		worst := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(t.heap) && byRank(t.heap[child], t.heap[worst]) > 0 {
				worst = child
			}
		}
		if worst == i {
			return
		}
		t.heap[i], t.heap[worst] = t.heap[worst], t.heap[i]
		i = worst
	}
}

// best merges heaps into the k best, each id once.
func best(k int, heaps []topK) []scored {
	var all []scored
	for _, h := range heaps {
		all = append(all, h.heap...)
	}
	slices.SortFunc(all, byRank)
	out := all[:0]
	seen := make(map[string]bool, min(k, len(all)))
	for _, s := range all {
		if len(out) == k {
			break
		}
		// An entry that was removed and set again during the scan may have been met twice.
		if !seen[s.at.ID] {
			seen[s.at.ID] = true
			out = append(out, s)
		}
	}
	return out
}
