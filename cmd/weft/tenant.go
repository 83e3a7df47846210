package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"weft/behaviour"
	"weft/client"
	"weft/gather"
	"weft/scheduler"
	"weft/serve"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
	"weft/tasks/queue"
	"weft/worker"
)

// tenant is one shop in a process: its stores, its generation, and the roles that work
// for it alone.
type tenant struct {
	node     *node
	name     tasks.Tenant
	log      *slog.Logger
	bucket   objects.Store // below the tenant
	lake     *lake.Lake
	tables   *behaviour.Tables // of the lake
	vectors  *vectors.Store
	pinned   *pinned
	set      atomic.Pointer[tasks.Settings]
	standing atomic.Pointer[serve.Standing]

	worker    *worker.Worker
	handlers  map[tasks.Type]queue.Handler // of the worker
	collector *behaviour.Collector         // nil: this process takes no rows in
	scheduler *scheduler.Scheduler
	inbox     *scheduler.Inbox
	lock      *queue.Lock // of the fleet's schedulers of this tenant; the node's
	seat      *seat       // nil: this process takes no tasks of it
	unfed     sync.Once
	closed    sync.Once
	roles     sync.WaitGroup
	stopRoles context.CancelFunc // of what runs until the lake is about to close
	running   context.Context    // ends then
}

// openTenant opens a tenant's stores and meets its generation; it starts nothing. The
// node closes it once it is admitted.
func (n *node) openTenant(ctx context.Context, name tasks.Tenant) (_ *tenant, err error) {
	t := &tenant{node: n, name: name, log: n.log.With("tenant", name), bucket: objects.WithPrefix(n.bucket, string(name)+"/")}
	t.running, t.stopRoles = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if t.vectors, err = vectors.New(vectors.Config{Redis: n.vectorsRDB, Tenant: name, UpdatesKept: updatesKept(n.place)}); err != nil {
		return nil, err
	}
	if t.lake, err = lake.Open(ctx, lake.Config{Store: t.bucket, Log: t.log}); err != nil {
		return nil, err
	}
	if t.tables, err = behaviour.Open(ctx, t.lake); err != nil {
		return nil, err
	}
	if t.pinned, err = n.encoders.pin(ctx, t.lake, t.log); err != nil {
		return nil, err
	}
	n.share(t.pinned)
	if err := t.pinned.begin(ctx, t.lake.Generations); err != nil {
		return nil, err
	}
	t.readSettings(ctx)
	t.roles.Go(t.followSettings)
	return t, nil
}

// newWorker makes vectors of this tenant.
func (t *tenant) newWorker() error {
	if err := t.pinned.fusion.load(t.running); err != nil {
		return err
	}
	m, err := t.node.machine(t.pinned)
	if err != nil {
		return err
	}
	t.worker, err = worker.New(worker.Config{
		Machine: m, Tenant: t.name, Generation: t.pinned.id, Recipes: t.pinned.spec.recipes(), Name: t.node.name, Objects: t.bucket, Lake: t.lake,
		Behaviour: t.tables, Consent: profilingByDefault, Vectors: t.vectors, Fusion: t.pinned.fusion.Model, Shared: t.node.shared,
		Weight: func() float64 { return t.settings().Weight }, Log: t.log,
	})
	if err == nil {
		t.handlers = t.worker.Handlers()
	}
	return err
}

// served is what HTTP answers from.
func (t *tenant) served() serve.Tenant {
	s := serve.Tenant{Objects: t.bucket, Vectors: t.vectors, KeyPrefix: t.node.keyPrefix(t.name), Behaviour: t.tables, Consent: profilingByDefault, Standing: t.asksOfLists,
		Lake: t.lake, Queue: t.node.queue, Pictures: t.pinned.encoders.decoder, Model: t.pinned.fusion, Guess: t.pinned.fusion.tell(), Texts: t.pinned.encoders.text,
		Parts: &gather.Reader{Objects: t.bucket, Lake: t.lake, Behaviour: t.tables, Generation: t.pinned.id, Recipes: t.pinned.spec.recipes(), Consent: profilingByDefault,
			Shared: t.node.shared}}
	if t.collector != nil {
		s.Collect = t.collector
	}
	if t.worker != nil { // its encoders are loaded
		s.Embed = t.embed
	}
	return s
}

// stopFeeding ends what finds work and takes rows in.
func (t *tenant) stopFeeding() {
	t.unfed.Do(func() {
		if t.inbox != nil {
			t.inbox.Stop()
		}
		if t.scheduler != nil {
			t.scheduler.Stop()
		}
	})
}

// close ends the rest and closes the stores. Nothing of the tenant may be in hand. It may be called again.
func (t *tenant) close() { t.closed.Do(t.end) }

func (t *tenant) end() {
	t.stopFeeding()
	if t.worker != nil {
		t.worker.Close()
	}
	t.stopRoles()
	t.roles.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if t.lake != nil {
		if err := t.lake.Close(ctx); err != nil {
			t.log.Error("closing the lake", "error", err)
		}
	}
	if t.pinned != nil {
		_ = t.pinned.fusion.close()
	}
}

// view is what an audit looks at.
func (t *tenant) view() scheduler.View {
	return scheduler.View{Objects: t.bucket, Lake: t.lake, Behaviour: t.tables, Consent: profilingByDefault, Generation: t.pinned.id, Recipes: t.pinned.spec.recipes()}
}

// status is what `weft status` and the console show.
func (t *tenant) status(ctx context.Context) (client.Status, error) {
	var s client.Status
	all, err := t.node.queue.DepthsByTenant(ctx)
	if err != nil {
		return s, err
	}
	fleet, err := t.node.gauge.Look(ctx, 0, t.name)
	if err != nil {
		return s, err
	}
	told := fleet.Tenants[0]
	s.Weight, s.Quota, s.Held, s.Fault = told.Weight, told.Quota, string(told.Held), told.Fault
	var ds []tasks.Depth // every queue, also where nothing of the tenant's waits
	for _, of := range tasks.Types() {
		for _, lane := range tasks.Lanes() {
			sum := tasks.Depth{Type: of, Lane: lane}
			for _, d := range slices.Concat(all[t.name], all[""]) { // of tasks that cannot be read nobody knows whose they are: they are shown to all
				if d.Type == of && d.Lane == lane {
					sum.Pending, sum.Active, sum.Scheduled, sum.Retry = sum.Pending+d.Pending, sum.Active+d.Active, sum.Scheduled+d.Scheduled, sum.Retry+d.Retry
				}
			}
			ds = append(ds, sum)
		}
	}
	for _, d := range ds {
		s.Queues = append(s.Queues, client.Queue{Type: string(d.Type), Lane: string(d.Lane), Pending: d.Pending, Active: d.Active, Scheduled: d.Scheduled, Retry: d.Retry, Archived: d.Archived})
	}
	s.Waiting, s.Fusion = tasks.Waiting(ds), t.pinned.spec.fusionID()
	audit, err := scheduler.AuditBucket(ctx, t.view())
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
func (t *tenant) deadMedia(ctx context.Context, id tasks.ProductID) ([]serve.DeadMedium, error) {
	var out []serve.DeadMedium
	var errs error
	for row, err := range t.lake.Dead.Select(ctx, lake.Query{Prefix: tasks.ProductPrefix(id)}) {
		if err != nil {
			errs = errors.Join(errs, err)
			break
		}
		out = append(out, serve.DeadMedium{Key: row.Key, ETag: row.ETag, Reason: tasks.Reason(row.Reason), Message: row.Message})
	}
	return out, errs
}
