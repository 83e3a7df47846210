package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/listings"
	"weft/behaviour/report"
	"weft/storage/reports"
)

type dataReportCmd struct {
	place
	Out     string `help:"HTML file to write; default data-report.html, and none with --json." type:"path" placeholder:"FILE"`
	JSON    bool   `help:"Print the figures as JSON."`
	Publish bool   `help:"Also keep the page in the bucket, where the console shows it."`
}

// Help is shown by --help.
func (dataReportCmd) Help() string {
	return `One HTML file that needs nothing else: how many rows there are, what each step of cleaning finds, and how rows over
time, shoppers, prices, ratings and attributes look before and after it. Nothing in the bucket is changed.

Examples:
  weft data report --data shop
  weft data report --objects 's3://shop?endpoint=localhost:9000' --out shop.html
  weft data report --data shop --publish
  weft data report --data shop --json`
}

// Run surveys and draws.
func (c *dataReportCmd) Run(ctx context.Context, a *app) error {
	s, err := c.openStock(ctx, a)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	out := c.Out
	if out == "" && !c.JSON && !c.Publish {
		out = "data-report.html"
	}
	survey, unreadable, err := s.survey(ctx, a)
	if err != nil {
		return fmt.Errorf("data report: %w", err)
	}
	if out != "" || c.Publish {
		page, err := report.Draw(report.Data{Survey: survey, Tenant: string(s.tenant), Unreadable: unreadable, Version: version})
		if err == nil && out != "" {
			if err = os.MkdirAll(filepath.Dir(out), 0o755); err == nil {
				err = writeWhole(out, page)
			}
		}
		if err != nil {
			return err
		}
		if out != "" {
			fmt.Fprintln(a.err, "written:", out)
		}
		if c.Publish {
			kept, err := reports.Put(ctx, s.bucket, "data", "", page, time.Now())
			if err != nil {
				return err
			}
			fmt.Fprintln(a.err, "published:", kept.Name)
		}
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(survey)
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "step\ttable\tgiven\tfound\t\n")
	for _, st := range survey.Steps {
		fmt.Fprintf(w, "%s\t%s\t%d %s\t%d\t%s\n", st.Name, st.Table, st.Given, st.Unit, st.Found, st.Effect)
	}
	return w.Flush()
}

// survey reads the catalogue and every row once.
func (s *stock) survey(ctx context.Context, a *app) (_ *clean.Survey, unreadable int, err error) {
	var bar *progressbar.ProgressBar
	next := func(label string) {
		if bar != nil {
			_ = bar.Finish()
		}
		bar = countBar(a.err, label, -1)
	}
	next("products")
	defer func() { _ = bar.Finish() }()
	known := map[string]bool{}
	v := clean.NewSurveyor(func(id string) bool { return known[id] })
	if err := forEach(listings.All(ctx, s.bucket), func(p *listings.Product) error {
		_ = bar.Add(1)
		known[p.ID] = true
		if p.Unreadable != nil {
			unreadable++
		}
		v.Product(&p.Product)
		return nil
	}); err != nil {
		return nil, 0, err
	}
	next("events")
	seen := func(yield func(behaviour.Event, error) bool) {
		for e, err := range s.tables.Events.Scan(ctx) {
			if err == nil {
				v.Seen(&e)
				_ = bar.Add(1)
			}
			if !yield(e, err) {
				return
			}
		}
	}
	if err := forEach(clean.Shoppers(seen), func(u *clean.Shopper) error { v.Shopper(u); return nil }); err != nil {
		return nil, 0, err
	}
	next("reviews")
	if err := forEach(s.tables.Reviews.Scan(ctx), func(r *behaviour.Review) error { _ = bar.Add(1); v.Review(r); return nil }); err != nil {
		return nil, 0, err
	}
	next("users")
	if err := forEach(s.tables.Users.Scan(ctx), func(u *behaviour.User) error { _ = bar.Add(1); v.User(u); return nil }); err != nil {
		return nil, 0, err
	}
	return v.Survey(), unreadable, nil
}
