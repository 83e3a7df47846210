package files

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"weft/behaviour"
)

// shape is what a field holds.
type shape int

const (
	attribute shape = iota // a number where it looks like one
	text
	number
	moment
	object
)

// shapesOf are the fields of a kind of rows.
func shapesOf(k behaviour.Kind) map[string]shape {
	switch k {
	case behaviour.Events:
		return map[string]shape{"id": text, "user": text, "product": text, "type": text, "time": moment, "value": number, "query": text, "target_user": text, "context": object, "attributes": object}
	case behaviour.Reviews:
		return map[string]shape{"id": text, "user": text, "product": text, "rating": number, "title": text, "text": text, "time": moment, "helpful": number, "attributes": object}
	case behaviour.Users:
		return map[string]shape{"id": text, "time": moment, "attributes": object, "consent": object}
	default:
		return map[string]shape{"id": text, "title": text, "description": text, "category": text, "brand": text, "price": number, "currency": text, "attributes": object, "images": object, "updated_at": moment}
	}
}

// table turns the records of one file into JSON.
type table struct {
	Mapping
	cells []cell
}

// cell is a field and where its value is.
type cell struct {
	name  string // as JSON, with the colon
	field string
	shape shape
	a, b  int // columns; b is -1 unless it is a product
}

// table lays the Mapping over a header. Errors are the caller's mistakes.
func (m Mapping) table(header []string) (table, error) {
	t := table{Mapping: m}
	shapes := shapesOf(m.kind)
	used := map[string]bool{}
	find := func(field, column string) (int, error) {
		if i := slices.Index(header, column); i >= 0 {
			return i, nil
		}
		return 0, mistakef("column %s=%s: there is no column %q; there are %q", field, m.fields[field], column, header)
	}
	add := func(field string, a, b int) error {
		name, err := json.Marshal(field)
		t.cells = append(t.cells, cell{string(name) + ":", field, shapes[field], a, b})
		return err
	}
	for _, field := range slices.Sorted(maps.Keys(m.fields)) {
		left, right, two := strings.Cut(m.fields[field], "*")
		a, err := find(field, left)
		if err != nil {
			return t, err
		}
		b := -1
		if two {
			if b, err = find(field, right); err != nil {
				return t, err
			}
		} else {
			used[left] = true // the factors of a product are kept as attributes
		}
		if err := add(field, a, b); err != nil {
			return t, err
		}
	}
	for i, name := range header {
		if _, mapped := m.fields[name]; mapped || used[name] || name == "" || name == "type" && m.types != "" {
			continue
		}
		if err := add(name, i, -1); err != nil {
			return t, err
		}
	}
	return t, nil
}

// row renders a record. value returns what a column holds: nil, a string, a number, a
// bool, a time, or a list or object of these.
func (t *table) row(value func(column int) any) []byte {
	b := []byte{'{'}
	if t.types != "" && t.kind == behaviour.Events {
		b = append(append(b, `"type":`...), quoted(t.types)...)
	}
	for _, c := range t.cells {
		v := value(c.a)
		if c.b >= 0 {
			v = product(v, value(c.b))
		}
		rendered := t.render(c.shape, v)
		if rendered == nil {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(b, c.name...), rendered...)
	}
	return append(b, '}')
}

// render is the JSON of a value, nil where there is none.
func (t *table) render(s shape, v any) []byte {
	switch v := v.(type) {
	case nil:
		return nil
	case time.Time:
		return quoted(v.UTC().Format(time.RFC3339Nano))
	case string:
		return t.renderText(s, v)
	}
	out, err := json.Marshal(v)
	if err != nil { // NaN and infinity: refused as what they are
		return quoted(fmt.Sprint(v))
	}
	if s == text && len(out) > 0 && out[0] != '"' {
		return quoted(string(out))
	}
	return out
}

func (t *table) renderText(s shape, v string) []byte {
	v = strings.TrimSpace(v)
	switch {
	case v == "":
		return nil
	case s == moment && t.layout != "":
		at, err := time.ParseInLocation(t.layout, v, t.zone)
		if err == nil {
			return quoted(at.UTC().Format(time.RFC3339Nano))
		}
	case s == number:
		if f, err := strconv.ParseFloat(v, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return decimal(f)
		}
	case s == object && (v[0] == '{' || v[0] == '[') && json.Valid([]byte(v)):
		return []byte(v)
	case s == attribute && len(v) <= 15 && json.Valid([]byte(v)) && (v[0] == '-' || v[0] >= '0' && v[0] <= '9'):
		return []byte(v)
	}
	return quoted(v)
}

func decimal(f float64) []byte { return strconv.AppendFloat(nil, f, 'f', -1, 64) }

// product multiplies two numbers, to a millionth; what is no number is shown as it is,
// to be refused by name.
func product(a, b any) any {
	x, xok := asNumber(a)
	y, yok := asNumber(b)
	switch {
	case a == nil || b == nil || a == "" || b == "":
		return nil
	case !xok || !yok:
		return fmt.Sprintf("%v*%v", a, b)
	}
	return string(decimal(math.Round(x*y*1e6) / 1e6))
}

func asNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return f, err == nil
	}
	return 0, false
}

func quoted(s string) []byte {
	b, err := json.Marshal(strings.ToValidUTF8(s, "\uFFFD"))
	if err != nil {
		return []byte(`""`) // a string can always be rendered
	}
	return b
}
