package clean

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"weft/behaviour"
)

// ErrStatistics: a file of statistics cannot be used.
var ErrStatistics = errors.New("statistics cannot be used")

// Statistics are what values are filled, put back and normalised with. They are
// computed once, from rows up to a moment, and kept as a file: what serves must use
// those that trained. Two computations over the same rows give the same file.
type Statistics struct {
	Version int       `json:"version"` // of the rules of this package
	AsOf    time.Time `json:"as_of"`   // of the newest row that took part; zero without rows
	// Until is the moment from which on rows were left out, such as the boundary of a
	// split; zero: none were.
	Until time.Time       `json:"until"`
	Rows  map[string]From `json:"rows"` // by table: events, users, products

	EventValues map[string]Numeric   `json:"event_values"` // by event type
	Attributes  map[string]Attribute `json:"attributes"`   // of users, by name
	Price       Numeric              `json:"price"`        // of products
	Category    Categorical          `json:"category"`
	Brand       Categorical          `json:"brand"`
}

// From says which rows statistics came from.
type From struct {
	Rows   int64  `json:"rows"`
	Digest string `json:"digest"` // SHA-256 over the rows' keys and contents, in the order of their keys
}

// Kind of a user's attribute, by what most of its values are.
type Kind string

// The kinds of attributes.
const (
	KindNumber   Kind = "number"
	KindCategory Kind = "category"
	KindList     Kind = "list" // several names, such as interests
)

// Attribute is the statistics of one attribute of users. Which of the two applies
// is told by Kind; a list has the Categorical of its items.
type Attribute struct {
	Kind        Kind         `json:"kind"`
	Numeric     *Numeric     `json:"numeric,omitempty"`
	Categorical *Categorical `json:"categorical,omitempty"`
	// Mistyped values are not of the kind and count as missing.
	Mistyped int64 `json:"mistyped"`
}

// Encode is the file of statistics: JSON, the same bytes for the same statistics.
func (s *Statistics) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrStatistics, err)
	}
	return append(b, '\n'), nil
}

// ReadStatistics reads what Encode wrote. A file of other rules is refused: its
// numbers mean something else.
func ReadStatistics(b []byte) (*Statistics, error) {
	var s Statistics
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrStatistics, err)
	}
	if s.Version != Version {
		return nil, fmt.Errorf("%w: they are of version %d of the rules, this program has %d: compute them again with `weft data split`", ErrStatistics, s.Version, Version)
	}
	for name, a := range s.Attributes {
		if (a.Kind == KindNumber) != (a.Numeric != nil) || (a.Kind == KindNumber) != (a.Categorical == nil) {
			return nil, fmt.Errorf("%w: attribute %q of kind %q does not have the statistics of its kind", ErrStatistics, name, a.Kind)
		}
	}
	return &s, nil
}

// Value cleans the value of an event; imputed is never set, since a missing value of
// an event stays missing.
func (s *Statistics) Value(e *behaviour.Event) *Number {
	if e.Value == nil || notNumber(*e.Value) {
		return nil
	}
	n := s.EventValues[e.Type]
	cleaned := n.Apply(e.Value)
	return &cleaned
}

// UserValues are a user's attributes after cleaning: every attribute that the
// statistics know, given or not, and no other.
type UserValues struct {
	Numbers map[string]Number `json:"numbers"`
	Names   map[string]Name   `json:"names"`
	Lists   map[string][]Name `json:"lists"` // an empty list is a statement, nothing is put in
}

// User cleans the attributes of a user.
func (s *Statistics) User(u *behaviour.User) (UserValues, error) {
	given, err := attributesOf(u)
	if err != nil {
		return UserValues{}, err
	}
	out := UserValues{Numbers: map[string]Number{}, Names: map[string]Name{}, Lists: map[string][]Name{}}
	for name, a := range s.Attributes {
		v := given[name]
		switch a.Kind {
		case KindNumber:
			out.Numbers[name] = a.Numeric.Apply(v.number) // a mistyped value has none
		case KindList:
			out.Lists[name] = []Name{}
			for _, item := range v.list {
				out.Lists[name] = append(out.Lists[name], a.Categorical.Apply(item))
			}
		default:
			out.Names[name] = a.Categorical.Apply(v.name)
		}
	}
	return out, nil
}

// attribute is one value as it came: at most one field is set, besides name, which
// a number has too.
type attribute struct {
	number *float64
	name   string
	list   []string
	isList bool
}

func (a attribute) missing() bool { return a.number == nil && a.name == "" && !a.isList }

// attributesOf reads the JSON object of a user's attributes. Those that a rule has
// filled at intake are missing here: statistics are of what users said.
func attributesOf(u *behaviour.User) (map[string]attribute, error) {
	if u.Attributes == "" {
		return nil, nil
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(u.Attributes), &fields); err != nil {
		return nil, fmt.Errorf("attributes of user %q are no JSON object: %w", u.ID, err)
	}
	for _, filled := range u.Imputed {
		delete(fields, filled)
	}
	out := make(map[string]attribute, len(fields))
	for name, v := range fields {
		out[name] = read(v)
	}
	return out, nil
}

func read(v any) attribute {
	switch v := v.(type) {
	case float64:
		return attribute{number: &v, name: strconv.FormatFloat(v, 'g', -1, 64)}
	case bool:
		return attribute{name: strconv.FormatBool(v)}
	case string:
		a := attribute{name: v}
		if n, err := strconv.ParseFloat(v, 64); err == nil && !notNumber(n) {
			a.number = &n
		}
		return a
	case []any:
		a := attribute{isList: true}
		for _, item := range v {
			if one := read(item); one.name != "" {
				a.list = append(a.list, one.name)
			}
		}
		return a
	}
	return attribute{}
}
