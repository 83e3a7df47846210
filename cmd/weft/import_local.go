package main

import (
	"context"
	"fmt"

	"weft/behaviour"
	"weft/storage/lake"
	"weft/storage/objects"
)

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
