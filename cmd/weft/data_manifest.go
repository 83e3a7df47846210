package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/parts"
	"weft/behaviour/split"
)

// splitManifest says what a split was made by, and what is in it. It holds no date of
// its own: the same rows, rule and seed give the same bytes.
type splitManifest struct {
	Format    int                `json:"format"`
	Tenant    string             `json:"tenant"`
	Rule      split.Rule         `json:"rule"`
	Seed      uint64             `json:"seed"`
	Fractions map[string]float64 `json:"fractions,omitempty"`
	ValFrom   *time.Time         `json:"val_from,omitempty"` // first moment of val; by time only
	TestFrom  *time.Time         `json:"test_from,omitempty"`

	Parts    []*splitPart       `json:"parts"`
	Weights  map[string]float64 `json:"weights"` // of event types that are there
	Cleaning clean.Counts       `json:"cleaning"`
	LeftOut  splitLeftOut       `json:"left_out"`

	Facts    splitFacts    `json:"facts"`
	Profiles splitProfiles `json:"profiles"`

	Rules int                  `json:"cleaning_rules"` // version
	Files map[string]splitFile `json:"files"`

	agreed func(user string) bool
	rows   int // interactions of the last reading
	of     map[split.Part]*splitPart
}

// splitPart is what one part holds.
type splitPart struct {
	Part  split.Part `json:"part"`
	Rows  int        `json:"rows"`
	Users int        `json:"users"`
	Items int        `json:"items"`
	From  time.Time  `json:"from"`  // oldest row
	Until time.Time  `json:"until"` // newest row
	items map[string]bool
}

// splitLeftOut counts cleaned events that are no interactions.
type splitLeftOut struct {
	NoConsent  int `json:"no_consent"`
	NoProduct  int `json:"no_product"`  // searches, follows
	OtherTypes int `json:"other_types"` // than --types
	Against    int `json:"against"`     // returns, dislikes
	BadTime    int `json:"bad_time"`    // before 1970
}

// splitFacts is what was done with product facts.
type splitFacts struct {
	Rule    string     `json:"rule"`
	Until   *time.Time `json:"until,omitempty"` // train knows facts stated before it
	Train   int        `json:"train"`
	Val     int        `json:"val"`
	Test    int        `json:"test"`
	Undated int        `json:"undated"`
}

func (f *splitFacts) add(from split.Part) {
	switch from {
	case split.Val:
		f.Val++
	case split.Test:
		f.Test++
	default:
		f.Train++
	}
}

type splitProfiles struct {
	Rows       int `json:"rows"`
	LeftOut    int `json:"left_out"` // no consent, or told after train's end
	Undated    int `json:"undated"`  // of Rows: nobody knows when they were told
	Unreadable int `json:"unreadable"`
}

type splitFile struct {
	Rows   int    `json:"rows,omitempty"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func newSplitManifest(tenant string, cfg split.Config) *splitManifest {
	m := &splitManifest{Format: 1, Tenant: tenant, Rule: cfg.Rule, Seed: cfg.Seed, Rules: clean.Version, Files: map[string]splitFile{}}
	if cfg.Rule != split.LeaveLast {
		m.Fractions = map[string]float64{"train": cfg.Train, "val": cfg.Val, "test": math.Round(1e9*(1-cfg.Train-cfg.Val)) / 1e9}
	}
	m.forget()
	return m
}

// forget makes ready to count a reading.
func (m *splitManifest) forget() {
	m.Cleaning, m.LeftOut, m.rows = clean.Counts{}, splitLeftOut{}, 0
	m.Weights, m.of, m.Parts = map[string]float64{}, map[split.Part]*splitPart{}, nil
	for _, p := range split.Parts() {
		m.of[p] = &splitPart{Part: p, items: map[string]bool{}}
		m.Parts = append(m.Parts, m.of[p])
	}
}

func (m *splitManifest) read() int { return m.rows }

func (m *splitManifest) begin(plan *split.Plan) {
	if plan.Config.Rule == split.ByTime {
		val, test := time.UnixMilli(plan.ValFrom).UTC(), time.UnixMilli(plan.TestFrom).UTC()
		m.ValFrom, m.TestFrom = &val, &test
	}
}

func (m *splitManifest) clean(c clean.Counts) {
	t := &m.Cleaning
	t.Rows += c.Rows
	t.Deleted += c.Deleted
	t.Bot += c.Bot
	t.Rate += c.Rate
	t.Kept += c.Kept
	t.Repeats += c.Repeats
	t.Numbers += c.Numbers
}

func (m *splitManifest) add(part split.Part, e *behaviour.Event) {
	p := m.of[part]
	at := time.UnixMilli(e.Time).UTC()
	if p.Rows == 0 || at.Before(p.From) {
		p.From = at
	}
	if p.Rows == 0 || at.After(p.Until) {
		p.Until = at
	}
	p.Rows++
	if !p.items[e.Product] {
		p.items[e.Product] = true
		p.Items++
	}
	m.Weights[e.Type] = parts.Weight(e.Type)
}

// user counts a user in each part that has a row of theirs.
func (m *splitManifest) user(where []split.Part) {
	in := map[split.Part]bool{}
	for _, p := range where {
		if !in[p] {
			in[p] = true
			m.of[p].Users++
		}
	}
}

// factsFrom says from which moment on facts are of the future. It is asked when all
// interactions are written.
func (m *splitManifest) factsFrom(plan *split.Plan) split.Facts {
	f := split.Facts{ValFrom: math.MaxInt64, TestFrom: math.MaxInt64}
	switch plan.Config.Rule {
	case split.ByUser:
		m.Facts.Rule = "Parts are users and have no order in time: train may know every fact."
		return f
	case split.LeaveLast:
		m.Facts.Rule = "Facts stated after the newest row of train are not train's; those without a date count as always known, unless they were dropped."
		f.ValFrom = m.of[split.Train].Until.UnixMilli() + 1
		f.TestFrom = max(f.ValFrom, m.of[split.Val].Until.UnixMilli()+1)
	default:
		m.Facts.Rule = "Facts stated at or after the first moment of val are not train's; those without a date count as always known, unless they were dropped."
		f.ValFrom, f.TestFrom = plan.ValFrom, plan.TestFrom
	}
	until := time.UnixMilli(f.ValFrom).UTC()
	m.Facts.Until = &until
	return f
}

// why says what was left out, for a message.
func (m *splitManifest) why() string {
	l, c := m.LeftOut, m.Cleaning
	var all []string
	for _, r := range []struct {
		n    int
		what string
	}{{c.Bot, "of bots"}, {c.Rate, "at impossible rates"}, {l.NoConsent, "without consent"}, {l.NoProduct, "without a product"}, {l.OtherTypes, "of other types"}, {l.Against, "against products"}, {l.BadTime, "before 1970"}} {
		if r.n > 0 {
			all = append(all, fmt.Sprintf("%d %s", r.n, r.what))
		}
	}
	if len(all) == 0 {
		return "import some with `weft import --kind events`"
	}
	return strings.Join(all, ", ")
}
