package serve

import (
	"cmp"
	"slices"
	"strings"
)

// scored is a candidate of a search.
type scored struct {
	score    float32
	category int32 // 0: none
	at       *Entry
}

// byRank orders the best first: higher score, then lower id.
func byRank(a, b scored) int {
	if c := cmp.Compare(b.score, a.score); c != 0 {
		return c
	}
	return strings.Compare(a.at.ID, b.at.ID)
}

// selection keeps the k best of what it is offered, at most perCategory of each
// category (0: any number). Whoever has to leave for a newcomer is the last of its
// category where that is full, else the last of all; for such limits this gives the
// best selection there is, in whatever order the candidates come.
type selection struct {
	k, perCategory int
	best           []scored // by rank
	categories     []quota  // by number
}

type quota struct {
	taken int
	least float32 // once the category is full: the score of its last
}

// admits tells whether a candidate with at most this score could be taken.
func (s *selection) admits(score float32, category int32) bool {
	if len(s.best) == s.k && score < s.best[s.k-1].score {
		return false
	}
	if s.perCategory == 0 || category == 0 || int(category) >= len(s.categories) {
		return true
	}
	c := s.categories[category]
	return c.taken < s.perCategory || score >= c.least
}

// offer takes a candidate that is among the best, once: one that is being moved to another cell is met in both.
func (s *selection) offer(c scored) (taken bool) {
	if _, met := slices.BinarySearchFunc(s.best, c, byRank); met {
		return false
	}
	leaves := -1
	switch {
	case s.full(c.category):
		leaves = s.lastOf(c.category)
	case len(s.best) == s.k:
		leaves = s.k - 1
	}
	if leaves >= 0 {
		if byRank(c, s.best[leaves]) >= 0 {
			return false
		}
		s.count(s.best[leaves].category, -1)
		s.best = slices.Delete(s.best, leaves, leaves+1)
	}
	at, _ := slices.BinarySearchFunc(s.best, c, byRank)
	s.best = slices.Insert(s.best, at, c)
	s.count(c.category, 1)
	return true
}

// filled tells whether there are k, so that newcomers have to be better than somebody.
func (s *selection) filled() bool { return len(s.best) == s.k }

func (s *selection) full(category int32) bool {
	return s.perCategory > 0 && category > 0 && int(category) < len(s.categories) && s.categories[category].taken == s.perCategory
}

func (s *selection) lastOf(category int32) int {
	for i := len(s.best) - 1; ; i-- {
		if s.best[i].category == category {
			return i
		}
	}
}

func (s *selection) count(category int32, by int) {
	if s.perCategory == 0 || category == 0 {
		return
	}
	if grow := int(category) + 1 - len(s.categories); grow > 0 {
		s.categories = append(s.categories, make([]quota, grow)...)
	}
	c := &s.categories[category]
	if c.taken += by; c.taken == s.perCategory {
		c.least = s.best[s.lastOf(category)].score
	}
}

// merge makes one selection of k of several with the same limits, each id once.
func merge(parts []selection, k int) []scored {
	var all []scored
	for _, p := range parts {
		all = append(all, p.best...)
	}
	slices.SortFunc(all, byRank)
	merged := selection{k: k, perCategory: parts[0].perCategory}
	seen := make(map[string]bool, min(merged.k, len(all)))
	for _, c := range all {
		// An entry that was removed and set again during the search may have been met twice.
		if !seen[c.at.ID] {
			seen[c.at.ID] = true
			merged.offer(c)
		}
	}
	return merged.best
}
