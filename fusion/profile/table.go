package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrTable marks rows that no labels can be read from.
var ErrTable = errors.New("bad table of profiles")

// Table holds what is known of users, in columns: a row for each of Users.
type Table struct {
	Users   []string
	Consent []bool // to profiling; the values of the others are neither kept nor looked at
	Columns []Column
}

// Column is one attribute. A value is "" where it is not known; a list is a JSON array of texts, or has its parts
// separated by ; or |.
type Column struct {
	Name   string
	Values []string
}

// ReadTable lays out rows as they come from CSV, Parquet or users.jsonl. A row names its user in `user` or `id`; a
// nested `attributes` object counts as columns of the row itself; `consent` is a bool, a text of one, or an object with a
// bool `profiling`, and where it is absent agreed decides. Columns come in the order of their names. Of users who do not
// consent only the name is kept. A user with two rows is an error: which one holds cannot be known.
func ReadTable(rows []map[string]any, agreed bool) (Table, error) {
	var t Table
	seen := map[string]bool{}
	columns := map[string][]string{}
	for i, row := range rows {
		user := text(row["user"])
		if user == "" {
			user = text(row["id"])
		}
		if user == "" {
			return Table{}, fmt.Errorf("%w: row %d has neither user nor id", ErrTable, i+1)
		}
		if seen[user] {
			return Table{}, fmt.Errorf("%w: row %d: user %q has a row already; keep one for each user", ErrTable, i+1, user)
		}
		seen[user] = true
		consent, err := consents(row["consent"], agreed)
		if err != nil {
			return Table{}, fmt.Errorf("%w: row %d: user %q: %w", ErrTable, i+1, user, err)
		}
		t.Users, t.Consent = append(t.Users, user), append(t.Consent, consent)
		if !consent {
			continue
		}
		put := func(name string, value any) {
			if columns[name] == nil {
				columns[name] = make([]string, len(rows))
			}
			columns[name][i] = text(value)
		}
		for name, value := range row {
			switch nested, isObject := value.(map[string]any); {
			case name == "user" || name == "id" || name == "consent":
			case name == "attributes" && isObject:
				for name, value := range nested {
					put(name, value)
				}
			default:
				put(name, value)
			}
		}
	}
	for name, values := range columns {
		t.Columns = append(t.Columns, Column{Name: name, Values: values})
	}
	slices.SortFunc(t.Columns, func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
	return t, nil
}

func consents(value any, absent bool) (bool, error) {
	if object, ok := value.(map[string]any); ok {
		value = object["profiling"]
	}
	s := text(value)
	if s == "" {
		return absent, nil
	}
	yes, err := strconv.ParseBool(s)
	if err != nil {
		return false, fmt.Errorf("consent is %q; give true or false", s)
	}
	return yes, nil
}

// text is a cell as Column holds it.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32)
	case []string, []any:
		if list, err := json.Marshal(v); err == nil {
			return string(list)
		}
	}
	return strings.TrimSpace(fmt.Sprint(value))
}

// parts are the entries of a list; isList is false for a value that is one text.
func parts(value string) (list []string, isList bool) {
	if strings.HasPrefix(value, "[") {
		var entries []any
		if json.Unmarshal([]byte(value), &entries) == nil {
			list = []string{}
			for _, e := range entries {
				if s := text(e); s != "" {
					list = append(list, s)
				}
			}
			return list, true
		}
	}
	for _, s := range strings.FieldsFunc(value, func(r rune) bool { return r == ';' || r == '|' }) {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list, len(list) > 1
}
