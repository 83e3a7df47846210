package behaviour

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"weft/tasks"
)

// Bounds of a row.
const (
	// MaxRowBytes is the longest row of events, reviews and users.
	MaxRowBytes = 1 << 20
	// MaxAttributeBytes bounds the attributes of a row, and its context, as JSON.
	MaxAttributeBytes = 64 << 10
)

// fields are those of a row's JSON object that have not been taken yet. The first
// fault is kept; what is taken after it is of no account.
type fields struct {
	left  map[string]json.RawMessage
	fault *Fault
}

// open does the steps size and json.
func open(row RawRow, limit int, t *Tally) (*fields, *Fault) {
	t.Rows++
	if row.Fault != nil {
		if row.Fault.Reason == tasks.ReasonTooManyBytes {
			t.refuse(StepSize)
		} else {
			t.refuse(StepJSON)
		}
		return nil, row.Fault
	}
	if len(row.JSON) > limit {
		t.refuse(StepSize)
		return nil, tooLong(limit)
	}
	f := &fields{}
	err := json.Unmarshal(row.JSON, &f.left)
	if err == nil && f.left != nil {
		return f, nil
	}
	t.refuse(StepJSON)
	var wrong *json.UnmarshalTypeError
	if err == nil || errors.As(err, &wrong) {
		return nil, fault(tasks.ReasonBadJSON, "", "", fmt.Sprintf("not a JSON object but %.40s; send one object in braces for each row", bytes.TrimSpace(row.JSON)))
	}
	return nil, fault(tasks.ReasonBadJSON, "", "", fmt.Sprintf("not valid JSON: %v", err))
}

func tooLong(limit int) *Fault {
	return fault(tasks.ReasonTooManyBytes, "", "", fmt.Sprintf("the row is longer than %d bytes; leave out what no recommendation needs", limit))
}

// take removes a field. nil: absent, null.
func (f *fields) take(name string) json.RawMessage {
	raw, ok := f.left[name]
	if !ok {
		return nil
	}
	delete(f.left, name)
	if string(raw) == "null" {
		return nil
	}
	return raw
}

func (f *fields) fail(name string, raw []byte, want string) {
	if f.fault == nil {
		f.fault = fault(tasks.ReasonBadField, name, string(raw), want)
	}
}

// text takes a string; an empty one is as good as none.
func (f *fields) text(name string) string {
	raw := f.take(name)
	if raw == nil {
		return ""
	}
	if raw[0] != '"' {
		f.fail(name, raw, "want a string in double quotes")
		return ""
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		f.fail(name, raw, "want a string: "+err.Error())
	}
	return s
}

// needed is text that must be there.
func (f *fields) needed(name, why string) string {
	s := f.text(name)
	if s == "" {
		f.fail(name, nil, "missing: "+why)
	}
	return s
}

// number takes a finite number, nil if there is none.
func (f *fields) number(name string) *float64 {
	raw := f.take(name)
	if raw == nil {
		return nil
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		f.fail(name, raw, "want a number without quotes")
		return nil
	}
	return &v
}

// object takes an object with its numbers as they are written; nil if there is none.
func (f *fields) object(name string) map[string]any {
	raw := f.take(name)
	if raw == nil {
		return nil
	}
	if raw[0] != '{' {
		f.fail(name, raw, "want a JSON object")
		return nil
	}
	v, err := plain(raw)
	if err != nil {
		f.fail(name, raw, "want a JSON object: "+err.Error())
		return nil
	}
	return v.(map[string]any)
}

// rest takes all that is left into attributes, which win.
func (f *fields) rest(attributes map[string]any) map[string]any {
	for name := range f.left {
		raw := f.take(name)
		if _, taken := attributes[name]; taken || raw == nil {
			continue
		}
		v, err := plain(raw)
		if err != nil {
			f.fail(name, raw, err.Error())
			continue
		}
		if attributes == nil {
			attributes = map[string]any{}
		}
		attributes[name] = v
	}
	return attributes
}

// plain reads a JSON value, numbers as they are written. Most are scalars, which need
// no decoder of their own.
func plain(raw []byte) (v any, err error) {
	switch c := raw[0]; {
	case c == '"':
		var s string
		err = json.Unmarshal(raw, &s)
		return s, err
	case c == '-' || c >= '0' && c <= '9':
		return json.Number(raw), nil
	case c == 't' || c == 'f':
		return c == 't', nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// objectText renders an object as JSON, its names in order; "" for an empty one.
func objectText(name string, object map[string]any) (string, *Fault) {
	if len(object) == 0 {
		return "", nil
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(object); err != nil {
		return "", fault(tasks.ReasonBadField, name, "", err.Error())
	}
	if b.Len() > MaxAttributeBytes {
		return "", fault(tasks.ReasonTooManyBytes, name, "", fmt.Sprintf("holds %d bytes, the limit is %d", b.Len(), MaxAttributeBytes))
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
