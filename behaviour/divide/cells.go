package divide

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"weft/behaviour/clean"
)

// Attributes are the names of what users tell, sorted.
func Attributes(stats *clean.Statistics) []string {
	return slices.Sorted(maps.Keys(stats.Attributes))
}

// Cells are a user's values of the attributes as text, lists joined by "|". A value that was missing stays empty: a model
// that learns to tell it must not learn what was made up.
func Cells(stats *clean.Statistics, attributes []string, v clean.UserValues) []string {
	row := make([]string, len(attributes))
	for i, name := range attributes {
		switch stats.Attributes[name].Kind {
		case clean.KindNumber:
			if n := v.Numbers[name]; !n.Imputed {
				row[i] = strconv.FormatFloat(n.Value, 'g', -1, 64)
			}
		case clean.KindList:
			var items []string
			for _, n := range v.Lists[name] {
				items = append(items, n.Value)
			}
			row[i] = strings.Join(items, "|")
		default:
			if n := v.Names[name]; !n.Imputed {
				row[i] = n.Value
			}
		}
	}
	return row
}
