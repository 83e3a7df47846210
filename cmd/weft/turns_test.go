package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/storage/objects"
	"weft/tasks"
	"weft/tasks/queue"
)

var (
	turnsFor     = flag.Duration("turns-for", 500*time.Millisecond, "how long photos come in, in each part of TestTurns")
	turnsRate    = flag.Float64("turns-rate", 4, "photos a second of the small tenant")
	turnsTimes   = flag.Float64("turns-times", 50, "the large tenant's load in loads of the small one")
	turnsCost    = flag.Duration("turns-cost", 2*time.Millisecond, "what an encoder call takes")
	turnsRunners = flag.Int("turns-runners", 2, "encoder calls at once")
	turnsAtMost  = flag.Float64("turns-at-most", 0, "fail where 95 % of the small tenant's photos take longer than so many times what they take alone; 0: it is told only")
)

// TestTurns measures what a small tenant sees of a large one: how long its photos take from the beginning of the PUT to
// the readable vector, alone, beside a tenant that sends many times as many, and beside an import of as many at once. A scheduler
// and serve are processes, over a real redis-server and a real S3 server; the worker's encoder takes a fixed time and no core.
// Short, it sees to it that everything becomes a vector; `make turns` is the long version.
func TestTurns(t *testing.T) {
	f := newTurns(t)
	f.worker(*turnsCost, *turnsRunners)
	large := int(*turnsTimes * *turnsRate * turnsFor.Seconds())
	f.send("small", "warm", 2, 1) // its stores are opened for the first of them
	f.vectors("small", "warm", 2)

	alone := f.measure("alone")
	var sent sync.WaitGroup
	sent.Go(func() { f.send("large", "sent", large, *turnsTimes**turnsRate) })
	f.vectors("large", "sent", 1)
	sending := f.measure(fmt.Sprintf("beside %.0f times as many, sent", *turnsTimes))
	sent.Wait()
	f.vectors("large", "sent", large)
	f.importing("large", large)
	f.vectors("large", "import", 1)
	importing := f.measure(fmt.Sprintf("beside an import of %d", large))
	f.vectors("large", "import", large)

	t.Logf("encoder %v, %d at once, %.3g photos a second of the small tenant for %v\n%s", *turnsCost, *turnsRunners, *turnsRate, *turnsFor, turnsTable(alone, sending, importing))
	for _, m := range []turnsRow{sending, importing} {
		if ratio := m.p95() / alone.p95(); *turnsAtMost > 0 && ratio > *turnsAtMost {
			t.Errorf("%s: 95 %% take %.2f times as long, want at most %v", m.what, ratio, *turnsAtMost)
		}
	}
}

// turnsRow is what the small tenant saw in one part.
type turnsRow struct {
	what    string
	seconds []float64 // sorted, of each photo
	waiting int       // of the large tenant in the queues at the end of it
}

func (r turnsRow) quantile(q float64) float64 { return r.seconds[int(q*float64(len(r.seconds)-1)+.5)] }
func (r turnsRow) p95() float64               { return r.quantile(.95) }

func turnsTable(rows ...turnsRow) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "the small tenant's photos\tn\thalf within ms\t95 % within ms\tmost\tof alone, half\t95 %\tthe large tenant's in the queues\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%.0f\t%.0f\t%.2f\t%.2f\t%d\t\n", r.what, len(r.seconds), 1e3*r.quantile(.5), 1e3*r.p95(), 1e3*r.quantile(1),
			r.quantile(.5)/rows[0].quantile(.5), r.p95()/rows[0].p95(), r.waiting)
	}
	_ = w.Flush() // to memory
	return b.String()
}

// turns is a fleet for two tenants, whose worker is in this process.
type turns struct {
	*fleet
	serve    *process
	base     string // of HTTP
	all      objects.Store
	rdb      *redis.Client // of the vectors
	queue    *queue.Client
	photo    []byte
	mu       sync.Mutex
	began    map[string]time.Time // of the PUT, by product
	contents atomic.Int64
	parts    int
}

func newTurns(t *testing.T) *turns {
	t.Helper()
	f := &turns{fleet: newFleet(t), photo: samplePhoto(t, samples(t, 1)[0]), began: map[string]time.Time{}}
	var err error
	f.all, err = objects.Open(t.Context(), f.s3.URL("shop"), objects.Credentials{AccessKey: f.s3.AccessKey, SecretKey: f.s3.SecretKey})
	must(t, err)
	f.rdb = redis.NewClient(&redis.Options{Addr: f.redis.Addr, DB: 1})
	queues := redis.NewClient(&redis.Options{Addr: f.redis.Addr})
	t.Cleanup(func() { _, _ = f.rdb.Close(), queues.Close() })
	f.queue = queue.NewClient(queues)
	sweep := "1s"
	if *turnsFor > 10*time.Second {
		sweep = "15s" // of thousands of photos, beside them
	}
	f.scheduler = spawn(t, f.args("scheduler", "--sweep-every", sweep, "--tenants", "large,small")...)
	f.serve = spawn(t, f.args("serve", "--listen", "127.0.0.1:0", "--tenants", "large,small")...)
	until(t, "serve answers", func() bool {
		f.serve.alive()
		f.scheduler.alive()
		_, after, ok := strings.Cut(f.serve.err.String(), "http://")
		address, _, _ := strings.Cut(after, ",")
		f.base = "http://" + address
		return ok
	})
	return f
}

// send puts photos over HTTP, at moments that know nothing of each other, and waits for the answers.
func (f *turns) send(tenant, what string, photos int, rate float64) {
	dice := rand.New(rand.NewPCG(uint64(photos), uint64(len(what))))
	var group sync.WaitGroup
	defer group.Wait()
	next := time.NewTimer(0)
	defer next.Stop()
	for i, at := 0, time.Now(); i < photos; i++ {
		<-next.C
		at = at.Add(time.Duration(dice.ExpFloat64() / rate * float64(time.Second)))
		next.Reset(time.Until(at))
		group.Go(func() {
			if err := f.put(tenant, fmt.Sprintf("%s-%05d", what, i)); err != nil {
				f.t.Error(err)
			}
		})
	}
}

func (f *turns) put(tenant, product string) error {
	body := marked(f.photo, int(f.contents.Add(1)))
	f.mu.Lock()
	f.began[tenant+"/"+product] = time.Now()
	f.mu.Unlock()
	req, err := http.NewRequest(http.MethodPut, f.base+"/v1/"+tenant+"/products/"+product+"/images/photo.jpg", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode >= 300 {
		return fmt.Errorf("PUT %s/%s: %s %s", tenant, product, resp.Status, text)
	}
	return nil
}

func (f *turns) sentAt(product string) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.began[product]
}

// importing puts photos into the bucket, all at once, for the sweep to find.
func (f *turns) importing(tenant string, photos int) {
	var group sync.WaitGroup
	defer group.Wait()
	places := make(chan struct{}, 8)
	for i := range photos {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			key := tenant + "/" + tasks.ProductPrefix(tasks.ProductID(fmt.Sprintf("import-%05d", i))) + "photo.jpg"
			if _, err := f.all.Put(f.t.Context(), key, marked(f.photo, int(f.contents.Add(1))), objects.Condition{}); err != nil {
				f.t.Error(err)
			}
		})
	}
}

// measure sends the small tenant's photos and waits for their vectors.
func (f *turns) measure(what string) turnsRow {
	f.t.Helper()
	f.parts++
	part := fmt.Sprint("part", f.parts)
	photos := max(1, int(*turnsRate*turnsFor.Seconds()))
	f.send("small", part, photos, *turnsRate)
	row := turnsRow{what: what}
	for product, at := range f.vectors("small", part, photos) {
		row.seconds = append(row.seconds, at.Sub(f.sentAt("small/"+product)).Seconds())
	}
	slices.Sort(row.seconds)
	ds, err := f.queue.DepthsByTenant(f.t.Context())
	must(f.t, err)
	row.waiting = tasks.Waiting(ds["large"])
	return row
}

// vectors waits for so many vectors of products whose names begin like this, and tells when each was readable: by Redis' own clock, which the
// update stream keeps.
func (f *turns) vectors(tenant, what string, photos int) map[string]time.Time {
	f.t.Helper()
	at := map[string]time.Time{}
	after := "-"
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for last := time.Now(); len(at) < photos; <-tick.C {
		messages, err := f.rdb.XRange(f.t.Context(), "weft:"+tenant+":updates", after, "+").Result()
		must(f.t, err)
		for _, m := range messages {
			after = "(" + m.ID
			ms, _, _ := strings.Cut(m.ID, "-")
			n, err := strconv.ParseInt(ms, 10, 64)
			must(f.t, err)
			if id := fmt.Sprint(m.Values["id"]); strings.HasPrefix(id, what+"-") && at[id].IsZero() {
				at[id], last = time.UnixMilli(n), time.Now()
			}
		}
		f.scheduler.alive()
		f.serve.alive()
		if time.Since(last) > patience {
			ds, err := f.queue.DepthsByTenant(f.t.Context())
			f.t.Fatalf("%d of %d vectors of %s, %s, and no more for %v; queued: %+v %v", len(at), photos, tenant, what, patience, ds[tasks.Tenant(tenant)], err)
		}
	}
	return at
}
