package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"weft/behaviour"
	"weft/storage/lake"
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

var benchWords = [][]string{{"red", "blue", "green", "striped", "plain", "warm", "light", "long"}, {"linen", "wool", "cotton", "silk", "leather"},
	{"dress", "shirt", "coat", "scarf", "bag", "hat", "shoe"}, {"for summer", "for winter", "for the office", "for the evening"}}

// stock writes listings.
func (c *benchEventsCmd) stock(bucket string) error {
	r := rand.New(rand.NewPCG(1, 1))
	for i := range c.Products {
		title := ""
		for _, words := range benchWords {
			title += words[r.IntN(len(words))] + " "
		}
		path := filepath.Join(bucket, "default", "media", fmt.Sprintf("p%d", i), "product.json")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, fmt.Appendf(nil, `{"title":%q,"description":"Model %d"}`, title, i), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// remember stores the events of before, as an import would.
func (c *benchEventsCmd) remember(ctx context.Context, t *tenant) error {
	r := rand.New(rand.NewPCG(2, 2))
	now := time.Now()
	const page = 10_000
	for from := 0; from < c.History; from += page {
		var rows []behaviour.Event
		for i := from; i < min(c.History, from+page); i++ {
			e := c.event(r, i%c.Users, fmt.Sprintf("h%d", i), now.Add(-time.Duration(r.IntN(90*24*3600))*time.Second))
			rows = append(rows, behaviour.Event{Row: lake.Row{Key: e.User + "/" + e.ID, Version: now.UnixMilli() - 120_000}, ID: e.ID, User: e.User, Product: e.Product,
				Type: e.Type, Time: e.at.UnixMilli(), Digest: e.ID, Source: "bench"})
		}
		if err := t.tables.Events.Append(ctx, rows...); err != nil {
			return err
		}
	}
	return nil
}

// benchEvent is an event as it is posted.
type benchEvent struct {
	ID      string `json:"id"`
	User    string `json:"user"`
	Product string `json:"product"`
	Type    string `json:"type"`
	Time    string `json:"time"`
	at      time.Time
}

func (c *benchEventsCmd) event(r *rand.Rand, user int, id string, at time.Time) benchEvent {
	types := [...]string{behaviour.View, behaviour.View, behaviour.View, behaviour.Click, behaviour.Click, behaviour.Cart, behaviour.Wishlist, behaviour.Purchase}
	return benchEvent{ID: id, User: fmt.Sprintf("u%d", user), Product: fmt.Sprintf("p%d", r.IntN(c.Products)), Type: types[r.IntN(len(types))],
		Time: at.UTC().Format(time.RFC3339Nano), at: at}
}

// watch remembers when the events of each shopper were sent, until a vector follows.
type benchWatch struct {
	mu      sync.Mutex
	sent    map[string][]time.Time
	answers []time.Duration
	vectors []time.Duration
	later   int // told to come back
	refused int
	failed  error
}

func (w *benchWatch) saw(user string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, sent := range w.sent[user] {
		w.vectors = append(w.vectors, at.Sub(sent))
	}
	delete(w.sent, user)
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

// send posts events at the rate, whether or not earlier ones were answered.
func (c *benchEventsCmd) send(ctx context.Context, u *up, w *benchWatch) {
	url := "http://" + u.node.http.Addr().String() + "/v1/default/events"
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer client.CloseIdleConnections()
	r := rand.New(rand.NewPCG(3, 3))
	var posting sync.WaitGroup
	began := time.Now()
	for i := 0; ctx.Err() == nil; i++ {
		due := began.Add(time.Duration(float64(i) / c.Rate * float64(time.Second)))
		if due.Sub(began) >= c.For {
			break
		}
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
		}
		e := c.event(r, i%c.Users, fmt.Sprintf("e%d", i), time.Now())
		w.mu.Lock()
		w.sent[e.User] = append(w.sent[e.User], due)
		w.mu.Unlock()
		posting.Go(func() { w.post(ctx, client, url, e, due) })
	}
	posting.Wait()
}

// post sends an event until it is taken: a server that is busy says when to come back.
func (w *benchWatch) post(ctx context.Context, client *http.Client, url string, e benchEvent, due time.Time) {
	body, err := json.Marshal(e)
	status, later := http.StatusTooManyRequests, 0
	for ; err == nil && status == http.StatusTooManyRequests; later++ {
		if later > 0 {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
		status, err = postEvent(ctx, client, url, body)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers = append(w.answers, time.Since(due))
	if later > 1 {
		w.later++
	}
	if err != nil || status != http.StatusAccepted {
		w.refused++
		if w.failed == nil {
			w.failed = fmt.Errorf("POST %s: status %d, %v", url, status, err)
		}
	}
}

func postEvent(ctx context.Context, client *http.Client, url string, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Body.Close()
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
