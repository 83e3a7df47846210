package worker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"weft/storage/lake"
	"weft/tasks"
)

// flights are the features that this process is making at the moment, by key.
type flights struct {
	mu  sync.Mutex
	now map[string]*flight
}

type flight struct {
	done chan struct{}
	err  error
}

// join returns the flight of key; first tells whether the caller has to fly it.
func (f *flights) join(key string) (fl *flight, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl, ok := f.now[key]; ok {
		return fl, false
	}
	if f.now == nil {
		f.now = map[string]*flight{}
	}
	fl = &flight{done: make(chan struct{})}
	f.now[key] = fl
	return fl, true
}

func (f *flights) land(key string, fl *flight, err error) {
	f.mu.Lock()
	delete(f.now, key)
	f.mu.Unlock()
	fl.err = err
	close(fl.done)
}

// featureOnce makes the feature of a content unless it is durable already: the same
// photo under two products is encoded once, and never again after that. Tasks
// that hold the same content at the same time share one run and its outcome. It
// gives the room back before it waits, and at the latest when it returns: whatever
// its caller waits for then, it holds no content.
func (w *Worker) featureOnce(ctx context.Context, r *room, c content, m tasks.Modality, encode func() ([]float32, error)) error {
	defer r.leave()
	key := lake.FeatureKey(c.sha, w.Recipes[m])
	fl, first := w.flights.join(key)
	if first {
		w.flights.land(key, fl, w.makeFeature(ctx, r, key, c, m, encode))
		return fl.err
	}
	r.leave()
	select {
	case <-fl.done:
		if fl.err == nil {
			w.metrics.made(m, false)
		}
		return fl.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *Worker) makeFeature(ctx context.Context, r *room, key string, c content, m tasks.Modality, encode func() ([]float32, error)) (err error) {
	defer func() {
		if p := recover(); p != nil { // whoever waits for the flight must hear of it
			err = panicked("encode", c.sha, p)
		}
	}()
	if known, err := w.encoded(ctx, key); err != nil || known {
		if known {
			w.metrics.made(m, false)
		}
		return err
	}
	v, err := encode()
	if err != nil {
		return err
	}
	r.leave()
	if !finite(v) {
		return &fault{reason: tasks.ReasonNotFinite, stage: "encode", sha: c.sha, err: errors.New("the encoder answered NaN or infinity")}
	}
	w.metrics.made(m, true)
	if known, err := w.encoded(ctx, key); err != nil || known {
		if known {
			w.metrics.repeat(m) // another worker was faster
		}
		return err
	}
	defer w.metrics.time("commit")()
	err = w.Lake.Features.Append(ctx, lake.Feature{
		Row: lake.Row{Key: key, Version: w.now()}, ContentSHA256: c.sha, Recipe: w.Recipes[m], Modality: string(m), Vector: v,
	})
	if err != nil {
		return fmt.Errorf("storing the feature: %w", err)
	}
	return nil
}

func finite(v []float32) bool {
	for _, x := range v {
		if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
	}
	return true
}
