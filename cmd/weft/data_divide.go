package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/parts"
	"weft/behaviour/split"
)

// divider is one run of `weft data split`.
type divider struct {
	*stock
	cmd      *dataSplitCmd
	app      *app
	cfg      split.Config
	manifest *splitManifest
}

func (d *divider) divide(ctx context.Context) (*splitManifest, error) {
	if err := d.readConsent(ctx); err != nil {
		return nil, err
	}
	planner, err := split.NewPlanner(d.cfg)
	if err != nil {
		return nil, err
	}
	// Once to find the boundaries, once to write: rows are not held in between.
	if err := d.shoppers(ctx, "look", func(_ string, events []behaviour.Event) error {
		for i := range events {
			planner.Add(events[i].Time)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if d.manifest.read() == 0 {
		return nil, fmt.Errorf("%w: no event is left of %d: %s", split.ErrEmpty, d.manifest.Cleaning.Rows, d.manifest.why())
	}
	plan, err := planner.Plan()
	if err != nil {
		return nil, err
	}
	d.manifest.begin(plan)
	fit := clean.NewFit()
	out, err := newTables(d.cmd.Out)
	if err != nil {
		return nil, err
	}
	defer out.discard()
	if err := d.interactions(ctx, out, plan, fit); err != nil {
		return nil, err
	}
	for _, p := range d.manifest.Parts {
		if p.Rows == 0 {
			return nil, fmt.Errorf("%w: no row of %d went to %s: give more rows, other parts, or another rule", split.ErrEmpty, d.manifest.read(), p.Part)
		}
	}
	facts := d.manifest.factsFrom(plan)
	if facts.ValFrom != math.MaxInt64 {
		fit.Until(time.UnixMilli(facts.ValFrom))
	}
	if err := d.products(ctx, out, facts, fit); err != nil {
		return nil, err
	}
	if err := d.users(ctx, out, plan, facts, fit); err != nil {
		return nil, err
	}
	return d.manifest, out.publish(d.manifest)
}

// readConsent remembers whose consent differs from the default: of all users only
// these are held.
func (d *divider) readConsent(ctx context.Context) error {
	said := map[string]bool{} // otherwise than the default
	for u, err := range d.tables.Users.Scan(ctx) {
		if err != nil {
			return err
		}
		if u.Profiling != "" && (u.Profiling == "yes") != d.cmd.Consent {
			said[u.ID] = true
		}
	}
	d.manifest.agreed = func(user string) bool { return said[user] != d.cmd.Consent }
	return nil
}

// shoppers calls f with the events of each user that count, oldest first, and counts
// in the manifest what was left out. Each call counts afresh.
func (d *divider) shoppers(ctx context.Context, label string, f func(user string, events []behaviour.Event) error) error {
	bar := countBar(d.app.err, label, -1)
	defer func() { _ = bar.Finish() }()
	d.manifest.forget()
	return forEach(clean.Shoppers(d.tables.Events.Scan(ctx)), func(s *clean.Shopper) error {
		_ = bar.Add(s.Counts.Rows)
		if err := ctx.Err(); err != nil {
			return err
		}
		d.manifest.clean(s.Counts)
		if !d.manifest.agreed(s.User) {
			d.manifest.LeftOut.NoConsent += len(s.Events)
			return nil
		}
		kept := s.Events[:0]
		for i := range s.Events {
			if d.counts(&s.Events[i]) {
				kept = append(kept, s.Events[i])
			}
		}
		if len(kept) == 0 {
			return nil
		}
		d.manifest.rows += len(kept)
		return f(s.User, kept)
	})
}

// counts tells an event that is an interaction, and counts one that is not.
func (d *divider) counts(e *behaviour.Event) bool {
	out := &d.manifest.LeftOut
	switch {
	case e.Product == "":
		out.NoProduct++
	case len(d.cmd.Types) > 0 && !slices.Contains(d.cmd.Types, e.Type):
		out.OtherTypes++
	case parts.Weight(e.Type) <= 0:
		out.Against++
	case e.Time < earliestInteraction:
		out.BadTime++
	default:
		return true
	}
	return false
}

// earliestInteraction is a millisecond after 1970 began: a table's time 0 means none.
const earliestInteraction = 1

func (d *divider) interactions(ctx context.Context, out *splitTables, plan *split.Plan, fit *clean.Fit) error {
	w, err := newParquetTable[interactionRow](out, "interactions.parquet")
	if err != nil {
		return err
	}
	err = d.shoppers(ctx, "write", func(user string, events []behaviour.Event) error {
		where := plan.Cut(user, events)
		rows := make([]interactionRow, len(events))
		for i := range events {
			e := &events[i]
			rows[i] = interactionRow{User: user, Item: e.Product, Time: e.Time, Type: e.Type, Weight: parts.Weight(e.Type), Split: string(where[i]), Event: e.ID}
			d.manifest.add(where[i], e)
			if where[i] == split.Train {
				fit.Event(e)
			}
		}
		d.manifest.user(where)
		return w.write(rows)
	})
	return errors.Join(err, w.close(d.manifest))
}

// products writes what train may know, and apart from it what only later parts may:
// who reads a table whole must not read the future by it.
func (d *divider) products(ctx context.Context, out *splitTables, facts split.Facts, fit *clean.Fit) error {
	known, err := newParquetTable[factRow](out, "products.parquet")
	if err != nil {
		return err
	}
	later, err := newParquetTable[factRow](out, "products_later.parquet")
	if err != nil {
		return errors.Join(err, known.close(d.manifest))
	}
	bar := countBar(d.app.err, "products", -1)
	defer func() { _ = bar.Finish() }()
	err = forEach(d.stock.products(ctx), func(p *listed) error {
		_ = bar.Add(1)
		from, dated := facts.From(p.UpdatedAt)
		if !dated {
			d.manifest.Facts.Undated++
			if d.cmd.Undated == "drop" {
				return nil
			}
			from = split.Train
		}
		d.manifest.Facts.add(from)
		row, err := factOf(p, from)
		if err != nil {
			return err
		}
		if from != split.Train {
			return later.write([]factRow{row})
		}
		fit.Product(&p.Product)
		return known.write([]factRow{row})
	})
	return errors.Join(err, known.close(d.manifest), later.close(d.manifest))
}

// users writes what train's users have told before its end, and the statistics.
func (d *divider) users(ctx context.Context, out *splitTables, plan *split.Plan, facts split.Facts, fit *clean.Fit) error {
	// In time for train, and agreed to.
	told := func(u *behaviour.User) bool {
		switch {
		case !d.manifest.agreed(u.ID):
			return false
		case plan.Config.Rule == split.ByUser:
			return true
		case !clean.Dated(u):
			return d.cmd.Undated == "keep"
		}
		return u.Time < facts.ValFrom
	}
	// Users of val and test are for measuring: statistics do not know them.
	learnt := func(u *behaviour.User) bool {
		return plan.Config.Rule != split.ByUser || plan.Cut(u.ID, make([]behaviour.Event, 1))[0] == split.Train
	}
	unreadable := 0
	if err := forEach(d.tables.Users.Scan(ctx), func(u *behaviour.User) error {
		if told(u) && learnt(u) && fit.User(u) != nil {
			unreadable++
		}
		return nil
	}); err != nil {
		return err
	}
	d.manifest.Profiles.Unreadable = unreadable
	stats := fit.Statistics()
	body, err := stats.Encode()
	if err != nil {
		return err
	}
	if err := out.file("statistics.json", body, d.manifest); err != nil {
		return err
	}
	w, err := newProfiles(out, stats)
	if err != nil {
		return err
	}
	err = forEach(d.tables.Users.Scan(ctx), func(u *behaviour.User) error {
		if !told(u) {
			d.manifest.Profiles.LeftOut++
			return nil
		}
		if !clean.Dated(u) {
			d.manifest.Profiles.Undated++
		}
		values, err := stats.User(u)
		if err != nil {
			return nil //nolint:nilerror // counted above: who told nothing readable has told nothing
		}
		d.manifest.Profiles.Rows++
		return w.write(u.ID, values)
	})
	return errors.Join(err, w.close(d.manifest))
}
