package serve

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unique"
)

// Fact is one plain thing known of a product: a name with one of its values, both in
// lower case, as filters and boosts compare them.
type Fact struct {
	Name, Value string
	Number      float64 // of a number
	Numeric     bool
}

// Attributes reads the facts of a vectors.Record; nil where there are none.
func Attributes(text string) map[string]any {
	var all map[string]any
	if text == "" || json.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	return all
}

// factsOf lists the facts of a record by name. Many products share a value, so each is
// kept once.
func factsOf(text string) []Fact {
	var facts []Fact
	for name, v := range Attributes(text) {
		name = unique.Make(strings.ToLower(name)).Value()
		list, many := v.([]any)
		if !many {
			list = []any{v}
		}
		for _, v := range list {
			f := Fact{Name: name}
			switch v := v.(type) {
			case string:
				f.Value = unique.Make(strings.ToLower(v)).Value()
				// Many shops state numbers as text.
				if n, err := strconv.ParseFloat(v, 64); err == nil {
					f.Number, f.Numeric = n, true
				}
			case float64:
				f.Value, f.Number, f.Numeric = unique.Make(strconv.FormatFloat(v, 'g', -1, 64)).Value(), v, true
			case bool:
				f.Value = strconv.FormatBool(v)
			default:
				continue
			}
			facts = append(facts, f)
		}
	}
	slices.SortFunc(facts, func(a, b Fact) int { return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value) })
	return facts
}
