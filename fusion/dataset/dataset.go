// Package dataset reads a shop's interactions, features and profiles from tables, and cuts the interactions into what is
// learnt from, what is chosen on and what is measured on.
//
// Everything downstream (training, baselines, evaluation) works on the arrays of a Dataset; names of users and items appear
// again only when something is written out.
package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Errors of this package, for errors.Is.
var (
	ErrOptions = errors.New("bad options for a data set")
	ErrTable   = errors.New("table cannot be used") // missing, damaged, or a bad column, row or value
	ErrSplit   = errors.New("split cannot be made") // a part is empty, or the order of time is unknown
)

// Interaction is what one user did with one item, repeats collapsed.
type Interaction struct {
	User, Item int32   // rows of Dataset.Users and Items
	Time       int64   // Unix ms of the first time; 0 where there are no times
	Last       int64   // Unix ms of the last time within the same part
	Weight     float32 // how often; the sum of the weight column where there is one

	// Where rows differ in kind, an item may be looked at and only later, or never, be taken (bought). What was taken is not
	// asked for again; what was only looked at is. All zero: taken at Time, as in tables of one kind.
	Seen bool    // never taken
	Wait int64   // ms from Time until it was taken
	Look float32 // weight of what came before it was taken; where Wait is above 0
}

// Taken is when the item was first taken, Unix ms; ok is false for one that was only looked at.
func (r Interaction) Taken() (at int64, ok bool) { return r.Time + r.Wait, !r.Seen }

// Modality is one kind of feature, a row for each item.
type Modality struct {
	Name    string
	Dim     int
	Rows    []float32 // items × Dim, row after row; zero where not present
	Present []bool    // one per item; false: no row in the file, all zero, or a number that is not finite
}

// Row is the features of one item, Dim numbers; not copied.
func (m *Modality) Row(item int32) []float32 {
	return m.Rows[int(item)*m.Dim : (int(item)+1)*m.Dim]
}

// ModalityOf lays vectors beside each other, one per item; nil is absent. That they are not equally long is an error.
func ModalityOf(name string, vectors [][]float32) (m Modality, err error) {
	m = Modality{Name: name, Present: make([]bool, len(vectors))}
	for _, v := range vectors {
		m.Dim = max(m.Dim, len(v))
	}
	m.Rows = make([]float32, m.Dim*len(vectors))
	for i, v := range vectors {
		if m.Present[i] = v != nil; m.Present[i] && copy(m.Row(int32(i)), v) != m.Dim {
			return m, fmt.Errorf("%s features have %d and %d numbers: they are of different encoders", name, len(v), m.Dim)
		}
	}
	return m, nil
}

// Attribute is one column of the profiles, a value for each user.
type Attribute struct {
	Name   string
	Values []string // one per user; "" is unknown, or not to be used for want of consent
}

// Dataset is a shop as arrays. Interactions are sorted by (User, Time, Item). Nobody changes it after Load.
type Dataset struct {
	Users, Items     []string // names, in the order of the rows
	Train, Val, Test []Interaction
	// TrainVal is train and val collapsed together: what a model that was chosen may be fitted on before its test. It is not
	// simply their union, since it also holds the repeats that are no targets in Val.
	TrainVal []Interaction
	// All is the three parts collapsed together: what a model may be fitted on that will not be measured any more.
	All        []Interaction
	Timed      bool // there are times
	Split      Split
	Modalities []Modality
	Profiles   []Attribute
	Categories []string // the shop's own category of each item, "" where it has none; nil without any
	content    *contentTables
	// Full is, where rows differ in kind, the weight from which on an interaction says all that one can (Strength); 0 elsewhere.
	Full float32
}

// Modality finds one by its name.
func (d *Dataset) Modality(name string) (*Modality, bool) {
	i := slices.IndexFunc(d.Modalities, func(m Modality) bool { return m.Name == name })
	if i < 0 {
		return nil, false
	}
	return &d.Modalities[i], true
}

// ByUser cuts interactions that are sorted by user into one slice per user. The slices share memory with rows.
func ByUser(rows []Interaction, users int) [][]Interaction {
	lists := make([][]Interaction, users)
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && rows[to].User == rows[from].User {
			to++
		}
		lists[rows[from].User] = rows[from:to:to]
		from = to
	}
	return lists
}

// Taken gives the items that each user took, in ascending order.
func Taken(rows []Interaction, users int) [][]int32 {
	lists := make([][]int32, users)
	for user, own := range ByUser(rows, users) {
		for _, r := range own {
			if !r.Seen {
				lists[user] = append(lists[user], r.Item)
			}
		}
		slices.Sort(lists[user])
	}
	return lists
}

// Counts tells how many users each item has.
func Counts(rows []Interaction, items int) []int {
	counts := make([]int, items)
	for _, r := range rows {
		counts[r.Item]++
	}
	return counts
}

// Newest is the latest time in rows, 0 if there is none.
func Newest(rows []Interaction) int64 {
	var newest int64
	for _, r := range rows {
		newest = max(newest, r.Last)
	}
	return newest
}

func sortRows(rows []Interaction) {
	slices.SortFunc(rows, func(a, b Interaction) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Time, b.Time), cmp.Compare(a.Item, b.Item))
	})
}
