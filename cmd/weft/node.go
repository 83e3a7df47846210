package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	"weft/extractors/pixels"
	"weft/scheduler"
	"weft/serve"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
	"weft/tasks/queue"
	"weft/worker"
)

// node is the parts of one process that serve all tenants, wired by hand; what belongs
// to one of them is its tenant. Roles are started one by one and stopped together, in the
// order: intake, work, stores.
type node struct {
	place
	log        *slog.Logger
	name       string // of this process, in dead letters and segments
	encoders   encoders
	bucket     objects.Store // with all tenants in it
	queue      *queue.Client
	queueRDB   redis.UniversalClient
	vectorsRDB redis.UniversalClient
	registry   *prometheus.Registry
	shared     bool // other processes work on the same bucket

	gauge     *scheduler.Gauge  // of what waits
	shares    *scheduler.Shares // of the room in the queues
	mu        sync.Mutex        // of the tenants and machines
	tenants   []*tenant
	seats     map[tasks.Tenant]*seat // of tenants for whom this process takes tasks
	mostSeats int
	seating   sync.WaitGroup  // who comes and goes
	seated    context.Context // until the seats are given up
	unseated  context.CancelFunc
	machines  machines
	locks     map[tasks.Tenant]*queue.Lock // of the schedulers, whatever generation they feed
	former    []*worker.Worker             // of tenants that were opened anew
	lost      fatal                        // an encoder that cannot be had
	drained   chan struct{}                // closed when somebody asks this worker to drain
	reaper    *queue.Reaper                // where the queues outlive this process
	server    *queue.Server
	http      *serve.Server
	// localToken is for commands on this machine, "" where no tokens are asked for.
	localToken string
	feeders    sync.WaitGroup // end with the context of their role
	roles      sync.WaitGroup
	closers    []func()
}

// openNode opens what all tenants share; it starts nothing.
func openNode(ctx context.Context, a *app, p place, e encoders, queueURL, vectorsURL string, shared bool) (_ *node, err error) {
	n := &node{place: p, log: a.log, encoders: e, shared: shared, registry: prometheus.NewRegistry(), drained: make(chan struct{}), lost: make(fatal, 1), seats: map[tasks.Tenant]*seat{}, mostSeats: mostSeats, locks: map[tasks.Tenant]*queue.Lock{},
		machines: machines{map[pixels.Class]*encoderSet{}, map[pixels.Class]*worker.Machine{}}}
	n.seated, n.unseated = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			n.stop()
		}
	}()
	n.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	host, _ := os.Hostname()
	n.name = fmt.Sprintf("%s-%d", first(host, "weft"), os.Getpid())
	if n.bucket, err = p.openBucket(ctx); err != nil {
		return nil, err
	}
	n.bucket = objects.Observe(n.bucket, newObjectMetrics(n.registry))
	if n.queueRDB, err = openRedis(ctx, "--queue", queueURL); err != nil {
		return nil, err
	}
	n.onStop(func() { _ = n.queueRDB.Close() })
	if !n.outlived() {
		queue.SpareScripts(n.queueRDB)
	}
	n.queue = queue.NewClient(n.queueRDB)
	if n.vectorsRDB, err = openRedis(ctx, "--vectors", vectorsURL); err != nil {
		return nil, err
	}
	n.onStop(func() { _ = n.vectorsRDB.Close() })
	if err := vectors.CheckPolicy(ctx, n.queueRDB); err != nil {
		return nil, fmt.Errorf("--queue: %w", err)
	}
	n.gauge = scheduler.NewGauge(n.queue)
	n.shares = scheduler.NewShares(n.queue, n.queue.Workers, scheduler.LeastRoom)
	return n, nil
}

// list is the tenants that are open.
func (n *node) list() []*tenant {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.tenants)
}

// names are the tenants that are open.
func (n *node) names() (out []tasks.Tenant) {
	for _, t := range n.list() {
		out = append(out, t.name)
	}
	return out
}

func (n *node) onStop(f func()) { n.closers = append(n.closers, f) }

// outlived tells that the queues may outlive this process: on a server, not
// embedded.
func (n *node) outlived() bool { return n.Queue != "" }

// tally is what was encoded, and what was known already, of all tenants.
func (n *node) tally() (encoded, cached map[tasks.Modality]int64) {
	encoded, cached = map[tasks.Modality]int64{}, map[tasks.Modality]int64{}
	for _, w := range n.workers() {
		e, c := w.Tally()
		for m := range e {
			encoded[m], cached[m] = encoded[m]+e[m], cached[m]+c[m]
		}
	}
	return encoded, cached
}

// tenantOf is an open tenant.
func (n *node) tenantOf(name tasks.Tenant) *tenant {
	for _, t := range n.list() {
		if t.name == name {
			return t
		}
	}
	return nil
}

// stop ends intake, then work, then closes the stores. It may be called at any
// stage of starting.
func (n *node) stop() {
	if n.http != nil {
		if err := n.http.Stop(context.Background()); err != nil {
			n.log.Warn("requests were cut off", "error", err)
		}
	}
	n.feeders.Wait()
	for _, t := range n.list() {
		t.stopFeeding()
	}
	for _, lock := range n.locks {
		lock.Stop()
	}
	if n.reaper != nil {
		n.reaper.Stop()
	}
	if n.server != nil {
		n.server.Stop()
	}
	n.unseated() // nothing is in hand any more
	n.seating.Wait()
	for _, t := range n.list() {
		t.close()
	}
	n.machines.close()
	for i := len(n.closers) - 1; i >= 0; i-- {
		n.closers[i]()
	}
	n.roles.Wait()
	n.machines = machines{}
	n.closers, n.http, n.reaper, n.server, n.tenants, n.locks = nil, nil, nil, nil, nil, nil
}

// idle tells that the sweeps are done, every queue is empty and every commit is
// durable.
func (n *node) idle(ctx context.Context) (bool, error) {
	done, err := n.workDone(ctx)
	for _, t := range n.list() {
		done = done && t.scheduler.Settled()
	}
	return done, err
}

// workDone tells that nothing is queued, in work or uncommitted.
func (n *node) workDone(ctx context.Context) (bool, error) {
	for _, t := range n.list() {
		if !t.scheduler.Idle() || !t.inbox.Idle() {
			return false, nil
		}
	}
	ds, err := n.queue.Depths(ctx)
	done := err == nil && tasks.Waiting(ds) == 0
	for _, t := range n.list() {
		done = done && t.lake.Pending() == 0
	}
	return done, err
}
