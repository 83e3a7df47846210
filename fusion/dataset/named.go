package dataset

import (
	"fmt"
	"slices"
)

// Tables is a shop that is already divided, by the names of its users and items; see From.
type Tables struct {
	Rows              []NamedRow
	Split             Split // how the rows were divided: ByTime or LeaveLast
	ValFrom, TestFrom int64 // Unix ms where the parts begin, for ByTime
	Features          []NamedFeatures
	Categories        map[string]string // of items
	// Later are features of a modality that were stated after train's end, and LaterCategories what was: no ranking may know
	// of them, what a product looks like and says may; see Dataset.Content.
	Later           NamedFeatures
	LaterCategories map[string]string
	Attributes      []string // what users may tell
	Profiles        map[string][]string
	Declined        int // users who have not agreed to a profile
	// Full is the weight from which on an interaction says all that one can, where rows differ in kind.
	Full float32
}

// NamedRow is one interaction.
type NamedRow struct {
	User, Item string
	Time       int64  // Unix ms
	Part       string // train, val or test
	Weight     float32
	Seen       bool // looked at, not taken
}

// NamedFeatures are the features of a modality, a row of Dim numbers for each of the ids.
type NamedFeatures struct {
	Name string
	Dim  int
	IDs  []string
	Rows []float32
}

// From makes a Dataset of tables in memory, as Load does of files. The catalogue is every item that has a row or a feature.
func From(t Tables) (*Dataset, Report, error) {
	raw := rawRows{file: "the shop", users: names{row: map[string]int32{}}, items: names{row: map[string]int32{}}, timed: true, divided: true}
	for _, r := range t.Rows {
		part, ok := partNames[r.Part]
		if !ok || !(r.Weight > 0) {
			return nil, Report{}, fmt.Errorf("%w: a row of user %q and item %q has part %q and weight %g", ErrTable, r.User, r.Item, r.Part, r.Weight)
		}
		raw.rows = append(raw.rows, rawRow{Interaction: Interaction{User: raw.users.add(r.User), Item: raw.items.add(r.Item), Time: r.Time, Last: r.Time, Weight: r.Weight, Seen: r.Seen}, part: part})
	}
	if len(raw.rows) == 0 {
		return nil, Report{}, fmt.Errorf("%w: there are no interactions", ErrTable)
	}
	if err := raw.several(); err != nil {
		return nil, Report{}, err
	}
	tables := make([]features, len(t.Features))
	for i, f := range t.Features {
		tables[i] = features{name: f.Name, path: "the catalogue", ids: f.IDs, dim: f.Dim, rows: f.Rows}
		if len(f.Rows) != len(f.IDs)*f.Dim {
			return nil, Report{}, fmt.Errorf("%w: modality %s: %d numbers for %d items of %d", ErrTable, f.Name, len(f.Rows), len(f.IDs), f.Dim)
		}
		if err := tables[i].unique(); err != nil {
			return nil, Report{}, err
		}
	}
	d, r, err := build(raw, tables, Options{Split: Given})
	if err != nil {
		return nil, r, err
	}
	for k := len(r.Modalities) - 1; k >= 0; k-- { // nobody can leave one out of a catalogue
		if m := r.Modalities[k]; m.Alike {
			r.warn("modality %s is the same for all %d products that have it: it tells nothing apart and is left out", m.Name, m.Present)
			d.Modalities, r.Modalities = slices.Delete(d.Modalities, k, k+1), slices.Delete(r.Modalities, k, k+1)
		}
	}
	d.Split, r.Split, r.ValFrom, r.TestFrom = t.Split, t.Split, t.ValFrom, t.TestFrom
	r.Declined = t.Declined
	d.Full = t.Full
	r.note(d)
	if len(t.Categories) > 0 {
		d.Categories = make([]string, len(d.Items))
		for i, name := range d.Items {
			d.Categories[i] = t.Categories[name]
		}
	}
	d.later(t)
	for k, name := range t.Attributes {
		values := make([]string, len(d.Users))
		for u, user := range d.Users {
			if told := t.Profiles[user]; told != nil {
				values[u] = told[k]
			}
		}
		if slices.ContainsFunc(values, func(v string) bool { return v != "" }) {
			d.Profiles = append(d.Profiles, Attribute{Name: name, Values: values})
		}
	}
	return d, r, nil
}
