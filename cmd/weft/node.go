package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	"weft/behaviour"
	"weft/client"
	"weft/extractors/pixels"
	"weft/scheduler"
	"weft/serve"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
	"weft/tasks/queue"
	"weft/worker"
)

// node is the parts of one process, wired by hand. Roles are started one by one
// and stopped together, in the order: intake, work, stores.
type node struct {
	place
	log       *slog.Logger
	name      string // of this process, in dead letters and segments
	tenant    tasks.Tenant
	bucket    objects.Store // below the tenant
	lake      *lake.Lake
	tables    *behaviour.Tables    // of the lake
	collector *behaviour.Collector // nil: this process takes no rows in
	queue     *queue.Client
	queueRDB  redis.UniversalClient
	vectors   *vectors.Store
	pinned    *pinned
	registry  *prometheus.Registry
	shared    bool // other processes work on the same bucket

	gauge     *scheduler.Gauge // of what waits
	drained   chan struct{}    // closed when somebody asks this worker to drain
	scheduler *scheduler.Scheduler
	inbox     *scheduler.Inbox
	lock      *queue.Lock   // of the fleet's schedulers
	reaper    *queue.Reaper // where the queues outlive this process
	worker    *worker.Worker
	server    *queue.Server
	http      *serve.Server
	closers   []func()

	maintenance context.Context // ends when the lake is about to close
	roles       sync.WaitGroup
}

// openNode opens the stores and meets the generation; it starts nothing.
func openNode(ctx context.Context, a *app, p place, e encoders, queueURL, vectorsURL string, shared bool) (_ *node, err error) {
	n := &node{place: p, log: a.log, shared: shared, registry: prometheus.NewRegistry(), drained: make(chan struct{})}
	defer func() {
		if err != nil {
			n.stop()
		}
	}()
	n.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	host, _ := os.Hostname()
	n.name = fmt.Sprintf("%s-%d", first(host, "weft"), os.Getpid())
	if n.bucket, n.tenant, err = p.openTenant(ctx); err != nil {
		return nil, err
	}
	n.bucket = objects.Observe(n.bucket, newObjectMetrics(n.registry))
	if n.queueRDB, err = openRedis(ctx, "--queue", queueURL); err != nil {
		return nil, err
	}
	n.onStop(func() { _ = n.queueRDB.Close() })
	n.queue = queue.NewClient(n.queueRDB)
	n.gauge = scheduler.NewGauge(n.queue, n.tenant)
	vectorRDB, err := openRedis(ctx, "--vectors", vectorsURL)
	if err != nil {
		return nil, err
	}
	n.onStop(func() { _ = vectorRDB.Close() })
	if n.vectors, err = vectors.New(vectors.Config{Redis: vectorRDB, Tenant: n.tenant, UpdatesKept: updatesKept(p)}); err != nil {
		return nil, err
	}
	if err := vectors.CheckPolicy(ctx, n.queueRDB); err != nil {
		return nil, fmt.Errorf("--queue: %w", err)
	}
	if n.lake, err = lake.Open(ctx, lake.Config{Store: n.bucket, Log: a.log}); err != nil {
		return nil, err
	}
	if n.tables, err = behaviour.Open(ctx, n.lake); err != nil {
		return nil, err
	}
	maintained, stopMaintenance := context.WithCancel(context.Background())
	n.maintenance = maintained
	n.onStop(func() {
		stopMaintenance()
		n.roles.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		if err := n.lake.Close(ctx); err != nil {
			n.log.Error("closing the lake", "error", err)
		}
	})
	if n.pinned, err = e.pin(ctx, n.lake.Generations, a.log); err != nil {
		return nil, err
	}
	n.onStop(func() { _ = n.pinned.encoders.Close() })
	return n, n.pinned.begin(ctx, n.lake.Generations)
}

func (n *node) onStop(f func()) { n.closers = append(n.closers, f) }

// startWorker takes tasks until stop. Photos and texts may be wrapped, so that a
// caller hears of encoders that cannot be loaded.
func (n *node) startWorker(images worker.Images, texts worker.Texts, runners int) error {
	w, err := worker.New(worker.Config{
		Tenant: n.tenant, Generation: n.pinned.id, Recipes: n.pinned.spec.recipes(), Name: n.name, Objects: n.bucket, Lake: n.lake,
		Behaviour: n.tables, Consent: profilingByDefault, Vectors: n.vectors, Images: images, Texts: texts, Fusion: n.pinned.fusion, Encoders: runners,
		Shared: n.shared, MaxPhoto: pixels.DefaultLimits().MaxBytes, Metrics: n.registry, Log: n.log,
		ApartCommand: n.pinned.apart, DecodeLimit: decodeLimit,
	})
	if err != nil {
		return err
	}
	n.worker = w
	if n.outlived() {
		if err := queue.CheckClock(context.Background(), n.queueRDB); err != nil {
			return err
		}
	}
	n.server, err = queue.NewServer(queue.Config{Redis: n.queueRDB, Handlers: w.Handlers(), Slots: w.Slots(), Refuse: w.Refuse,
		Suspects: n.outlived(), StopTimeout: drainTime, Tenant: n.tenant, Name: n.name, Drain: func() { close(n.drained) }, Log: n.log})
	if err != nil {
		return err
	}
	return n.server.Start()
}

// startScheduler sweeps until stop; watch follows a directory bucket.
func (n *node) startScheduler(every time.Duration, watch bool) error {
	if err := queue.Register(context.Background(), n.queueRDB); err != nil {
		return err
	}
	s, err := n.newScheduler(every, watch)
	if err != nil {
		return err
	}
	n.scheduler = s
	if err := n.collect(s.Changed); err != nil {
		return err
	}
	if n.outlived() {
		if n.reaper, err = queue.NewReaper(queue.ReaperConfig{Redis: n.queueRDB, Log: n.log}); err != nil {
			return err
		}
		n.reaper.Start()
	}
	s.Start()
	if err := n.startInbox(); err != nil {
		return err
	}
	n.roles.Go(func() { _ = n.lake.Maintain(n.maintenance, compactEvery) }) // ends with the node
	return nil
}

// compactEvery is how often the scheduler looks for small segments to merge.
const compactEvery = 10 * time.Second

func (n *node) newScheduler(every time.Duration, watch bool) (*scheduler.Scheduler, error) {
	cfg := scheduler.Config{
		Tenant: n.tenant, Generation: n.pinned.id, Recipes: n.pinned.spec.recipes(), Objects: n.bucket, Lake: n.lake,
		Behaviour: n.tables, Consent: profilingByDefault, Vectors: n.vectors, Queue: n.queue, Name: n.name, SweepEvery: every, Log: n.log,
	}
	if dir := n.bucketDir(); watch && dir != "" {
		cfg.WatchDir = filepath.Join(dir, string(n.tenant))
	}
	cfg.Unissued = n.setUnissued
	if n.outlived() {
		cfg.Memory, cfg.Workers = n.queue.Memory, n.countWorkers
	}
	if err := n.registry.Register(newBacklogMetrics(n.gauge, n.tenant, n.log)); err != nil {
		return nil, fmt.Errorf("metrics of the backlog: %w", err)
	}
	if n.lock != nil {
		cfg.Lead = n.lock.Held
	}
	return scheduler.New(cfg)
}

// outlived tells that the queues may outlive this process: on a server, not
// embedded.
func (n *node) outlived() bool { return n.Queue != "" }

// lead tells whether this process does what one of several schedulers has to do.
func (n *node) lead() bool { return n.lock == nil || n.lock.Held() }

// startLock shares the work among the fleet's schedulers.
func (n *node) startLock(ctx context.Context) (err error) {
	if n.lock, err = queue.NewLock(n.queueRDB, n.tenant, n.name, lockTime); err == nil {
		n.lock.Start(ctx)
	}
	return err
}

const (
	lockTime = 9 * time.Second // until another scheduler takes over from a dead one
	// decodeLimit bounds the decoding of one photo; the largest that is allowed takes
	// about two seconds.
	decodeLimit = 20 * time.Second
	drainTime   = 30 * time.Second // for the tasks in hand when a process is stopped
	closeTime   = 15 * time.Second // for the last commits
)

// startServe answers HTTP until stop. notify hears of media that were written.
func (n *node) startServe(ctx context.Context, listen string, tokens []string, notify func(tasks.ProductID) error) error {
	tenant := serve.Tenant{Objects: n.bucket, Vectors: n.vectors, KeyPrefix: n.keyPrefix(), Behaviour: n.tables, Consent: profilingByDefault, Tokens: tokens}
	if n.collector != nil {
		tenant.Collect = n.collector
	}
	s, err := serve.New(serve.Config{
		Listen:  listen,
		Tenants: map[tasks.Tenant]serve.Tenant{n.tenant: tenant},
		Notify:  func(_ context.Context, _ tasks.Tenant, id tasks.ProductID) error { return notify(id) },
		Status:  func(ctx context.Context, _ tasks.Tenant) (client.Status, error) { return n.status(ctx) },
		Backlog: func(ctx context.Context, _ tasks.Tenant, target time.Duration) (tasks.Backlog, error) {
			return n.gauge.Look(ctx, target)
		},
		Dead: func(ctx context.Context, _ tasks.Tenant, id tasks.ProductID) ([]serve.DeadMedium, error) {
			return n.deadMedia(ctx, id)
		},
		Registry: n.registry, Log: n.log, Version: version,
	})
	if errors.Is(err, serve.ErrConfig) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	n.http = s
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
	if n.inbox != nil {
		n.inbox.Stop()
	}
	if n.scheduler != nil {
		n.scheduler.Stop()
	}
	if n.reaper != nil {
		n.reaper.Stop()
	}
	if n.lock != nil {
		n.lock.Stop()
	}
	if n.server != nil {
		n.server.Stop()
	}
	if n.worker != nil {
		n.worker.Close()
	}
	for i := len(n.closers) - 1; i >= 0; i-- {
		n.closers[i]()
	}
	n.closers, n.http, n.inbox, n.scheduler, n.reaper, n.lock, n.server, n.worker = nil, nil, nil, nil, nil, nil, nil, nil
}

// idle tells that the sweeps are done, every queue is empty and every commit is
// durable.
func (n *node) idle(ctx context.Context) (bool, error) {
	done, err := n.workDone(ctx)
	return done && n.scheduler.Settled(), err
}

// workDone tells that nothing is queued, in work or uncommitted.
func (n *node) workDone(ctx context.Context) (bool, error) {
	if !n.scheduler.Idle() || !n.inbox.Idle() {
		return false, nil
	}
	ds, err := n.queue.Depths(ctx)
	return err == nil && tasks.Waiting(ds) == 0 && n.lake.Pending() == 0, err
}

// status is what `weft status` and the console show.
func (n *node) status(ctx context.Context) (client.Status, error) {
	var s client.Status
	ds, err := n.queue.Depths(ctx)
	if err != nil {
		return s, err
	}
	for _, d := range ds {
		s.Queues = append(s.Queues, client.Queue{Type: string(d.Type), Lane: string(d.Lane), Pending: d.Pending, Active: d.Active, Scheduled: d.Scheduled, Retry: d.Retry, Archived: d.Archived})
	}
	s.Waiting = tasks.Waiting(ds)
	audit, err := scheduler.AuditBucket(ctx, scheduler.View{Objects: n.bucket, Lake: n.lake, Behaviour: n.tables, Consent: profilingByDefault,
		Generation: n.pinned.id, Recipes: n.pinned.spec.recipes()})
	if err != nil {
		return s, err
	}
	fillStatus(&s, audit)
	return s, nil
}

func fillStatus(s *client.Status, a scheduler.Audit) {
	s.Objects = map[string]int64{"listed": int64(a.Objects.Listed), "vector": int64(a.Objects.Vector), "dead": int64(a.Objects.Dead), "declined": int64(a.Objects.Declined), "waiting": int64(a.Objects.Waiting)}
	s.Rows = map[string]int64{"listed": int64(a.Rows.Listed), "vector": int64(a.Rows.Vector), "dead": int64(a.Rows.Dead), "declined": int64(a.Rows.Declined), "waiting": int64(a.Rows.Waiting)}
	p := a.Products
	s.Products = client.Places{Expected: int64(p.Expected), Vectors: int64(p.Vectors), Dead: int64(p.Dead), Declined: int64(p.Declined), Waiting: int64(p.Waiting)}
}

// deadMedia lists what was given up of a product.
func (n *node) deadMedia(ctx context.Context, id tasks.ProductID) ([]serve.DeadMedium, error) {
	var out []serve.DeadMedium
	var errs error
	for row, err := range n.lake.Dead.Select(ctx, lake.Query{Prefix: tasks.ProductPrefix(id)}) {
		if err != nil {
			errs = errors.Join(errs, err)
			break
		}
		out = append(out, serve.DeadMedium{Key: row.Key, ETag: row.ETag, Reason: tasks.Reason(row.Reason), Message: row.Message})
	}
	return out, errs
}
