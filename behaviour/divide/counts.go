package divide

import (
	"fmt"
	"strings"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/parts"
	"weft/behaviour/split"
)

// Counts says what became of the rows.
type Counts struct {
	ValFrom  *time.Time `json:"val_from,omitempty"` // first moment of val; by time only
	TestFrom *time.Time `json:"test_from,omitempty"`

	Parts    []*Part            `json:"parts"`
	Weights  map[string]float64 `json:"weights"` // of event types that are there
	Cleaning clean.Counts       `json:"cleaning"`
	LeftOut  LeftOut            `json:"left_out"`

	Facts    Facts    `json:"facts"`
	Profiles Profiles `json:"profiles"`

	rows int // interactions of the last reading
	of   map[split.Part]*Part
}

// Part is what one part holds.
type Part struct {
	Part  split.Part `json:"part"`
	Rows  int        `json:"rows"`
	Users int        `json:"users"`
	Items int        `json:"items"`
	From  time.Time  `json:"from"`  // oldest row
	Until time.Time  `json:"until"` // newest row
	items map[string]bool
}

// LeftOut counts cleaned events that are no interactions.
type LeftOut struct {
	NoConsent  int `json:"no_consent"`
	NoProduct  int `json:"no_product"`  // searches, follows
	OtherTypes int `json:"other_types"` // than those asked for
	Against    int `json:"against"`     // returns, dislikes
	BadTime    int `json:"bad_time"`    // before 1970
}

// Facts is what was done with product facts.
type Facts struct {
	Rule    string     `json:"rule"`
	Until   *time.Time `json:"until,omitempty"` // train knows facts stated before it
	Train   int        `json:"train"`
	Val     int        `json:"val"`
	Test    int        `json:"test"`
	Undated int        `json:"undated"`
}

func (f *Facts) add(from split.Part) {
	switch from {
	case split.Val:
		f.Val++
	case split.Test:
		f.Test++
	default:
		f.Train++
	}
}

// Profiles is what was done with what users have told.
type Profiles struct {
	Rows       int `json:"rows"`
	LeftOut    int `json:"left_out"` // no consent, or told after train's end
	Undated    int `json:"undated"`  // of Rows: nobody knows when they were told
	Unreadable int `json:"unreadable"`
}

// forget makes ready to count a reading.
func (c *Counts) forget() {
	c.Cleaning, c.LeftOut, c.rows = clean.Counts{}, LeftOut{}, 0
	c.Weights, c.of, c.Parts = map[string]float64{}, map[split.Part]*Part{}, nil
	for _, p := range split.Parts() {
		c.of[p] = &Part{Part: p, items: map[string]bool{}}
		c.Parts = append(c.Parts, c.of[p])
	}
}

func (c *Counts) clean(n clean.Counts) {
	t := &c.Cleaning
	t.Rows += n.Rows
	t.Deleted += n.Deleted
	t.Bot += n.Bot
	t.Rate += n.Rate
	t.Kept += n.Kept
	t.Repeats += n.Repeats
	t.Numbers += n.Numbers
}

func (c *Counts) add(part split.Part, e *behaviour.Event) {
	p := c.of[part]
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
	c.Weights[e.Type] = parts.Weight(e.Type)
}

// user counts a user in each part that has a row of theirs.
func (c *Counts) user(where []split.Part) {
	in := map[split.Part]bool{}
	for _, p := range where {
		if !in[p] {
			in[p] = true
			c.of[p].Users++
		}
	}
}

// why says what was left out, for a message.
func (c *Counts) why() string {
	l, n := c.LeftOut, c.Cleaning
	var all []string
	for _, r := range []struct {
		n    int
		what string
	}{{n.Bot, "of bots"}, {n.Rate, "at impossible rates"}, {l.NoConsent, "without consent"}, {l.NoProduct, "without a product"}, {l.OtherTypes, "of other types"}, {l.Against, "against products"}, {l.BadTime, "before 1970"}} {
		if r.n > 0 {
			all = append(all, fmt.Sprintf("%d %s", r.n, r.what))
		}
	}
	if len(all) == 0 {
		return "import some with `weft import --kind events`"
	}
	return strings.Join(all, ", ")
}
