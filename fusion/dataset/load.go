package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Report says what was read and what was done with it.
type Report struct {
	Rows       int      `json:"rows"`       // of the interactions
	Duplicates int      `json:"duplicates"` // rows that repeat a user and item within their part
	Repeats    int      `json:"repeats"`    // pairs of val and test that were known before, so no targets
	Split      Split    `json:"split"`
	ValFrom    int64    `json:"val_from,omitempty"`  // Unix ms where val begins, for ByTime
	TestFrom   int64    `json:"test_from,omitempty"` // Unix ms where test begins, for ByTime
	Users      int      `json:"users"`
	Items      int      `json:"items"`
	Train      int      `json:"train"`
	Val        int      `json:"val"`
	Test       int      `json:"test"`
	ColdItems  int      `json:"cold_items"` // without an interaction in train
	Declined   int      `json:"declined"`   // users whose profile is not used for want of consent
	Targets    string   `json:"targets"`    // which interactions count as targets, in words
	Modalities []Seen   `json:"modalities"` // in the order of the options
	Warnings   []string `json:"warnings"`   // in words
}

// Summary is one line for people.
func (r *Report) Summary() string {
	return fmt.Sprintf("%d users, %d items; split %s: %d train, %d val, %d test", r.Users, r.Items, r.Split, r.Train, r.Val, r.Test)
}

// Seen is what a modality's file held.
type Seen struct {
	Name      string `json:"name"`
	Dim       int    `json:"dim"`
	Present   int    `json:"present"`    // items with features
	Missing   int    `json:"missing"`    // items without a row
	Zero      int    `json:"zero"`       // rows that are zero throughout, or fainter than anything
	NotFinite int    `json:"not_finite"` // rows with NaN or infinity
	Alike     bool   `json:"alike"`      // the features of all items are the same
}

// Load reads the tables and cuts the split. The report is complete only without an error.
func Load(o Options) (*Dataset, Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, Report{}, err
	}
	raw, err := readInteractions(o)
	if err != nil {
		return nil, Report{}, err
	}
	features := make([]features, len(o.Modalities))
	for i, m := range o.Modalities {
		if features[i], err = readFeatures(m, o); err != nil {
			return nil, Report{}, err
		}
	}
	for _, f := range features {
		if err := f.meets(raw.items); err != nil {
			return nil, Report{}, err
		}
	}
	d, r, err := build(raw, features, o)
	if err != nil {
		return nil, Report{}, err
	}
	for _, m := range r.Modalities {
		if m.Alike {
			return nil, Report{}, fmt.Errorf("%w: modality %s is the same for all %d items that have it: it tells nothing apart; leave it out", ErrTable, m.Name, m.Present)
		}
	}
	if err := raw.several(); err != nil {
		return nil, Report{}, err
	}
	if o.Profiles != "" {
		if d.Profiles, r.Declined, err = readProfiles(o.Profiles, o.UserColumn, d.Users); err != nil {
			return nil, Report{}, err
		}
	}
	r.note(d)
	return d, r, nil
}

// build names, cuts and aligns what was read.
func build(raw rawRows, features []features, o Options) (*Dataset, Report, error) {
	d := &Dataset{Timed: raw.timed}
	r := Report{Rows: len(raw.rows)}
	if err := d.nameRows(&raw, features); err != nil {
		return nil, Report{}, err
	}
	if err := d.cut(raw, o, &r); err != nil {
		return nil, Report{}, err
	}
	for _, f := range features {
		m, seen := f.align(d.Items)
		d.Modalities, r.Modalities = append(d.Modalities, m), append(r.Modalities, seen)
		r.Warnings = append(r.Warnings, f.warnings...)
		if seen.Present == 0 {
			return nil, Report{}, fmt.Errorf("%w: modality %s: %s has features for none of the %d items: of its rows %d are zero, %d empty or with NaN or infinity; make them anew or leave it out",
				ErrTable, f.name, f.path, len(d.Items), seen.Zero, seen.NotFinite)
		}
		if bad := seen.Missing + seen.Zero + seen.NotFinite; bad > 0 {
			r.warn("modality %s: %d of %d items have no features (%d without a row, %d zero, %d with NaN or infinity); they are masked",
				f.name, bad, len(d.Items), seen.Missing, seen.Zero, seen.NotFinite)
		}
	}
	raw.warnOfGap(&r)
	r.Users, r.Items, r.Train, r.Val, r.Test = len(d.Users), len(d.Items), len(d.Train), len(d.Val), len(d.Test)
	for _, n := range Counts(d.Train, len(d.Items)) {
		if n == 0 {
			r.ColdItems++
		}
	}
	return d, r, nil
}

func (r *Report) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// note adds what a reader of figures should know.
func (r *Report) note(d *Dataset) {
	const few = 100
	for _, part := range []struct {
		name string
		rows []Interaction
	}{{"val", d.Val}, {"test", d.Test}} {
		users := 0
		for _, own := range ByUser(part.rows, len(d.Users)) {
			users += min(len(own), 1)
		}
		if users < few {
			r.warn("%s has targets for only %d users: intervals will be wide", part.name, users)
		}
	}
	if d.Split == Given && d.Timed {
		newest, early := Newest(d.Train), 0
		for _, t := range d.Test {
			if t.Time < newest {
				early++
			}
		}
		if early > 0 {
			r.warn("%d of %d test interactions are older than the newest in train: the given split looks into the future; consider the split by time", early, len(d.Test))
		}
	}
}

// nameRows gives users and items their rows: names in natural order. Features name items too, so that the catalogue holds
// what nobody has bought yet.
func (d *Dataset) nameRows(raw *rawRows, tables []features) error {
	items := map[string]bool{}
	for _, name := range raw.items.names {
		items[name] = true
	}
	for i := range tables {
		f := &tables[i]
		if err := f.nameItems(raw.items.names); err != nil {
			return err
		}
		for _, name := range f.ids {
			items[name] = true
		}
	}
	d.Users, d.Items = natural(raw.users.names), make([]string, 0, len(items))
	for name := range items {
		d.Items = append(d.Items, name)
	}
	d.Items = natural(d.Items)
	users, catalogue := rows(d.Users), rows(d.Items)
	for i := range raw.rows {
		r := &raw.rows[i]
		r.User, r.Item = users[raw.users.names[r.User]], catalogue[raw.items.names[r.Item]]
	}
	return nil
}

func rows(names []string) map[string]int32 {
	m := make(map[string]int32, len(names))
	for i, name := range names {
		m[name] = int32(i)
	}
	return m
}

// natural sorts a copy: by number where all names are numbers, else by bytes.
func natural(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	if slices.ContainsFunc(names, func(s string) bool { _, ok := index(s); return !ok }) {
		return names
	}
	slices.SortFunc(names, func(a, b string) int {
		x, _ := index(a)
		y, _ := index(b)
		return x - y
	})
	return names
}

// index reads a plain decimal number without sign or leading zeros.
func index(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == s
}

// interactionsFile finds the file of interactions.
func interactionsFile(o Options) (string, error) {
	if o.Interactions != "" {
		return filepath.Join(o.Dir, o.Interactions), nil
	}
	var names, found []string
	for _, ending := range []string{"csv", "csv.gz", "tsv", "tsv.gz", "parquet"} {
		name := "interactions." + ending
		names = append(names, name)
		if _, err := os.Stat(filepath.Join(o.Dir, name)); err == nil {
			found = append(found, name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%w: %v", ErrTable, err)
		}
	}
	switch len(found) {
	case 1:
		return filepath.Join(o.Dir, found[0]), nil
	case 0:
		return "", fmt.Errorf("%w: %s holds none of %s: put the interactions there, or name their file", ErrTable, o.Dir, strings.Join(names, ", "))
	default:
		return "", fmt.Errorf("%w: %s holds %s: name the one to read", ErrTable, o.Dir, strings.Join(found, " and "))
	}
}
