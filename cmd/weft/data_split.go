package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/parts"
	"weft/behaviour/split"
)

type dataSplitCmd struct {
	place
	Out       string   `help:"Folder to write; the tables in it are what train and evaluate read with --tables." required:"" type:"path" placeholder:"DIR"`
	By        string   `help:"time: one moment for all; user: whole users; leave-last: each user's last moments." enum:"time,user,leave-last" default:"time"`
	Train     float64  `help:"Part of rows (by time) or users (by user) to learn from." default:"0.8"`
	Val       float64  `help:"Part to choose on; the rest is test." default:"0.1"`
	Seed      uint64   `help:"Of the cut by user." default:"1"`
	Types     []string `help:"Only events of these types; default all that speak for a product." placeholder:"TYPE"`
	Consent   bool     `help:"Shoppers who said nothing of profiling have agreed." default:"true" negatable:""`
	Undated   string   `help:"Products and users that do not say when their facts were stated: keep (train may know them) or drop." enum:"keep,drop" default:"keep"`
	Overwrite bool     `help:"Replace the tables of an earlier split."`
	JSON      bool     `help:"Print the manifest as JSON."`
}

// Help is shown by --help.
func (dataSplitCmd) Help() string {
	return `Reads all events, cleans them as the worker does, cuts them, and writes

  interactions.parquet   user, item, time, type, weight, split, event
  products.parquet       item, facts, and in split the first part that may know them
  profiles.csv           what consenting users have told up to the end of train, cleaned, nothing filled in
  statistics.json        what train's values are normalised and filled with
  manifest.json          rule, boundaries, counts and digests; written last

Rows of one moment stay together and each row is in one part. Left out, and counted: bots and impossible rates, users
who refuse profiling, events without a product, and types that speak against one (returns, dislikes). The same rows,
rule and seed give the same tables.

Examples:
  weft data split --data shop --out tables
  weft data split --data shop --out tables --by leave-last --types purchase,cart
  weft train --tables tables --out model`
}

const manifestName = "manifest.json"

// Run cuts.
func (c *dataSplitCmd) Run(ctx context.Context, a *app) error {
	cfg := split.Config{Rule: split.Rule(c.By), Train: c.Train, Val: c.Val, Seed: c.Seed}
	if err := cfg.Validate(); err != nil {
		return usageError{err}
	}
	if _, err := os.Stat(filepath.Join(c.Out, "interactions.parquet")); err == nil && !c.Overwrite {
		return usagef("--out %s holds the tables of an earlier split: give another folder, or --overwrite", c.Out)
	}
	s, err := c.openStock(ctx, a)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	d := divider{stock: s, cmd: c, app: a, cfg: cfg, manifest: newSplitManifest(string(s.tenant), cfg)}
	m, err := d.divide(ctx)
	if err != nil {
		return fmt.Errorf("data split: %w", err)
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(m)
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "part\trows\tusers\titems\tfrom\tuntil\n")
	for _, p := range m.Parts {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\n", p.Part, p.Rows, p.Users, p.Items, p.From.Format(time.RFC3339), p.Until.Format(time.RFC3339))
	}
	return w.Flush()
}

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
	for u, err := range d.rows.Users.Scan(ctx) {
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
	return forEach(clean.Shoppers(d.rows.Events.Scan(ctx)), func(s *clean.Shopper) error {
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

func (d *divider) products(ctx context.Context, out *splitTables, facts split.Facts, fit *clean.Fit) error {
	w, err := newParquetTable[factRow](out, "products.parquet")
	if err != nil {
		return err
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
		if from == split.Train {
			fit.Product(&p.Product)
		}
		row, err := factOf(p, from)
		if err != nil {
			return err
		}
		return w.write([]factRow{row})
	})
	return errors.Join(err, w.close(d.manifest))
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
	if err := forEach(d.rows.Users.Scan(ctx), func(u *behaviour.User) error {
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
	err = forEach(d.rows.Users.Scan(ctx), func(u *behaviour.User) error {
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
