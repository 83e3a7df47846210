package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weft/scheduler"
	"weft/storage/vectors"
)

type rebuildCmd struct {
	place
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (rebuildCmd) Help() string {
	return `Fills an empty or half-lost Redis from the lake, encoding nothing: what is missing there, or older than in the
lake, is loaded; the rest is left alone, so it may be interrupted and started again, and run beside everything else.
With --data it fills the Redis of the process that runs there.

Where that Redis has the Query Engine and the vectors lie in its database 0, the products are indexed too (weft scheduler
keeps that index by itself), and the alias weft:<tenant>:products leads to it; see docs/reading/query-engine.md.

Examples:
  weft rebuild --objects 's3://shop?endpoint=localhost:9000' --vectors redis://localhost:6379/1
  weft rebuild --data shop --json`
}

type rebuildReport struct {
	Generation string `json:"generation"`
	scheduler.Repaired
	Index string  `json:"index,omitempty"` // its alias, where one is kept
	Took  float64 `json:"took_s"`
}

// Run is `weft rebuild`.
func (c *rebuildCmd) Run(ctx context.Context, a *app) error {
	began := time.Now()
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return err
	}
	defer cat.close(ctx)
	v, done, err := c.openVectors(ctx, cat)
	if errors.Is(err, errNoVectors) {
		return usageError{fmt.Errorf("%w: give --vectors redis://host:port/1, or --data of a directory where `weft up` runs (one that starts fills its Redis by itself)", err)}
	}
	if err != nil {
		return err
	}
	defer done()
	bar := countBar(a.err, "vectors", -1)
	r, err := scheduler.Rebuild(ctx, cat.lake, v, cat.generation, func(r scheduler.Repaired) { _ = bar.Set(r.Products + r.Users) })
	_ = bar.Clear()
	if err != nil {
		return fmt.Errorf("after %d products and %d users (%d loaded): %w; starting again goes on there", r.Products, r.Users, r.Reloaded, err)
	}
	percent := countBar(a.err, "% of the index", 100)
	index, err := buildIndex(ctx, v, func(share float64) { _ = percent.Set(int(100 * share)) })
	_ = percent.Clear()
	if err != nil {
		return fmt.Errorf("the vectors are there, their index is not: %w; starting again goes on there", err)
	}
	report := rebuildReport{string(cat.generation), r, index, time.Since(began).Seconds()}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(report)
	}
	if index != "" {
		defer func() { fmt.Fprintf(a.out, "indexed as %s\n", index) }()
	}
	_, err = fmt.Fprintf(a.out, "%d products and %d users compared, %d vectors loaded, %d removed, generation %s is live (%.1f s)\n", r.Products, r.Users, r.Reloaded, r.Removed, cat.generation, report.Took)
	return err
}

var errNoVectors = errors.New("no Redis is named")

// openVectors opens the vectors' Redis that the flags name, or that of the process
// that runs at --data; errNoVectors where there is neither.
func (p place) openVectors(ctx context.Context, cat *catalogue) (*vectors.Store, func(), error) {
	url := p.Vectors
	if info, ok := runningAt(p.Data); url == "" && p.Data != "" && ok {
		url = info.Redis
	}
	if url == "" {
		return nil, nil, errNoVectors
	}
	rdb, err := openRedis(ctx, "--vectors", url)
	if err != nil {
		return nil, nil, err
	}
	v, err := vectors.New(vectors.Config{Redis: rdb, Tenant: cat.tenant})
	if err != nil {
		_ = rdb.Close()
		return nil, nil, err
	}
	return v, func() { _ = rdb.Close() }, nil
}
