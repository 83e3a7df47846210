package parts

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"weft/behaviour"
	"weft/tasks"
)

// Usable tells whether anything in favour of anything may be known, so that a vector
// is worth trying. It needs no texts: where it turns out that there is no word to read
// and no vector can be made, the tombstone says of which parts. tips tells whether any of
// those followed passes on anything known.
func (h *History) Usable(known Known, tips bool) bool {
	if h.Declined {
		return false
	}
	if tips || h.User != nil && h.User.Attributes != "" {
		return true
	}
	for i := range h.Events {
		e := &h.Events[i]
		if e.Type == behaviour.Search || e.Product != "" && Weight(e.Type) > 0 && known(tasks.ProductID(e.Product)) != 0 {
			return true
		}
	}
	for i := range h.Reviews {
		r := &h.Reviews[i]
		product, words := OpinionWeights(r)
		if words > 0 || product > 0 && known(tasks.ProductID(r.Product)) != 0 {
			return true
		}
	}
	return false
}

// Waits is the first product that the shopper's rows name and nobody knows; "" if
// there is none.
func (h *History) Waits(known Known) tasks.ProductID {
	for _, id := range h.Products() {
		if known(id) == 0 {
			return id
		}
	}
	return ""
}

// IsSearch tells a search whose words count.
func IsSearch(e *behaviour.Event) bool { return e.Type == behaviour.Search && e.Query != "" }

// AttributesText is what is known of a shopper as the text encoder reads it: one
// sentence for each attribute, in the order of their names. Attributes that were
// missing and filled by a rule say nothing of this shopper and are left out.
func AttributesText(u *behaviour.User) string {
	if u == nil || u.Attributes == "" {
		return ""
	}
	var attributes map[string]any
	if json.Unmarshal([]byte(u.Attributes), &attributes) != nil {
		return ""
	}
	maps.DeleteFunc(attributes, func(name string, _ any) bool {
		return slices.ContainsFunc(u.Imputed, func(filled string) bool { return strings.TrimPrefix(filled, "attributes.") == name })
	})
	return tasks.Listing{Attributes: attributes}.Text()
}
