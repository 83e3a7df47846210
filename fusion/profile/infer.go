package profile

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// TableConfig says how columns become heads. The zero value of every field means its default.
type TableConfig struct {
	// Edges are, by column, the least values of the bands after the first, rising. A column `age` has AgeEdges unless
	// others are given here; other numbers are cut into fifths of the users.
	Edges       map[string][]float64
	MinPerValue int // users that a value needs to stand by itself; default 20. Rarer classes are pooled as "other", rarer tags left out
	MaxValues   int // of a column; with more it is left out as a name, not an attribute; default 50
}

// AgeEdges are the bands of a column `age` in years: under 18, 18-24, 25-34, 35-49, 50-64 and 65+.
func AgeEdges() []float64 { return []float64{18, 25, 35, 50, 65} }

// oldest is the most that is read as an age, years.
const oldest = 120

// Pooled is the class that stands for all rare ones.
const Pooled = "other"

// Inferred is what a table can teach.
type Inferred struct {
	Specs   []Spec
	Labels  []map[string][]string // by row of the table; nil for users without consent
	Columns []ColumnUse
}

// ColumnUse tells what became of a column.
type ColumnUse struct {
	Name   string         `json:"name"`
	Use    string         `json:"use"` // classes, bands, tags, or "left out"
	Why    string         `json:"why"`
	Known  int            `json:"known"`            // consenting users with a value
	Unread int            `json:"unread,omitempty"` // values in a column of numbers that are none, or no age
	Pooled map[string]int `json:"pooled,omitempty"` // rare values, with their users
	Edges  []float64      `json:"edges,omitempty"`  // of bands
}

// Examples joins labels to vectors and features by user: both maps by user, features may be nil. Users without a vector
// are left out and counted in bare; whether one consents comes from the table.
func (t Table) Examples(labels []map[string][]string, vectors, features map[string][]float32) (list []Example, bare int) {
	for i, user := range t.Users {
		e := Example{User: user, Consent: t.Consent[i]}
		if t.Consent[i] {
			v, ok := vectors[user]
			if !ok {
				bare++
				continue
			}
			e.Vector, e.Features, e.Labels = v, features[user], labels[i]
		}
		list = append(list, e)
	}
	return list, bare
}

// Infer finds what each column can teach:
//
//   - a column with a JSON array, or with ; or | in at least a tenth of its values: tags
//   - of which 95 in 100 values are numbers: bands, or classes if there are at most six different ones; for a column `age` half suffice
//   - of which some values are common (MinPerValue) and cover at least half of the users: classes
//
// Anything else is left out, and Columns says why.
func Infer(t Table, c TableConfig) (Inferred, error) {
	if c.MinPerValue == 0 {
		c.MinPerValue = 20
	}
	if c.MaxValues == 0 {
		c.MaxValues = 50
	}
	if c.MinPerValue < 1 || c.MaxValues < 2 || c.MaxValues > maxValues {
		return Inferred{}, fmt.Errorf("%w: MinPerValue is %d, MaxValues %d; give at least 1, and 2 to %d", ErrConfig, c.MinPerValue, c.MaxValues, maxValues)
	}
	for name, edges := range c.Edges {
		if !rising(edges) {
			return Inferred{}, fmt.Errorf("%w: the edges of %q are %v; give rising numbers", ErrConfig, name, edges)
		}
	}
	if len(t.Consent) != len(t.Users) {
		return Inferred{}, fmt.Errorf("%w: %d users and %d consents", ErrTable, len(t.Users), len(t.Consent))
	}
	found := Inferred{Labels: make([]map[string][]string, len(t.Users))}
	for i, yes := range t.Consent {
		if yes {
			found.Labels[i] = map[string][]string{}
		}
	}
	for _, column := range t.Columns {
		if len(column.Values) != len(t.Users) {
			return Inferred{}, fmt.Errorf("%w: column %q has %d values for %d users", ErrTable, column.Name, len(column.Values), len(t.Users))
		}
		use, spec, labels := c.column(column, t.Consent)
		if err := checkName(column.Name); err != nil && spec != nil {
			use.Use, use.Why, spec = leftOut, err.Error(), nil
		}
		found.Columns = append(found.Columns, use)
		if spec == nil {
			continue
		}
		found.Specs = append(found.Specs, *spec)
		for i, l := range labels {
			if l != nil {
				found.Labels[i][column.Name] = l
			}
		}
	}
	return found, nil
}

// rising tells whether there are edges and each is finite and above the one before.
func rising(edges []float64) bool {
	for i, e := range edges {
		if math.IsNaN(e) || math.IsInf(e, 0) || i > 0 && e <= edges[i-1] {
			return false
		}
	}
	return len(edges) > 0
}

const leftOut = "left out"

// column decides about one column. Spec is nil if it is left out; labels are by row, nil where not known.
func (c TableConfig) column(column Column, consent []bool) (use ColumnUse, spec *Spec, labels [][]string) {
	use.Name = column.Name
	rows := make([]int, 0, len(consent)) // known and consented
	lists, numbers, arrays := 0, 0, false
	different := map[string]bool{}
	for i, v := range column.Values {
		if !consent[i] || v == "" {
			continue
		}
		rows = append(rows, i)
		different[v] = true
		if _, isList := parts(v); isList {
			lists++
			arrays = arrays || v[0] == '['
		}
		if _, err := number(v); err == nil {
			numbers++
		}
	}
	use.Known = len(rows)
	labels = make([][]string, len(column.Values))
	switch {
	case len(rows) == 0:
		use.Use, use.Why = leftOut, "no user has a value"
		return use, nil, nil
	case arrays || lists*10 >= len(rows):
		for _, i := range rows {
			labels[i], _ = parts(column.Values[i])
		}
		return c.tags(use, rows, labels)
	case column.Name == "age" && 2*numbers > len(rows), numbers*100 >= 95*len(rows) && (len(different) > 6 || c.Edges[column.Name] != nil):
		return c.bands(use, column, rows, labels)
	}
	for _, i := range rows {
		labels[i] = []string{column.Values[i]}
	}
	return c.classes(use, rows, labels)
}

func number(s string) (float64, error) {
	x, err := strconv.ParseFloat(s, 64)
	if err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
		err = strconv.ErrRange
	}
	return x, err
}

// common counts values and tells those that enough users have, sorted, from the rare ones.
func (c TableConfig) common(rows []int, labels [][]string) (values []string, rare map[string]int) {
	count := map[string]int{}
	for _, i := range rows {
		for _, v := range distinct(labels[i]) {
			count[v]++
		}
	}
	rare = map[string]int{}
	for v, n := range count {
		if n >= c.MinPerValue {
			values = append(values, v)
		} else {
			rare[v] = n
		}
	}
	slices.Sort(values)
	return values, rare
}

func (c TableConfig) tags(use ColumnUse, rows []int, labels [][]string) (ColumnUse, *Spec, [][]string) {
	values, rare := c.common(rows, labels)
	use.Pooled = rare
	if len(values) == 0 || len(values) > c.MaxValues {
		use.Use, use.Why = leftOut, fmt.Sprintf("%d tags have at least %d users; 1 to %d can be learned", len(values), c.MinPerValue, c.MaxValues)
		return use, nil, nil
	}
	for _, i := range rows {
		kept := []string{} // none is an answer
		for _, v := range distinct(labels[i]) {
			if slices.Contains(values, v) {
				kept = append(kept, v)
			}
		}
		labels[i] = kept
	}
	use.Use, use.Why = "tags", fmt.Sprintf("lists, %d common tags", len(values))
	return use, &Spec{Name: use.Name, Kind: Tags, Values: values}, labels
}

func (c TableConfig) classes(use ColumnUse, rows []int, labels [][]string) (ColumnUse, *Spec, [][]string) {
	values, rare := c.common(rows, labels)
	use.Pooled = rare
	pooled := 0
	for _, n := range rare {
		pooled += n
	}
	switch {
	case len(values) > c.MaxValues:
		use.Use, use.Why = leftOut, fmt.Sprintf("%d common values, more than %d: a name rather than an attribute", len(values), c.MaxValues)
		return use, nil, nil
	case 2*pooled > len(rows):
		use.Use, use.Why = leftOut, fmt.Sprintf("%d of %d users have a value that fewer than %d share", pooled, len(rows), c.MinPerValue)
		return use, nil, nil
	}
	// Enough rare ones make a class of their own; few of them, or one alone, are unknown.
	if pool := pooled >= c.MinPerValue && len(rare) > 1; pool && !slices.Contains(values, Pooled) {
		values = append(values, Pooled)
	}
	if len(values) < 2 {
		use.Use, use.Why = leftOut, fmt.Sprintf("one value only: %q", values)
		return use, nil, nil
	}
	for _, i := range rows {
		if _, isRare := rare[labels[i][0]]; isRare {
			labels[i] = nil
			if slices.Contains(values, Pooled) {
				labels[i] = []string{Pooled}
			}
		}
	}
	use.Use, use.Why = "classes", fmt.Sprintf("%d values", len(values))
	return use, &Spec{Name: use.Name, Kind: Classes, Values: values}, labels
}

func (c TableConfig) bands(use ColumnUse, column Column, rows []int, labels [][]string) (ColumnUse, *Spec, [][]string) {
	edges := c.Edges[column.Name]
	if edges == nil && column.Name == "age" {
		edges = AgeEdges()
	}
	read := func(i int) (float64, bool) {
		x, err := number(column.Values[i])
		return x, err == nil && (column.Name != "age" || x >= 0 && x <= oldest)
	}
	var numbers []float64
	for _, i := range rows {
		if x, ok := read(i); ok {
			numbers = append(numbers, x)
		}
	}
	use.Unread = len(rows) - len(numbers)
	if edges == nil {
		slices.Sort(numbers)
		for fifth := 1; fifth < 5; fifth++ {
			edges = append(edges, numbers[fifth*len(numbers)/5])
		}
		edges = slices.Compact(edges)
		if edges[0] == numbers[0] { // nobody is below it
			edges = edges[1:]
		}
	}
	if len(edges) == 0 {
		use.Use, use.Why = leftOut, "nearly all users have the same number"
		return use, nil, nil
	}
	names := bandNames(edges)
	for _, i := range rows {
		x, ok := read(i)
		if !ok {
			continue
		}
		band := 0
		for band < len(edges) && x >= edges[band] {
			band++
		}
		labels[i] = []string{names[band]}
	}
	use.Use, use.Why, use.Edges = "bands", fmt.Sprintf("numbers, %d bands", len(names)), edges
	return use, &Spec{Name: use.Name, Kind: Classes, Values: names}, labels
}

// bandNames are "under 18", "18-24", …, "65+" for whole edges, and "under 0.5", "0.5 to 1.5", …, "1.5 or more" for others.
func bandNames(edges []float64) []string {
	whole := !slices.ContainsFunc(edges, func(e float64) bool { return e != math.Trunc(e) || math.Abs(e) > 1e9 })
	show := func(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
	names := []string{"under " + show(edges[0])}
	for i, e := range edges {
		switch last := i+1 == len(edges); {
		case last && whole:
			names = append(names, show(e)+"+")
		case last:
			names = append(names, show(e)+" or more")
		case whole && edges[i+1] == e+1:
			names = append(names, show(e))
		case whole:
			names = append(names, show(e)+"-"+show(edges[i+1]-1))
		default:
			names = append(names, show(e)+" to "+show(edges[i+1]))
		}
	}
	return names
}
