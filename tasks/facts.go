package tasks

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
)

// Bounds of the facts that travel with a product's vector. What exceeds them is text,
// or a table, and stays in the listing.
const (
	MaxFactsBytes = 4 << 10 // of all facts of a product as JSON
	maxFactBytes  = 128     // of one value, and of a name
	maxFactValues = 32      // of one fact
)

// Facts are the plain facts of a listing that lists are filtered and lifted by, beside
// title, category and price: brand, currency and the attributes, as a JSON object of
// strings, numbers, booleans and lists of them, in the order of their names; "" where
// there is none. A value that is too long or too deep is left out, and so are the last
// names where all together exceed MaxFactsBytes. An attribute called brand or currency
// gives way to the field.
func (l Listing) Facts() string {
	facts := maps.Clone(l.Attributes)
	if facts == nil {
		facts = map[string]any{}
	}
	for name, v := range map[string]string{"brand": l.Brand, "currency": l.Currency} {
		if v != "" {
			facts[name] = v
		}
	}
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		v, ok := plainFact(facts[name])
		if !ok || name == "" || len(name) > maxFactBytes {
			continue
		}
		key, err := json.Marshal(name)
		if err != nil {
			continue // a string always marshals
		}
		value, err := json.Marshal(v)
		if err != nil {
			continue // as do plain values
		}
		if out.Len()+len(key)+len(value)+3 > MaxFactsBytes {
			break
		}
		if out.Len() == 0 {
			out.WriteByte('{')
		} else {
			out.WriteByte(',')
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(value)
	}
	if out.Len() == 0 {
		return ""
	}
	out.WriteByte('}')
	return out.String()
}

// plainFact is a value as it can be compared, and whether it can be.
func plainFact(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		v = strings.TrimSpace(strings.ToValidUTF8(v, "\uFFFD"))
		return v, v != "" && len(v) <= maxFactBytes
	case bool:
		return v, true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case []any:
		var list []any
		for _, item := range v {
			if _, nested := item.([]any); nested {
				continue
			}
			if item, ok := plainFact(item); ok && len(list) < maxFactValues {
				list = append(list, item)
			}
		}
		return list, len(list) > 0
	}
	return nil, false
}
