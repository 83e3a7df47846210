package behaviour

import "weft/tasks"

// Outcome is where a row ended: in exactly one of five places.
type Outcome string

// The outcomes.
const (
	Accepted  Outcome = "accepted"  // stored
	Dead      Outcome = "dead"      // refused, with a reason; there is a dead letter
	Duplicate Outcome = "duplicate" // the same row was stored before
	Declined  Outcome = "declined"  // not wanted, with a reason
	Waiting   Outcome = "waiting"   // stored; the product that it names is not in the catalogue yet
)

// Why a row is declined.
const (
	DeclinedConsent = "no_consent" // the user has not agreed to a profile
	DeclinedOlder   = "older"      // a newer statement about the user is stored
)

// Counts says where rows ended. Rows is the sum of the others.
type Counts struct {
	Rows      int `json:"rows"`
	Accepted  int `json:"accepted"`
	Dead      int `json:"dead"`
	Duplicate int `json:"duplicate"`
	Declined  int `json:"declined"`
	Waiting   int `json:"waiting"`
}

// Add adds other.
func (c *Counts) Add(other Counts) {
	c.Rows += other.Rows
	c.Accepted += other.Accepted
	c.Dead += other.Dead
	c.Duplicate += other.Duplicate
	c.Declined += other.Declined
	c.Waiting += other.Waiting
}

func (c *Counts) count(o Outcome) {
	c.Rows++
	switch o {
	case Accepted:
		c.Accepted++
	case Dead:
		c.Dead++
	case Duplicate:
		c.Duplicate++
	case Declined:
		c.Declined++
	case Waiting:
		c.Waiting++
	}
}

// Result is what became of one row.
type Result struct {
	Line    int
	ID      string // of the row; "" where it has none
	Outcome Outcome
	Reason  string // of a dead row: a tasks.Reason; of a declined one: Declined…
	Message string // of a dead row: field, value and what to do
	For     string // of a waiting row: the product
}

// Report is what became of a batch.
type Report struct {
	Counts  Counts
	Steps   Tally
	Results []Result // one for each row, in order
}

func (r *Result) die(f *Fault) {
	r.Outcome, r.Reason, r.Message = Dead, string(f.Reason), f.Error()
}

// conflict is the fault of a row whose id is taken.
func conflict(id string) *Fault {
	return fault(tasks.ReasonIDConflict, "id", `"`+id+`"`, "another row of this id and user, with other content, was stored first and stays; give each row an id of its own")
}
