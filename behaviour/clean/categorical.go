package clean

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// What stands for values that are missing or rare.
const (
	Unknown = "unknown"
	Other   = "other"
)

// The rule for rare values: one that fewer than RareRows rows, or fewer than the part
// RarePart of all rows with a value, have is pooled; so is what comes after the
// MostValues most frequent.
const (
	RareRows   = 3
	RarePart   = 0.005
	MostValues = 100
	// mostDifferent: a field with more different values is text, or an id, and no
	// category. It bounds memory.
	mostDifferent = 100_000
)

// Categorical is what is kept of a field with names for values.
type Categorical struct {
	Count   int64        `json:"count"`   // rows with a value
	Missing int64        `json:"missing"` // rows without; they become Unknown
	Values  []ValueCount `json:"values"`  // those kept, most frequent first
	// PooledValues different values in Pooled rows are too rare: they become Other.
	PooledValues int64 `json:"pooled_values"`
	Pooled       int64 `json:"pooled"`
	Fewest       int64 `json:"fewest"` // rows that a value needs to be kept
	// Text: there are so many different values that they are not kept at all.
	Text bool `json:"text"`
}

// ValueCount is a value and how many rows have it.
type ValueCount struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// names counts values of a field. The zero names is ready.
type names struct {
	counts     map[string]int64
	n, nothing int64
	text       bool
}

func (c *names) add(value string) {
	value = strings.TrimSpace(value)
	if value == "" {
		c.nothing++
		return
	}
	c.n++
	if c.text {
		return
	}
	if c.counts == nil {
		c.counts = map[string]int64{}
	}
	c.counts[value]++
	if len(c.counts) > mostDifferent {
		c.counts, c.text = nil, true
	}
}

// sorted lists the values, most frequent first.
func (c *names) sorted() []ValueCount {
	all := make([]ValueCount, 0, len(c.counts))
	for v, n := range c.counts {
		all = append(all, ValueCount{v, n})
	}
	slices.SortFunc(all, func(a, b ValueCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return all
}

func (c *names) categorical() Categorical {
	s := Categorical{Count: c.n, Missing: c.nothing, Text: c.text, Values: []ValueCount{}}
	s.Fewest = max(RareRows, int64(math.Ceil(RarePart*float64(c.n))))
	all := c.sorted()
	for _, v := range all {
		if v.Count < s.Fewest || len(s.Values) == MostValues {
			s.PooledValues++
			s.Pooled += v.Count
			continue
		}
		s.Values = append(s.Values, v)
	}
	return s
}

// Name is a value after cleaning.
type Name struct {
	Value   string `json:"value"`
	Imputed bool   `json:"imputed"` // there was none: Unknown
	Pooled  bool   `json:"pooled"`  // it is rare, or was never seen: Other
}

// Apply cleans one value.
func (s *Categorical) Apply(value string) Name {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
		return Name{Value: Unknown, Imputed: true}
	case s.Text || slices.ContainsFunc(s.Values, func(v ValueCount) bool { return v.Value == value }):
		return Name{Value: value}
	}
	return Name{Value: Other, Pooled: true}
}
