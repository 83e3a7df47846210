package behaviour

// Step is one thing that is done with every row on its way in, in the order below.
// A row that a step refuses does not reach the next.
type Step int

// The steps of collecting, all of them.
const (
	StepSize     Step = iota // at most MaxRowBytes; a longer row is refused unread
	StepJSON                 // a JSON object
	StepSchema               // fields that are needed are there, and all are of their types
	StepID                   // ids are of the alphabet; rows without one get it from file and line, or from their content
	StepTime                 // between EarliestTime and MaxAhead from now; imputed where there is none
	StepRange                // numbers within their bounds; a purchase of negative value is a return
	StepText                 // NFC, no control characters, cut to length; names of known event types in lower case
	StepIdentity             // the same row again is a duplicate, another row of the same id a conflict
	StepConsent              // what a shopper has not agreed to is declined
	StepCatalog              // a product that is not in the catalogue: the row is stored and waits
	stepCount    = iota
)

// Steps lists them in order.
func Steps() []Step {
	all := make([]Step, stepCount)
	for i := range all {
		all[i] = Step(i)
	}
	return all
}

// String is the step's name in reports and metrics.
func (s Step) String() string {
	return [...]string{"size", "json", "schema", "id", "time", "range", "text", "identity", "consent", "catalogue"}[s]
}

// StepCount is what a step did: Reached = Refused + those that went on, of which
// Changed were altered or, by the catalogue step, set to wait.
type StepCount struct {
	Step    string `json:"step"`
	Reached int    `json:"reached"`
	Changed int    `json:"changed"`
	Refused int    `json:"refused"`
}

// Tally counts what the steps did with rows. The zero Tally is ready.
type Tally struct {
	Rows    int
	changed [stepCount]int
	refused [stepCount]int
}

func (t *Tally) change(s Step) { t.changed[s]++ }
func (t *Tally) refuse(s Step) { t.refused[s]++ }

// Add adds what another Tally has counted.
func (t *Tally) Add(other Tally) {
	t.Rows += other.Rows
	for s := range stepCount {
		t.changed[s] += other.changed[s]
		t.refused[s] += other.refused[s]
	}
}

// Counts lists the steps in order.
func (t *Tally) Counts() []StepCount {
	all := make([]StepCount, 0, stepCount)
	reached := t.Rows
	for _, s := range Steps() {
		all = append(all, StepCount{Step: s.String(), Reached: reached, Changed: t.changed[s], Refused: t.refused[s]})
		reached -= t.refused[s]
	}
	return all
}
