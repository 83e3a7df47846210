package serve

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ErrClause reports a filter or boost that cannot be read.
var ErrClause = errors.New("cannot be read")

// Bounds of what is written in a filter, a boost or a context.
const (
	maxClauses     = 32
	maxClauseBytes = 4 << 10 // of a whole filter or boost
	maxValues      = 256     // of one clause
)

// clause is one condition on a product.
type clause struct {
	text   string // as it is told
	name   string
	not    bool
	values []string // any of them; nil: any value at all
	op     string   // of a comparison: <, <=, > or >=
	number float64
}

// The names that are not facts.
const (
	nameID       = "id"
	nameCategory = "category"
	namePrice    = "price"
)

// parseClauses reads clauses that are parted by semicolons:
//
//	name:value,value   has one of these values; "quotes" keep , ; and * as they are
//	name:*             has any
//	name<9.5           also <=, > and >=; a product without such a number is out
//	!…                 the opposite
//
// The names are id, category, price and those of the product's facts. Letters count
// alike in upper and lower case.
func parseClauses(text string) ([]clause, error) {
	parts, err := stated(text)
	if err != nil {
		return nil, err
	}
	var all []clause
	for _, part := range parts {
		c, err := parseClause(part)
		if err != nil {
			return nil, err
		}
		if all = append(all, c); len(all) > maxClauses {
			return nil, fmt.Errorf("%w: more than %d clauses", ErrClause, maxClauses)
		}
	}
	return all, nil
}

func parseClause(text string) (clause, error) {
	bad := func(format string, args ...any) (clause, error) {
		return clause{}, fmt.Errorf("%w: %.80q: "+format, append([]any{ErrClause, text}, args...)...)
	}
	c := clause{text: text}
	rest := text
	if rest, c.not = strings.CutPrefix(rest, "!"); c.not {
		rest = strings.TrimSpace(rest)
	}
	at := strings.IndexAny(rest, ":<>")
	if at < 0 {
		return bad("want name:value, name:* or name<number, such as category:shoes,hats or price<50")
	}
	c.name = strings.ToLower(strings.TrimSpace(rest[:at]))
	if c.name == "" || strings.ContainsAny(c.name, `,"*!`) {
		return bad("%q is no name of a field", rest[:at])
	}
	if rest[at] != ':' {
		c.op = rest[at : at+1]
		if strings.HasPrefix(rest[at+1:], "=") {
			c.op += "="
		}
		value := strings.TrimSpace(rest[at+len(c.op):])
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return bad("%s is compared with %.40q, want a number", c.name, value)
		}
		if c.name == nameID || c.name == nameCategory {
			return bad("%s is no number; want %s:value", c.name, c.name)
		}
		c.number = n
		return c, nil
	}
	if strings.TrimSpace(rest[at+1:]) == "*" {
		return c, nil
	}
	for _, v := range split(rest[at+1:], ',') {
		value, err := unquote(strings.TrimSpace(v))
		if err != nil {
			return bad("%s: %v", c.name, err)
		}
		if value == "" {
			return bad("%s has an empty value; want %s:value, or %s:* for any", c.name, c.name, c.name)
		}
		c.values = append(c.values, strings.ToLower(value))
	}
	if len(c.values) > maxValues {
		return bad("%s has %d values, the limit is %d", c.name, len(c.values), maxValues)
	}
	return c, nil
}

// split cuts at a separator outside of quotes.
func split(text string, separator byte) (parts []string) {
	quoted, from := false, 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == separator && !quoted:
			parts = append(parts, text[from:i])
			from = i + 1
		}
	}
	return append(parts, text[from:])
}

func unquote(v string) (string, error) {
	if !strings.Contains(v, `"`) {
		return v, nil
	}
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' || strings.Contains(v[1:len(v)-1], `"`) {
		return "", fmt.Errorf("%.40q: quotes stand around the whole value", v)
	}
	return v[1 : len(v)-1], nil
}

// holds tells whether a product meets the condition.
func (c *clause) holds(e *Entry) bool { return c.matches(e) != c.not }

func (c *clause) matches(e *Entry) bool {
	switch c.name {
	case nameID:
		return c.values == nil || slices.Contains(c.values, strings.ToLower(e.ID))
	case nameCategory:
		return e.Category != "" && (c.values == nil || slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, e.Category) }))
	case namePrice:
		if e.Price == nil {
			return false
		}
		return c.admits(Fact{Number: *e.Price, Numeric: true, Value: strconv.FormatFloat(*e.Price, 'g', -1, 64)})
	}
	for i := range e.Facts {
		if e.Facts[i].Name == c.name && c.admits(e.Facts[i]) {
			return true
		}
	}
	return false
}

// admits compares one value.
func (c *clause) admits(f Fact) bool {
	switch c.op {
	case "<":
		return f.Numeric && f.Number < c.number
	case "<=":
		return f.Numeric && f.Number <= c.number
	case ">":
		return f.Numeric && f.Number > c.number
	case ">=":
		return f.Numeric && f.Number >= c.number
	}
	return c.values == nil || slices.Contains(c.values, f.Value)
}

// Filter keeps the products that meet all of its conditions. The zero Filter keeps all.
type Filter struct{ clauses []clause }

// ParseFilter reads a filter, such as "category:shoes,hats;price<50;stock>0". Errors:
// ErrClause.
func ParseFilter(text string) (Filter, error) {
	all, err := parseClauses(text)
	return Filter{all}, err
}

// Keep tells whether a product meets all conditions.
func (f Filter) Keep(e *Entry) bool {
	for i := range f.clauses {
		if !f.clauses[i].holds(e) {
			return false
		}
	}
	return true
}

func (f Filter) String() string {
	texts := make([]string, len(f.clauses))
	for i := range f.clauses {
		texts[i] = f.clauses[i].text
	}
	return strings.Join(texts, ";")
}

// oneCategory tells whether all that is kept is of one category.
func (f Filter) oneCategory() bool {
	return slices.ContainsFunc(f.clauses, func(c clause) bool { return c.name == nameCategory && !c.not && len(c.values) == 1 })
}

// unknown are the names that no product of the shop had.
func (f Filter) unknown(s *Snapshot) (names []string) {
	for i := range f.clauses {
		if name := f.clauses[i].name; !s.names[name] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// The range of one boost's factor, and of all together.
const (
	LeastBoost = 0.1
	MostBoost  = 10
)

// Boost multiplies the scores of the products that meet a condition.
type Boost struct {
	clause
	Factor   float64
	standing bool // of the shop's settings, not of the request
}

// stated cuts a filter or boosts into their parts, none of them empty.
func stated(text string) (parts []string, err error) {
	if len(text) > maxClauseBytes {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", ErrClause, len(text), maxClauseBytes)
	}
	for _, part := range split(text, ';') {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts, nil
}

// ParseBoosts reads boosts, each a condition of the filter's grammar, a star and a
// factor from LeastBoost to MostBoost: "category:shoes*1.2;brand:acme*.8". Errors:
// ErrClause.
func ParseBoosts(text string) ([]Boost, error) {
	parts, err := stated(text)
	if err != nil {
		return nil, err
	}
	var all []Boost
	for _, part := range parts {
		pieces := split(part, '*')
		last := len(pieces) - 1
		if last < 1 {
			return nil, fmt.Errorf("%w: %.80q: want a condition, a star and a factor, such as category:shoes*1.2", ErrClause, part)
		}
		factor, err := strconv.ParseFloat(strings.TrimSpace(pieces[last]), 64)
		if err != nil || !(factor >= LeastBoost && factor <= MostBoost) {
			return nil, fmt.Errorf("%w: %.80q: the factor is %.40q, want a number from %g to %g", ErrClause, part, pieces[last], LeastBoost, float64(MostBoost))
		}
		c, err := parseClause(strings.TrimSpace(strings.Join(pieces[:last], "*")))
		if err != nil {
			return nil, err
		}
		if all = append(all, Boost{clause: c, Factor: factor}); len(all) > maxClauses {
			return nil, fmt.Errorf("%w: more than %d boosts", ErrClause, maxClauses)
		}
	}
	return all, nil
}
