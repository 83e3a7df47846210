package scheduler

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"weft/storage/lake"
	"weft/tasks"
)

// Report is what one sweep found.
type Report struct {
	Objects  int           `json:"objects"`  // listed below media/
	Products int           `json:"products"` // with at least one photo or listing
	Current  int           `json:"current"`  // products whose vector is of these parts
	Embed    int           `json:"embed"`    // parts that were enqueued
	Fuse     int           `json:"fuse"`     // fusions that were enqueued
	Dead     int           `json:"dead"`     // objects given up at their present version
	Ignored  int           `json:"ignored"`  // objects that are not for weft, or whose dead letter was dropped
	Took     time.Duration `json:"took"`
}

// Sweep compares the bucket with the lake and enqueues what is missing or
// stale. It holds one product at a time.
func (s *Scheduler) Sweep(ctx context.Context) (Report, error) {
	start := time.Now()
	var r Report
	if err := s.Lake.Refresh(ctx); err != nil {
		return r, fmt.Errorf("sweep: %w", err)
	}
	in := openStreams(ctx, s.view())
	defer in.close()
	defer s.ahead.finish()
	var tidy tidying
	for {
		g, ok := in.next()
		if !ok {
			break
		}
		s.ahead.at(g.folder)
		if err := s.sweepGroup(ctx, g, &r, &tidy); err != nil {
			return r, fmt.Errorf("sweep: product folder %q: %w", g.folder, err)
		}
		if tidy.size() >= tidyBatch {
			if err := tidy.write(ctx, s.Lake); err != nil {
				return r, fmt.Errorf("sweep: %w", err)
			}
		}
	}
	if err := in.failed(); err != nil {
		return r, fmt.Errorf("sweep: %w", err)
	}
	if err := tidy.write(ctx, s.Lake); err != nil {
		return r, fmt.Errorf("sweep: %w", err)
	}
	r.Took = time.Since(start)
	return r, nil
}

func (s *Scheduler) sweepGroup(ctx context.Context, g group, r *Report, tidy *tidying) error {
	r.Objects += len(g.media) + len(g.refused) + g.ignored
	r.Ignored += g.ignored
	for _, ref := range g.refused {
		if ref.declined {
			r.Ignored++
		} else {
			r.Dead++
		}
	}
	tidy.add(g, s.Name)
	if g.product == "" || (len(g.media) == 0 && !g.known.vector) {
		return nil
	}
	step, err := plan(ctx, g.media, g.reviews.Parts(), g.known, s.encoded)
	if err != nil {
		return err
	}
	if len(g.media) > 0 {
		r.Products++
	}
	r.Dead += step.dead
	r.Ignored += step.declined
	if step.current() {
		r.Current++
		return nil
	}
	return s.issue(ctx, g.product, step, tasks.Bulk, r)
}

// issue enqueues what a product needs next.
func (s *Scheduler) issue(ctx context.Context, id tasks.ProductID, next step, lane tasks.Lane, r *Report) error {
	trace := newTrace()
	todo := next.embed
	if next.fuse {
		todo = []tasks.Task{{Type: tasks.ProductFuse, Product: id}}
	}
	for _, t := range todo {
		w := s.live
		if lane == tasks.Bulk {
			w = s.bulk
		}
		if err := w.room(ctx); err != nil {
			return err
		}
		if lane == tasks.Bulk {
			s.ahead.pass(t.Type)
		}
		t.Trace = trace
		s.issued.Add(1)
		queued, err := s.enqueue(ctx, t, lane)
		if err != nil {
			return err
		}
		switch {
		case !queued:
		case t.Type == tasks.ProductFuse:
			r.Fuse++
		default:
			r.Embed++
		}
	}
	return nil
}

// encoded asks the lake for a feature of the generation.
func (s *Scheduler) encoded(ctx context.Context, sha string, m tasks.Modality) (bool, error) {
	_, ok, err := s.Lake.Features.Get(ctx, lake.FeatureKey(sha, s.Recipes[m]))
	return ok, err
}

// newTrace is a correlation id: 8 random bytes in hex.
func newTrace() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
