package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weft/storage/reports"
)

type reportsCmd struct {
	List reportsListCmd `cmd:"" default:"withargs" help:"List the pages that are kept."`
	Add  reportsAddCmd  `cmd:"" help:"Keep an HTML page that a command has written."`
}

// Help is shown by --help.
func (reportsCmd) Help() string {
	return `Pages lie in the bucket, at <tenant>/lake/v1/reports/, and the console shows them to whoever may read the tenant.
'weft data report --publish' puts its page there at once.

Examples:
  weft evaluate --tables tables --model model --report evaluation.html && weft reports add --kind evaluation evaluation.html --data shop
  weft reports list --data shop --json`
}

type reportsListCmd struct {
	place
	JSON bool `help:"Print JSON."`
}

// keptReport is a report as it is printed.
type keptReport struct {
	Name    string    `json:"name"`
	Kind    string    `json:"kind"`
	Bytes   int64     `json:"bytes"`
	Written time.Time `json:"written"`
}

// mostReports bounds the list.
const mostReports = 10_000

// Run lists, the newest first.
func (c *reportsListCmd) Run(ctx context.Context, a *app) error {
	bucket, _, err := c.openTenant(ctx)
	if err != nil {
		return err
	}
	found, err := reports.List(ctx, bucket, mostReports)
	if err != nil {
		return err
	}
	list := []keptReport{}
	for _, r := range found {
		list = append(list, keptReport(r))
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(list)
	}
	for _, r := range list {
		fmt.Fprintf(a.out, "%s  %10d bytes  %s\n", r.Written.Format(time.RFC3339), r.Bytes, r.Name)
	}
	return nil
}

type reportsAddCmd struct {
	place
	Kind string `help:"What it is about: data, training, evaluation or profile." enum:"data,training,evaluation,profile" default:"evaluation"`
	Page string `arg:"" help:"HTML file; its name becomes part of the report's." type:"existingfile"`
}

// Run keeps a page.
func (c *reportsAddCmd) Run(ctx context.Context, a *app) error {
	bucket, _, err := c.openTenant(ctx)
	if err != nil {
		return err
	}
	page, err := os.ReadFile(c.Page)
	if err != nil {
		return err
	}
	word := strings.TrimSuffix(filepath.Base(c.Page), filepath.Ext(c.Page))
	if word == c.Kind {
		word = ""
	}
	kept, err := reports.Put(ctx, bucket, c.Kind, word, page, time.Now())
	if err != nil {
		return fmt.Errorf("%s: %w", c.Page, err)
	}
	_, err = fmt.Fprintln(a.out, kept.Name)
	return err
}
