package divide

import (
	"context"
	"fmt"
	"slices"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/parts"
	"weft/behaviour/split"
)

// Config says what to divide, and how.
type Config struct {
	Split   split.Config
	Types   []string // only events of these types; none means all that speak for a product
	Consent bool     // what users who said nothing of profiling are taken to have said
	// DropUndated: facts that do not say when they were stated count for nothing. Otherwise they count as always known.
	DropUndated bool
	// Read, if set, is told of rows as they are read.
	Read func(rows int)
}

// Division is a shop that is being divided. It counts what it does. It is for one goroutine.
type Division struct {
	Counts
	Plan *split.Plan

	cfg    Config
	tables *behaviour.Tables
	said   map[string]bool // users whose consent is other than the default
	facts  split.Facts
}

// New reads who has agreed, and all times to find the boundaries. split.ErrEmpty where there is nothing to divide.
func New(ctx context.Context, tables *behaviour.Tables, cfg Config) (*Division, error) {
	d := &Division{cfg: cfg, tables: tables, said: map[string]bool{}}
	planner, err := split.NewPlanner(cfg.Split)
	if err != nil {
		return nil, err
	}
	for u, err := range tables.Users.Scan(ctx) {
		if err != nil {
			return nil, err
		}
		if u.Profiling != "" && (u.Profiling == "yes") != cfg.Consent {
			d.said[u.ID] = true
		}
	}
	if err := d.shoppers(ctx, func(_ string, events []behaviour.Event) error {
		for i := range events {
			planner.Add(events[i].Time)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if d.rows == 0 {
		return nil, fmt.Errorf("%w: no event is left of %d: %s", split.ErrEmpty, d.Cleaning.Rows, d.why())
	}
	if d.Plan, err = planner.Plan(); err != nil {
		return nil, err
	}
	if cfg.Split.Rule == split.ByTime {
		val, test := time.UnixMilli(d.Plan.ValFrom).UTC(), time.UnixMilli(d.Plan.TestFrom).UTC()
		d.ValFrom, d.TestFrom = &val, &test
	}
	return d, nil
}

// Agreed tells whether a user lets us learn from what they do.
func (d *Division) Agreed(user string) bool { return d.said[user] != d.cfg.Consent }

// Interactions calls take with each user's events that count, oldest first, and the part of each. It reads all events,
// and afterwards facts can be asked for. A part without a row is split.ErrEmpty.
func (d *Division) Interactions(ctx context.Context, take func(user string, events []behaviour.Event, where []split.Part) error) error {
	if err := d.shoppers(ctx, func(user string, events []behaviour.Event) error {
		where := d.Plan.Cut(user, events)
		for i := range events {
			d.add(where[i], &events[i])
		}
		d.user(where)
		return take(user, events, where)
	}); err != nil {
		return err
	}
	for _, p := range d.Parts {
		if p.Rows == 0 {
			return fmt.Errorf("%w: no row of %d went to %s: give more rows, other parts, or another rule", split.ErrEmpty, d.rows, p.Part)
		}
	}
	d.boundFacts()
	return nil
}

// shoppers calls f with the events of each user that count, and counts what was left out. Each call counts afresh.
func (d *Division) shoppers(ctx context.Context, f func(user string, events []behaviour.Event) error) error {
	d.forget()
	for s, err := range clean.Shoppers(d.tables.Events.Scan(ctx)) {
		if err != nil {
			return err
		}
		if d.cfg.Read != nil {
			d.cfg.Read(s.Counts.Rows)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		d.clean(s.Counts)
		if !d.Agreed(s.User) {
			d.LeftOut.NoConsent += len(s.Events)
			continue
		}
		kept := s.Events[:0]
		for i := range s.Events {
			if d.counts(&s.Events[i]) {
				kept = append(kept, s.Events[i])
			}
		}
		if len(kept) == 0 {
			continue
		}
		d.rows += len(kept)
		if err := f(s.User, kept); err != nil {
			return err
		}
	}
	return nil
}

// earliest is a millisecond after 1970 began: a table's time 0 means none.
const earliest = 1

// counts tells an event that is an interaction, and counts one that is not.
func (d *Division) counts(e *behaviour.Event) bool {
	out := &d.LeftOut
	switch {
	case e.Product == "":
		out.NoProduct++
	case len(d.cfg.Types) > 0 && !slices.Contains(d.cfg.Types, e.Type):
		out.OtherTypes++
	case parts.Weight(e.Type) <= 0:
		out.Against++
	case e.Time < earliest:
		out.BadTime++
	default:
		return true
	}
	return false
}
