package files

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones by name, wherever this runs

	"weft/behaviour"
)

// Columns says how the columns of a CSV or Parquet file become fields. The zero value takes each field from the column of
// its name.
type Columns struct {
	Fields     map[string]string // field to column, or to two columns and a star: the product of two numbers
	Type       string            // of events in a file without a column of types
	TimeFormat string            // as of strptime or as Go writes 2006-01-02 15:04:05; "": RFC 3339 or numbers
	Zone       string            // of times without one; "": UTC
}

// MistakeError is the caller's: the file or its columns are not as was said.
type MistakeError struct{ error }

func mistakef(format string, args ...any) error { return MistakeError{fmt.Errorf(format, args...)} }

// Mapping is Columns, checked, for one kind of rows.
type Mapping struct {
	fields map[string]string // field → column, or two columns and a star
	types  string
	layout string // of times; "": RFC 3339 or numbers
	zone   *time.Location
	kind   behaviour.Kind
	given  bool // something was said
}

// Mapping checks c against the fields of a kind; errors are MistakeErrors and name what was said.
func (c Columns) Mapping(k behaviour.Kind) (Mapping, error) {
	m := Mapping{fields: c.Fields, types: c.Type, layout: c.TimeFormat, kind: k, given: len(c.Fields) > 0 || c.Type != "" || c.TimeFormat != "" || c.Zone != "" && c.Zone != "UTC"}
	for field, column := range c.Fields {
		if field == "" || column == "" {
			return m, mistakef("column %s=%s: want FIELD=COLUMN, such as user=CustomerID", field, column)
		}
		if a, b, two := strings.Cut(column, "*"); two && (a == "" || b == "" || shapesOf(k)[field] != number) {
			return m, mistakef("column %s=%s: a product of two columns is a number, such as value=Quantity*UnitPrice", field, column)
		}
	}
	if c.Type != "" && k != behaviour.Events {
		return m, mistakef("type %s: only events have types", c.Type)
	}
	if strings.Contains(m.layout, "%") {
		var err error
		if m.layout, err = layoutOf(m.layout); err != nil {
			return m, err
		}
	}
	var err error
	if m.zone, err = time.LoadLocation(c.Zone); err != nil {
		return m, mistakef("zone %q: %v; want a name such as Europe/London", c.Zone, err)
	}
	return m, nil
}

// layoutOf turns a format of strptime into one of Go's.
func layoutOf(format string) (string, error) {
	directives := map[byte]string{'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'f': "000000",
		'p': "PM", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'z': "-0700", 'Z': "MST", 'T': "15:04:05", 'F': "2006-01-02", 'R': "15:04", 'D': "01/02/06", '%': "%"}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		i++
		if i == len(format) || directives[format[i]] == "" {
			return "", mistakef("time format %q: %%%s is not known; want one of %s", format, format[i:min(i+1, len(format))],
				"%"+strings.Join(strings.Split(string(slices.Sorted(maps.Keys(directives))), ""), " %"))
		}
		b.WriteString(directives[format[i]])
	}
	return b.String(), nil
}
