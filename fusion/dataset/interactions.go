package dataset

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
)

// part is where an interaction belongs.
type part uint8

const (
	train part = iota
	val
	test
	dropped
)

var partNames = map[string]part{"train": train, "val": val, "valid": val, "validation": val, "test": test}

// names numbers strings as they appear.
type names struct {
	names []string
	row   map[string]int32
}

func (n *names) add(name string) int32 {
	if i, ok := n.row[name]; ok {
		return i
	}
	i := int32(len(n.names))
	n.names = append(n.names, name)
	n.row[name] = i
	return i
}

// rawRow is one row of the file.
type rawRow struct {
	Interaction
	part part
}

type rawRows struct {
	file           string
	users, items   names
	rows           []rawRow
	timed, divided bool // there is a column of times, of parts
	backwards      int  // rows older than the one before
}

// readInteractions reads every row; users and items are numbered as they appear.
func readInteractions(o Options) (raw rawRows, err error) {
	path, err := interactionsFile(o)
	if err != nil {
		return raw, err
	}
	t, err := openTable(path)
	if err != nil {
		return raw, err
	}
	defer func() { _ = t.close() }()
	raw = rawRows{file: filepath.Base(path), users: names{row: map[string]int32{}}, items: names{row: map[string]int32{}}}
	user, err := t.column(o.UserColumn, "the user")
	if err != nil {
		return raw, err
	}
	item, err := t.column(o.ItemColumn, "the item")
	if err != nil {
		return raw, err
	}
	weight := -1
	if o.WeightColumn != "" {
		if weight, err = t.column(o.WeightColumn, "the weight"); err != nil {
			return raw, err
		}
	}
	split, at := slices.Index(t.columns, o.SplitColumn), slices.Index(t.columns, o.TimeColumn)
	raw.divided, raw.timed = split >= 0, at >= 0
	clock := times{layout: o.TimeLayout, zone: o.Zone}
	before := int64(0)
	err = t.each(func(row []cell, _ int) error {
		r := rawRow{Interaction: Interaction{Weight: 1}}
		for _, c := range [][2]int{{user, 0}, {item, 1}} {
			if row[c[0]].Text == "" {
				return badCell(t.columns[c[0]], "", "is empty: every interaction needs a user and an item")
			}
		}
		if at >= 0 {
			var err error
			if r.Time, err = clock.parse(row[at].Text); err != nil {
				return badCell(o.TimeColumn, row[at].Text, err.Error())
			}
			r.Last = r.Time
			if r.Time < before {
				raw.backwards++
			}
			before = r.Time
		}
		if split >= 0 {
			var ok bool
			if r.part, ok = partNames[row[split].Text]; !ok && (o.Split == Given || o.Split == "") {
				return badCell(o.SplitColumn, row[split].Text, "want train, val or test")
			}
		}
		if weight >= 0 {
			w, err := strconv.ParseFloat(row[weight].Text, 32)
			if err != nil || !(w > 0) || math.IsInf(w, 0) {
				return badCell(o.WeightColumn, row[weight].Text, "want a number above 0; leave returns out")
			}
			r.Weight = float32(w)
		}
		r.User, r.Item = raw.users.add(row[user].Text), raw.items.add(row[item].Text)
		raw.rows = append(raw.rows, r)
		return nil
	})
	if err == nil && len(raw.rows) == 0 {
		err = fmt.Errorf("%w: %s has no rows below its first line", ErrTable, raw.file)
	}
	return raw, err
}
