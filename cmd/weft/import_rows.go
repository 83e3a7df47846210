package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"weft/behaviour"
	"weft/behaviour/files"
	"weft/client"
)

// taker is where rows go: the bucket, or a running server.
type taker interface {
	take(ctx context.Context, b behaviour.Batch) (taken, error)
	close() // commits what is gathered; called once
}

// taken is what became of a batch.
type taken struct {
	counts behaviour.Counts
	steps  []behaviour.StepCount
	dead   []string // messages, some of them
}

// rows imports events, reviews or users.
func (c *importCmd) rows(ctx context.Context, a *app, k behaviour.Kind, read files.Mapping) (counts importCounts, err error) {
	to, err := c.taker(ctx, a)
	if err != nil {
		return counts, err
	}
	defer to.close()
	bar := countBar(a.err, string(k), -1)
	defer func() { _ = bar.Finish() }()
	for _, path := range c.From {
		n, err := importFile(ctx, a, to, k, read, path, func() { _ = bar.Add(1) })
		counts.Add(n)
		if err != nil {
			return counts, err
		}
	}
	return counts, nil
}

// taker opens what the flags name: --to, the process that runs at --data, or the bucket.
func (c *importCmd) taker(ctx context.Context, a *app) (taker, error) {
	if c.To != "" && (c.Data != "" || c.Objects != "") {
		return nil, usagef("--to excludes --data and --objects: give one of them")
	}
	url, token := c.To, c.Token
	if info, running := runningAt(c.Data); url == "" && c.Data != "" && running {
		url, token = "http://"+info.HTTP, first(token, info.Token)
	}
	if url != "" {
		api, err := client.New(client.Config{URL: url, Tenant: c.Tenant, Token: token, Attempts: 20})
		if err != nil {
			return nil, usageError{err}
		}
		return remote{api}, nil
	}
	if err := c.makeBucket(); err != nil {
		return nil, err
	}
	bucket, _, err := c.openTenant(ctx)
	if err != nil {
		return nil, err
	}
	return openCollector(ctx, a, bucket)
}

// importFile takes the rows of one file in, batch by batch, and reports.
func importFile(ctx context.Context, a *app, to taker, k behaviour.Kind, read files.Mapping, path string, tick func()) (counts importCounts, err error) {
	began := time.Now()
	file, err := files.Open(path, k, read)
	if err != nil {
		return counts, mistaken(err)
	}
	defer func() { _ = file.Close() }()
	b := file.Batch
	var steps []behaviour.StepCount
	told := 0
	for rows, err := range file.Batches(ctx) {
		if err != nil {
			return counts, fmt.Errorf("%s: %w", path, err)
		}
		b.Rows = rows
		done, err := to.take(ctx, b)
		if err != nil {
			return counts, fmt.Errorf("%s, after %d rows: %w; repeat the import to finish it", path, counts.Rows, err)
		}
		counts.Add(done.counts)
		steps = addSteps(steps, done.steps)
		for _, message := range done.dead {
			if told++; told <= maxTold {
				a.log.Warn("refused", "file", path, "row", message)
			}
		}
		for range rows {
			tick()
		}
	}
	if err := ctx.Err(); err != nil {
		return counts, fmt.Errorf("%s, after %d rows: %w; repeat the import to finish it", path, counts.Rows, err)
	}
	tellSteps(a.err, path, counts, steps, time.Since(began))
	return counts, nil
}

// maxTold is how many refused rows of a file are told one by one.
const maxTold = 10

func addSteps(all, more []behaviour.StepCount) []behaviour.StepCount {
	if all == nil {
		return append(all, more...)
	}
	for i := range min(len(all), len(more)) {
		all[i].Reached += more[i].Reached
		all[i].Changed += more[i].Changed
		all[i].Refused += more[i].Refused
	}
	return all
}

func tellSteps(w io.Writer, path string, n importCounts, steps []behaviour.StepCount, took time.Duration) {
	fmt.Fprintf(w, "%s: %d rows in %.1f s, %.0f rows/s\n", path, n.Rows, took.Seconds(), float64(n.Rows)/max(took.Seconds(), 1e-6))
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "  step\treached\tchanged\trefused\t")
	for _, s := range steps {
		fmt.Fprintf(t, "  %s\t%d\t%d\t%d\t\n", s.Step, s.Reached, s.Changed, s.Refused)
	}
	_ = t.Flush()
}
