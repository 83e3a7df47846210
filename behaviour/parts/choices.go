package parts

import (
	"cmp"
	"slices"

	"weft/tasks"
)

// Choice is a product that speaks for a shopper, with all that the shopper did with it taken together.
type Choice struct {
	Product     tasks.ProductID
	First, Last int64 // Unix ms of the first and of the newest row about it
	Weight      float64
}

// Choices are the products of which all rows together speak for the shopper: bought and returned, or viewed and disliked,
// is no choice. These are the interactions that trained models learn from and that shoppers' vectors are summed of. They
// come in the order of their ids.
func (h *History) Choices() []Choice {
	all := map[tasks.ProductID]*Choice{}
	note := func(id string, weight float64, at int64) {
		if id == "" || weight == 0 {
			return
		}
		c, known := all[tasks.ProductID(id)]
		if !known {
			c = &Choice{Product: tasks.ProductID(id), First: at, Last: at}
			all[c.Product] = c
		}
		c.First, c.Last = min(c.First, at), max(c.Last, at)
		c.Weight += weight
	}
	for i := range h.Events {
		e := &h.Events[i]
		note(e.Product, Weight(e.Type), e.Time)
	}
	for i := range h.Reviews {
		r := &h.Reviews[i]
		product, _ := OpinionWeights(r)
		note(r.Product, product, r.Time)
	}
	var out []Choice
	for _, c := range all {
		if c.Weight > 0 {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(a, b Choice) int { return cmp.Compare(a.Product, b.Product) })
	return out
}
