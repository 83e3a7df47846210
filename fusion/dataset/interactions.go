package dataset

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"
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

// heaviest bounds a weight: sums of squares of what is heavier leave float32.
const heaviest = 1e12

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
			if err := checkID(row[c[0]].Text); err != nil {
				return badCell(t.columns[c[0]], row[c[0]].Text, err.Error())
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
			if err != nil || !(w > 0 && w <= heaviest) {
				return badCell(o.WeightColumn, row[weight].Text, fmt.Sprintf("want a number above 0 and at most %g; leave returns out", heaviest))
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

// several refuses what one user did alone.
func (raw *rawRows) several() error {
	if len(raw.users.names) > 1 {
		return nil
	}
	return fmt.Errorf("%w: all %d interactions are of one user, %q: it takes several to learn from one what another may want", ErrTable, len(raw.rows), clip(raw.users.names[0]))
}

// warnOfGap finds a few rows that are far newer than all others: recency counts from the newest.
func (raw *rawRows) warnOfGap(r *Report) {
	const year = 365 * 24 * time.Hour
	if !raw.timed || len(raw.rows) < 2 {
		return
	}
	at := make([]int64, len(raw.rows))
	for i, row := range raw.rows {
		at[i] = row.Time
	}
	slices.Sort(at)
	n := len(at)
	for i := n - max(1, n/100); i < n; i++ {
		if at[i]-at[i-1] > year.Milliseconds() {
			r.warn("%d rows of %s are more than a year newer than all others, the newest of %s: what is recent counts from there; correct or remove them if they are wrong",
				n-i, raw.file, time.UnixMilli(at[n-1]).UTC().Format(time.DateTime))
			return
		}
	}
}
