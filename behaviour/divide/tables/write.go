package tables

import (
	"context"
	"errors"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/divide"
	"weft/behaviour/listings"
	"weft/behaviour/parts"
	"weft/behaviour/split"
	"weft/storage/objects"
	"weft/tasks"
)

// Config says what to write where.
type Config struct {
	Dir     string // made if it is not there; tables of an earlier division in it are replaced
	Tenant  tasks.Tenant
	Bucket  objects.Store // the tenant's, for its listings
	Rows    *behaviour.Tables
	Divide  divide.Config
	Product func() // if set, is told of products as they are read
}

// Write divides a shop's rows and writes them as tables. Nothing is in Dir before all is written. split.ErrEmpty where
// there is nothing to divide.
func Write(ctx context.Context, cfg Config) (*Manifest, error) {
	division, err := divide.New(ctx, cfg.Rows, cfg.Divide)
	if err != nil {
		return nil, err
	}
	out, err := newFolder(cfg.Dir)
	if err != nil {
		return nil, err
	}
	defer out.discard()
	w := writer{Config: cfg, out: out, division: division, fit: clean.NewFit(), manifest: newManifest(cfg.Tenant, cfg.Divide.Split)}
	for _, step := range []func(context.Context) error{w.interactions, w.products, w.users} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	w.manifest.Counts = division.Counts
	return w.manifest, out.publish(w.manifest)
}

// writer is one call of Write.
type writer struct {
	Config
	out      *folder
	division *divide.Division
	fit      *clean.Fit // of the train part
	manifest *Manifest
}

func (w *writer) interactions(ctx context.Context) error {
	table, err := newParquetTable[Interaction](w.out, "interactions.parquet")
	if err != nil {
		return err
	}
	err = w.division.Interactions(ctx, func(user string, events []behaviour.Event, where []split.Part) error {
		rows := make([]Interaction, len(events))
		for i := range events {
			e := &events[i]
			rows[i] = Interaction{User: user, Item: e.Product, Time: e.Time, Type: e.Type, Weight: parts.Weight(e.Type), Split: string(where[i]), Event: e.ID}
			if where[i] == split.Train {
				w.fit.Event(e)
			}
		}
		return table.write(rows)
	})
	return errors.Join(err, table.close(w.manifest))
}

// products writes what train may know, and apart from it what only later parts may:
// who reads a table whole must not read the future by it.
func (w *writer) products(ctx context.Context) error {
	known, err := newParquetTable[Fact](w.out, "products.parquet")
	if err != nil {
		return err
	}
	later, err := newParquetTable[Fact](w.out, "products_later.parquet")
	if err != nil {
		return errors.Join(err, known.close(w.manifest))
	}
	product := func(p *listings.Product) error {
		from, ok := w.division.Fact(p.UpdatedAt)
		if !ok {
			return nil
		}
		row, err := factOf(p, from)
		if err != nil {
			return err
		}
		if from != split.Train {
			return later.write([]Fact{row})
		}
		w.fit.Product(&p.Product)
		return known.write([]Fact{row})
	}
	for p, e := range listings.All(ctx, w.Bucket) {
		if w.Product != nil {
			w.Product()
		}
		if err = e; err == nil {
			err = product(&p)
		}
		if err != nil {
			break
		}
	}
	return errors.Join(err, known.close(w.manifest), later.close(w.manifest))
}

// users writes what train's users have told before its end, and the statistics.
func (w *writer) users(ctx context.Context) error {
	if err := w.division.Fit(ctx, w.fit); err != nil {
		return err
	}
	stats := w.fit.Statistics()
	body, err := stats.Encode()
	if err != nil {
		return err
	}
	if err := w.out.file("statistics.json", body, w.manifest); err != nil {
		return err
	}
	table, err := newProfiles(w.out, stats)
	if err != nil {
		return err
	}
	return errors.Join(w.division.Told(ctx, stats, table.write), table.close(w.manifest))
}
