package main

import (
	"context"
	"errors"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/divide"
	"weft/behaviour/listings"
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
	bar := countBar(d.app.err, "rows", -1)
	defer func() { _ = bar.Finish() }()
	division, err := divide.New(ctx, d.tables, divide.Config{Split: d.cfg, Types: d.cmd.Types, Consent: d.cmd.Consent, DropUndated: d.cmd.Undated == "drop",
		Read: func(rows int) { _ = bar.Add(rows) }})
	if err != nil {
		return nil, err
	}
	fit := clean.NewFit()
	out, err := newTables(d.cmd.Out)
	if err != nil {
		return nil, err
	}
	defer out.discard()
	if err := d.interactions(ctx, out, division, fit); err != nil {
		return nil, err
	}
	if err := d.products(ctx, out, division, fit); err != nil {
		return nil, err
	}
	if err := d.users(ctx, out, division, fit); err != nil {
		return nil, err
	}
	d.manifest.Counts = division.Counts
	return d.manifest, out.publish(d.manifest)
}

func (d *divider) interactions(ctx context.Context, out *splitTables, division *divide.Division, fit *clean.Fit) error {
	w, err := newParquetTable[interactionRow](out, "interactions.parquet")
	if err != nil {
		return err
	}
	err = division.Interactions(ctx, func(user string, events []behaviour.Event, where []split.Part) error {
		rows := make([]interactionRow, len(events))
		for i := range events {
			e := &events[i]
			rows[i] = interactionRow{User: user, Item: e.Product, Time: e.Time, Type: e.Type, Weight: parts.Weight(e.Type), Split: string(where[i]), Event: e.ID}
			if where[i] == split.Train {
				fit.Event(e)
			}
		}
		return w.write(rows)
	})
	return errors.Join(err, w.close(d.manifest))
}

// products writes what train may know, and apart from it what only later parts may:
// who reads a table whole must not read the future by it.
func (d *divider) products(ctx context.Context, out *splitTables, division *divide.Division, fit *clean.Fit) error {
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
	err = forEach(listings.All(ctx, d.bucket), func(p *listings.Product) error {
		_ = bar.Add(1)
		from, ok := division.Fact(p.UpdatedAt)
		if !ok {
			return nil
		}
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
func (d *divider) users(ctx context.Context, out *splitTables, division *divide.Division, fit *clean.Fit) error {
	if err := division.Fit(ctx, fit); err != nil {
		return err
	}
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
	return errors.Join(division.Told(ctx, stats, w.write), w.close(d.manifest))
}
