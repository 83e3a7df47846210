package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"weft/behaviour/divide"
	divided "weft/behaviour/divide/tables"
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
  products.parquet       item and its facts, as far as train may know them
  products_later.parquet facts that were stated later; split names the first part that may know them
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
	rows, products := countBar(a.err, "rows", -1), countBar(a.err, "products", -1)
	defer func() { _, _ = rows.Finish(), products.Finish() }()
	m, err := divided.Write(ctx, divided.Config{Dir: c.Out, Tenant: s.tenant, Bucket: s.bucket, Rows: s.tables, Product: func() { _ = products.Add(1) },
		Divide: divide.Config{Split: cfg, Types: c.Types, Consent: c.Consent, DropUndated: c.Undated == "drop", Read: func(n int) { _ = rows.Add(n) }}})
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
