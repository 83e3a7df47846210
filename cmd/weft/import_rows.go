package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"weft/behaviour"
	"weft/client"
	"weft/storage/lake"
	"weft/storage/objects"
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
func (c *importCmd) rows(ctx context.Context, a *app, k behaviour.Kind, read mapping) (counts importCounts, err error) {
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
func importFile(ctx context.Context, a *app, to taker, k behaviour.Kind, read mapping, path string, tick func()) (counts importCounts, err error) {
	began := time.Now()
	b, reader, err := openRows(path, k, read)
	if err != nil {
		return counts, err
	}
	defer func() { _ = reader.close() }()
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var steps []behaviour.StepCount
	told := 0
	for batch := range readAhead(reading, reader) {
		if batch.err != nil {
			return counts, fmt.Errorf("%s: %w", path, batch.err)
		}
		b.Rows = batch.rows
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
		for range batch.rows {
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

// rowReader yields rows in batches, io.EOF after the last.
type rowReader interface {
	next() ([]behaviour.RawRow, error)
	close() error
}

// openRows opens a file by its form, and says where its rows are from.
func openRows(path string, k behaviour.Kind, read mapping) (behaviour.Batch, rowReader, error) {
	b := behaviour.Batch{Kind: k, Source: filepath.Base(path)}
	f, err := os.Open(path)
	if err != nil {
		return b, nil, err
	}
	reader, err := func() (rowReader, error) {
		st, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if st.IsDir() {
			return nil, usagef("%s is a folder: name the files of --kind %s", path, k)
		}
		b.At = st.ModTime()
		if b.File, err = behaviour.FileDigest(f); err != nil {
			return nil, err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		form := formatOf(path)
		if form == parquetFile {
			return openParquet(f, st.Size(), read)
		}
		content, err := behaviour.Unpack(f, behaviour.MaxFileBytes)
		if err != nil {
			return nil, err
		}
		switch form {
		case csvFile:
			return openCSV(content, f, read)
		case jsonLines:
			if read.given {
				return nil, usagef("--column, --type, --time-format and --zone are for CSV and Parquet: the rows of %s have names", path)
			}
			return lineFile{behaviour.NewLines(content, k, 1), f}, nil
		}
		return nil, usagef("%s: want .jsonl, .csv (.gz too) or .parquet for --kind %s", path, k)
	}()
	if err != nil {
		_ = f.Close()
		return b, nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, reader, nil
}

type lineFile struct {
	*behaviour.Lines
	file io.Closer
}

func (l lineFile) next() ([]behaviour.RawRow, error) { return l.Next() }
func (l lineFile) close() error                      { return l.file.Close() }

type readBatch struct {
	rows []behaviour.RawRow
	err  error
}

// readAhead reads the next batch while the last is taken in. The channel is closed
// at the end, after an error, and when ctx ends.
func readAhead(ctx context.Context, r rowReader) <-chan readBatch {
	out := make(chan readBatch, 1)
	go func() {
		defer close(out)
		for ctx.Err() == nil {
			rows, err := r.next()
			if errors.Is(err, io.EOF) {
				return
			}
			select {
			case out <- readBatch{rows, err}:
			case <-ctx.Done():
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// local takes rows straight into the bucket.
type local struct {
	lake      *lake.Lake
	collector *behaviour.Collector
	stop      func()
}

// openCollector opens the lake of a bucket to write.
func openCollector(ctx context.Context, a *app, bucket objects.Store) (*local, error) {
	l, err := lake.Open(ctx, lake.Config{Store: bucket, Writer: "import", Log: a.log})
	if err != nil {
		return nil, err
	}
	tables, err := behaviour.Open(ctx, l)
	if err != nil {
		return nil, err
	}
	c, err := behaviour.NewCollector(behaviour.Config{Objects: bucket, Lake: l, Tables: tables, Consent: profilingByDefault, Name: "import"})
	if err != nil {
		return nil, err
	}
	merging, stop := context.WithCancel(ctx)
	merged := make(chan struct{})
	go func() { // what a long import writes is many small segments
		defer close(merged)
		_ = l.Maintain(merging, compactEvery)
	}()
	return &local{lake: l, collector: c, stop: func() {
		stop()
		<-merged
		if err := l.Close(context.WithoutCancel(ctx)); err != nil {
			a.log.Error("closing the lake", "error", err)
		}
	}}, nil
}

func (l *local) close() { l.stop() }

func (l *local) take(ctx context.Context, b behaviour.Batch) (taken, error) {
	r, err := l.collector.Accept(ctx, b)
	done := taken{counts: r.Counts, steps: r.Steps.Counts()}
	for _, row := range r.Results {
		if row.Outcome == behaviour.Dead && len(done.dead) < maxTold {
			done.dead = append(done.dead, fmt.Sprintf("%d: %s: %s", row.Line, row.Reason, row.Message))
		}
	}
	return done, err
}
