package divide

import (
	"context"
	"math"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/split"
)

// boundFacts says from which moment on facts are of the future.
func (d *Division) boundFacts() {
	d.facts = split.Facts{ValFrom: math.MaxInt64, TestFrom: math.MaxInt64}
	switch d.Plan.Config.Rule {
	case split.ByUser:
		d.Facts.Rule = "Parts are users and have no order in time: train may know every fact."
		return
	case split.LeaveLast:
		d.Facts.Rule = "Facts stated after the newest row of train are not train's; those without a date count as always known, unless they were dropped."
		d.facts.ValFrom = d.of[split.Train].Until.UnixMilli() + 1
		d.facts.TestFrom = max(d.facts.ValFrom, d.of[split.Val].Until.UnixMilli()+1)
	default:
		d.Facts.Rule = "Facts stated at or after the first moment of val are not train's; those without a date count as always known, unless they were dropped."
		d.facts.ValFrom, d.facts.TestFrom = d.Plan.ValFrom, d.Plan.TestFrom
	}
	until := time.UnixMilli(d.facts.ValFrom).UTC()
	d.Facts.Until = &until
}

// Fact is the first part that may know what a product's listing says, by when it was stated, and counts it. known is
// false for a listing without a date where such are dropped. Interactions must have been read.
func (d *Division) Fact(at time.Time) (from split.Part, known bool) {
	from, dated := d.facts.From(at)
	if !dated {
		d.Facts.Undated++
		if d.cfg.DropUndated {
			return "", false
		}
		from = split.Train
	}
	d.Facts.add(from)
	return from, true
}

// Until is the moment (Unix ms) from which on what is stated or written is not train's; math.MaxInt64: never.
func (d *Division) Until() int64 { return d.facts.ValFrom }

// told tells whether train may know what a user said: in time, and agreed to.
func (d *Division) told(u *behaviour.User) bool {
	switch {
	case !d.Agreed(u.ID):
		return false
	case d.Plan.Config.Rule == split.ByUser:
		return true
	case !clean.Dated(u):
		return !d.cfg.DropUndated
	}
	return u.Time < d.facts.ValFrom
}

// Fit takes what train's users have told into statistics. Users of val and test are for measuring: statistics do not
// know them.
func (d *Division) Fit(ctx context.Context, fit *clean.Fit) error {
	learnt := func(u *behaviour.User) bool {
		return d.Plan.Config.Rule != split.ByUser || d.Plan.Cut(u.ID, make([]behaviour.Event, 1))[0] == split.Train
	}
	if d.facts.ValFrom != math.MaxInt64 {
		fit.Until(time.UnixMilli(d.facts.ValFrom))
	}
	for u, err := range d.tables.Users.Scan(ctx) {
		if err != nil {
			return err
		}
		if d.told(&u) && learnt(&u) && fit.User(&u) != nil {
			d.Profiles.Unreadable++
		}
	}
	return nil
}

// Told calls take with what each user has told before train's end, cleaned by the statistics.
func (d *Division) Told(ctx context.Context, stats *clean.Statistics, take func(user string, values clean.UserValues) error) error {
	for u, err := range d.tables.Users.Scan(ctx) {
		if err != nil {
			return err
		}
		if !d.told(&u) {
			d.Profiles.LeftOut++
			continue
		}
		if !clean.Dated(&u) {
			d.Profiles.Undated++
		}
		values, err := stats.User(&u)
		if err != nil {
			continue // counted by Fit: who told nothing readable has told nothing
		}
		d.Profiles.Rows++
		if err := take(u.ID, values); err != nil {
			return err
		}
	}
	return nil
}
