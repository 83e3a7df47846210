package lake

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/parquet-go/parquet-go"
)

// kind is the Go type of a field that is a column.
type kind uint8

const (
	kindString kind = iota
	kindInt64
	kindBool
	kindFloat64
	kindOptionalFloat64
	kindFloats  // []float32
	kindStrings // []string
)

func kindOf(t reflect.Type) (kind, bool) {
	switch t {
	case reflect.TypeFor[string]():
		return kindString, true
	case reflect.TypeFor[int64]():
		return kindInt64, true
	case reflect.TypeFor[bool]():
		return kindBool, true
	case reflect.TypeFor[float64]():
		return kindFloat64, true
	case reflect.TypeFor[*float64]():
		return kindOptionalFloat64, true
	case reflect.TypeFor[[]float32]():
		return kindFloats, true
	case reflect.TypeFor[[]string]():
		return kindStrings, true
	}
	return 0, false
}

// column ties a field of a row type to a column of its segments.
type column struct {
	name   string
	kind   kind
	offset uintptr // of the field in the row
	path   []string
}

// wide columns hold most of a segment's bytes; they are read page by page, only for
// the rows that are asked for.
func (c *column) wide() bool { return c.kind == kindFloats }

// at points to the field in row. T is the field's type: columnsOf checked it when it
// chose the kind, and only code that switches on the kind calls at.
func at[T, R any](row *R, c *column) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(row), c.offset))
}

// columnsOf reads the columns of a row type off its struct tags.
func columnsOf[R any]() ([]column, error) {
	t := reflect.TypeFor[R]()
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("row type %v is not a struct", t)
	}
	var columns []column
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			if f.Type.Kind() != reflect.Struct {
				return nil, fmt.Errorf("row type %v embeds %v; embed structs only", t, f.Type)
			}
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		k, ok := kindOf(f.Type)
		if name == "" || name == "-" || !ok {
			return nil, fmt.Errorf("field %s %v of row type %v: needs a parquet tag with a name, and one of the types string, int64, bool, float64, *float64, []float32, []string",
				f.Name, f.Type, t)
		}
		c := column{name: name, kind: k, path: []string{name}}
		if k == kindFloats || k == kindStrings {
			c.path = append(c.path, "list", "element")
		}
		for outer := t; len(f.Index) > 0; f.Index = f.Index[1:] {
			field := outer.Field(f.Index[0])
			c.offset += field.Offset
			outer = field.Type
		}
		columns = append(columns, c)
	}
	for _, name := range []string{"key", "version", "written", "deleted"} {
		if !slices.ContainsFunc(columns, func(c column) bool { return c.name == name }) {
			return nil, fmt.Errorf("row type %v has no column %q: embed lake.Row", t, name)
		}
	}
	schema := parquet.SchemaOf(new(R))
	for _, c := range columns {
		if _, ok := schema.Lookup(c.path...); !ok {
			return nil, fmt.Errorf("column %q of row type %v: tag a slice with list", c.name, t)
		}
	}
	return columns, nil
}

// own makes the row independent of the caller's memory and its text valid UTF-8.
// With strings it copies those too, so that a row that is kept does not keep the
// page it was decoded from.
func own[R any](columns []column, row *R, copyStrings bool) {
	for i := range columns {
		c := &columns[i]
		switch c.kind {
		case kindString:
			s := at[string](row, c)
			if copyStrings {
				*s = strings.Clone(*s)
			} else if !utf8.ValidString(*s) {
				*s = validText(*s)
			}
		case kindOptionalFloat64:
			if p := at[*float64](row, c); *p != nil {
				v := **p
				*p = &v
			}
		case kindFloats:
			p := at[[]float32](row, c)
			*p = slices.Clone(*p)
		case kindStrings:
			p := at[[]string](row, c)
			*p = slices.Clone(*p)
			for j, s := range *p {
				if copyStrings {
					(*p)[j] = strings.Clone(s)
				} else {
					(*p)[j] = validText(s)
				}
			}
		}
	}
}

// sizeOf estimates the bytes a row takes in memory, and in a segment before
// compression.
func sizeOf[R any](columns []column, row *R) int64 {
	n := int64(unsafe.Sizeof(*row))
	for i := range columns {
		c := &columns[i]
		switch c.kind {
		case kindString:
			n += int64(len(*at[string](row, c)))
		case kindFloats:
			n += 4 * int64(len(*at[[]float32](row, c)))
		case kindStrings:
			for _, s := range *at[[]string](row, c) {
				n += int64(len(s)) + 16
			}
		}
	}
	return n
}
