package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"weft/storage/vectors"
)

type benchEventsCmd struct {
	encoders
	Redis    string        `help:"Redis server to run over, instead of the embedded one: redis://host:port. Databases 14 and 15 are flushed." placeholder:"URL"`
	Rate     float64       `help:"Events a second, each a request of its own." default:"200"`
	For      time.Duration `help:"How long." default:"60s"`
	Users    int           `help:"Shoppers, in turn." default:"2000"`
	Products int           `help:"Products with a listing." default:"300"`
	History  int           `help:"Events that are there before." default:"100000"`
	JSON     bool          `help:"Print JSON."`
}

// Help is shown by --help.
func (benchEventsCmd) Help() string {
	return `Everything in this process: 'weft up' over a new data directory, and the shoppers, who post their events over HTTP at a
fixed rate, however long the answers take. The time of an event runs from its request to the announcement of its
shopper's new vector on the update stream. The sweep over shoppers stands still meanwhile, so that hints alone are
measured; at the end it must find nothing to do.

Examples:
  weft bench-events
  weft bench-events --rate 50 --for 10s --history 0 --json`
}

// benchEvents is what was measured. Times are in seconds.
type benchEvents struct {
	Events  int       `json:"events"`
	Seen    int       `json:"seen"`  // whose shopper's new vector was announced
	Later   int       `json:"later"` // told to come back in a second
	Refused int       `json:"refused"`
	Rate    float64   `json:"events_per_s"`
	Answer  quantiles `json:"answer_s"` // request to 202
	Vector  quantiles `json:"vector_s"` // request to readable vector
	Due     int       `json:"due"`      // vectors that the sweep then found stale
	Sweep   float64   `json:"sweep_s"`  // of the shoppers
	CPU     float64   `json:"cpu"`      // of all cores, the shoppers included
}

type quantiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func quantilesOf(times []time.Duration) (q quantiles) {
	if len(times) == 0 {
		return q
	}
	slices.Sort(times)
	at := func(p float64) float64 { return times[min(len(times)-1, int(p*float64(len(times))))].Seconds() }
	return quantiles{at(.5), at(.9), at(.99), at(1)}
}

// Run is `weft bench-events`.
func (c *benchEventsCmd) Run(ctx context.Context, a *app) error {
	if c.Rate <= 0 || c.For <= 0 || c.Users < 1 || c.Products < 1 || c.History < 0 {
		return usagef("--rate %v --for %v --users %d --products %d --history %d: want positive values", c.Rate, c.For, c.Users, c.Products, c.History)
	}
	dir, err := os.MkdirTemp("", "weft-bench-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	up := upCmd{place: place{Tenant: "default", Data: dir}, encoders: c.encoders, Listen: "127.0.0.1:0", SweepEvery: time.Hour}
	if c.Redis != "" {
		up.Queue, up.Vectors = c.Redis+"/14", c.Redis+"/15"
		if err := flush(ctx, up.Queue, up.Vectors); err != nil {
			return err
		}
	}
	if err := c.stock(up.bucketDir()); err != nil {
		return err
	}
	u, err := up.start(ctx, a)
	if err != nil {
		return err
	}
	defer u.stop()
	if err := c.remember(ctx, u.tenant); err != nil {
		return err
	}
	u.tenant.scheduler.SweepSoon()
	if err := u.wait(ctx, true); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "%d products, %d events and %d vectors of shoppers are there\n", c.Products, c.History, u.tenant.worker.Progress().Users)
	r, err := c.measure(ctx, u)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(r)
	}
	_, err = fmt.Fprintf(a.out, "%d events at %.0f/s: readable in %.0f ms (median), %.0f ms (99 %%), %.0f ms (all); answered in %.0f ms and %.0f ms; %d refused, %d not seen, %d stale\n",
		r.Events, r.Rate, 1000*r.Vector.P50, 1000*r.Vector.P99, 1000*r.Vector.Max, 1000*r.Answer.P50, 1000*r.Answer.P99, r.Refused, r.Events-r.Refused-r.Seen, r.Due)
	return err
}

func (c *benchEventsCmd) measure(ctx context.Context, u *up) (r benchEvents, err error) {
	w := &benchWatch{sent: map[string][]time.Time{}}
	following, stop := context.WithCancel(ctx)
	defer stop()
	after, err := u.tenant.vectors.Last(ctx)
	if err != nil {
		return r, err
	}
	var watching sync.WaitGroup
	watching.Go(func() {
		for update, err := range u.tenant.vectors.Follow(following, after) {
			if err != nil {
				w.mu.Lock()
				if following.Err() == nil {
					w.failed = err
				}
				w.mu.Unlock()
				return
			}
			if update.Kind == vectors.User {
				w.saw(update.ID, time.Now())
			}
		}
	})
	began := time.Now()
	u.cpuBefore = cpuSeconds()
	c.send(ctx, u, w)
	took := time.Since(began)
	r.CPU = (cpuSeconds() - u.cpuBefore) / took.Seconds() / float64(encoders{}.runners())
	if err := u.drained(ctx); err != nil {
		return r, err
	}
	stop()
	watching.Wait()
	sweep, err := u.tenant.scheduler.SweepUsers(ctx)
	if err != nil || w.failed != nil {
		return r, fmt.Errorf("watching: %w", errors.Join(err, w.failed))
	}
	r.Later = w.later
	r.Events, r.Seen, r.Refused, r.Rate = len(w.answers), len(w.vectors), w.refused, float64(len(w.answers))/took.Seconds()
	r.Answer, r.Vector, r.Due, r.Sweep = quantilesOf(w.answers), quantilesOf(w.vectors), sweep.Due, sweep.Took.Seconds()
	return r, nil
}

// drained waits until nothing is queued and nothing more is announced.
func (u *up) drained(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for quiet := 0; quiet < 10; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		idle, err := u.node.workDone(ctx)
		if err != nil {
			return err
		}
		if quiet++; !idle {
			quiet = 0
		}
	}
	return nil
}
