package learning

import (
	"context"
	"errors"
	"fmt"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/divide"
	"weft/behaviour/parts"
	"weft/behaviour/split"
	"weft/fusion/dataset"
	"weft/gather"
)

// Errors of this package, for errors.Is.
var (
	ErrConfig = errors.New("bad configuration of what to learn from")
	ErrEmpty  = errors.New("there is nothing to learn from")
)

// Config says what to learn from.
type Config struct {
	// Reader reads one tenant's shop, with Behaviour. It is only read, and not closed.
	Reader gather.Reader
	Split  split.Config // by time, or leave-last
	// AllFacts lets in listings that were stated after the train part: more to learn from, but figures of the later parts
	// may then owe something to the future.
	AllFacts bool
	// Watch, if set, is told that n more rows or products were read.
	Watch func(what string, n int)
}

// Assembled says what a shop came to, beside the data set's own report.
type Assembled struct {
	divide.Counts
	Products int `json:"products"` // of the catalogue
	Waiting  int `json:"waiting"`  // of them, with a photo or listing that has no feature yet: they take part without features
	Later    int `json:"later"`    // listings stated after the train part, which take no part
	Reviews  int `json:"reviews"`  // that take part
	Unread   int `json:"unread"`   // reviews without a feature
}

// Assemble reads a shop into the tables that training reads. Errors say what the shop lacks (ErrEmpty, split.ErrEmpty,
// dataset.ErrTable).
func Assemble(ctx context.Context, c Config) (*dataset.Dataset, dataset.Report, Assembled, error) {
	fail := func(err error) (*dataset.Dataset, dataset.Report, Assembled, error) {
		return nil, dataset.Report{}, Assembled{}, err
	}
	t := dataset.Tables{Split: dataset.ByTime}
	switch c.Split.Rule {
	case split.ByTime:
	case split.LeaveLast:
		t.Split = dataset.LeaveLast
	default:
		return fail(fmt.Errorf("%w: a catalogue is split by %s or %s, not by %s: whoever is asked about needs a history", ErrConfig, split.ByTime, split.LeaveLast, c.Split.Rule))
	}
	if c.Reader.Behaviour == nil {
		return fail(fmt.Errorf("%w: the reader reads no behaviour", ErrConfig))
	}
	catalogue, err := readMedia(ctx, &c.Reader)
	if err != nil {
		return fail(err)
	}
	if len(catalogue) == 0 {
		return fail(fmt.Errorf("%w: the catalogue has no product: import photos or listings with `weft import`, and run `weft up` over them", ErrEmpty))
	}
	division, err := divide.New(ctx, c.Reader.Behaviour, divide.Config{Split: c.Split, Consent: c.Reader.Consent, Read: c.count("rows")})
	if err != nil {
		return fail(err)
	}
	if err := interactions(ctx, division, &t); err != nil {
		return fail(err)
	}
	a := Assembled{Products: len(catalogue)}
	if err := c.features(ctx, catalogue, division, &a, &t); err != nil {
		return fail(err)
	}
	if err := profiles(ctx, division, &t); err != nil {
		return fail(err)
	}
	a.Counts = division.Counts
	d, report, err := dataset.From(t)
	if err != nil {
		return fail(err)
	}
	report.Warnings = append(a.warnings(), report.Warnings...)
	return d, report, a, nil
}

func (c *Config) count(what string) func(int) {
	if c.Watch == nil {
		return nil
	}
	return func(n int) { c.Watch(what, n) }
}

// interactions fills in the rows and where the parts begin.
func interactions(ctx context.Context, d *divide.Division, t *dataset.Tables) error {
	if d.ValFrom != nil {
		t.ValFrom, t.TestFrom = d.ValFrom.UnixMilli(), d.TestFrom.UnixMilli()
	}
	bought := map[split.Part]int{}
	err := d.Interactions(ctx, func(user string, events []behaviour.Event, where []split.Part) error {
		for i := range events {
			e := &events[i]
			seen := e.Type != behaviour.Purchase
			if !seen {
				bought[where[i]]++
			}
			t.Rows = append(t.Rows, dataset.NamedRow{User: user, Item: e.Product, Time: e.Time, Part: string(where[i]), Weight: float32(parts.Weight(e.Type)), Seen: seen})
		}
		return nil
	})
	if err != nil {
		return err
	}
	all := 0
	for _, p := range split.Parts() {
		all += bought[p]
	}
	if min(bought[split.Train], bought[split.Val], bought[split.Test]) >= leastBought && all < len(t.Rows) {
		t.Full = float32(parts.Full())
		return nil
	}
	for i := range t.Rows { // too little was bought, or nothing else was done: all that was done first is asked for
		t.Rows[i].Seen = false
	}
	return nil
}

// leastBought is how many purchases each part must hold for them to be what is asked for: what was bought stays out of lists,
// what was only looked at may come again.
const leastBought = 50

// profiles fills in what users have told before train's end and agreed to; statistics of train clean it.
func profiles(ctx context.Context, d *divide.Division, t *dataset.Tables) error {
	fit := clean.NewFit()
	if err := d.Fit(ctx, fit); err != nil {
		return err
	}
	stats := fit.Statistics()
	t.Attributes, t.Profiles = divide.Attributes(stats), map[string][]string{}
	err := d.Told(ctx, stats, func(user string, values clean.UserValues) error {
		t.Profiles[user] = divide.Cells(stats, t.Attributes, values)
		return nil
	})
	t.Declined = d.Profiles.LeftOut
	return err
}

func (a *Assembled) warnings() (all []string) {
	note := func(n int, format string, args ...any) {
		if n > 0 {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	note(a.Waiting, "%d of %d products wait for features and take part without: run `weft up`, or workers, over the catalogue", a.Waiting, a.Products)
	note(a.Later, "%d of %d listings were stated after the train part (%s): what they say is left out but of content; --facts all lets them in", a.Later, a.Later+a.Facts.Train, a.Facts.Rule)
	note(a.Unread, "%d reviews have no feature yet and take no part", a.Unread)
	return all
}
