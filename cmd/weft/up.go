package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"weft/scheduler"
	"weft/tasks"
)

type upCmd struct {
	place
	several
	encoders
	Listen string `help:"HTTP address; port 0 takes a free one." default:"127.0.0.1:8080"`
	access
	UntilIdle  bool          `help:"Exit 0 once everything is done."`
	SweepEvery time.Duration `help:"How often the whole bucket is compared with the lake." default:"30s"`
	JSON       bool          `help:"Print the final report as JSON."`

	warm bool // load the image encoder before the first task
}

// Help is shown by --help.
func (upCmd) Help() string {
	return `The bucket is DIR/bucket: put photos and listings below DIR/bucket/<tenant>/media/<product-id>/ and their
vectors appear in the printed Redis, at the printed HTTP address and in 'weft export'. An embedded Redis is
part of the process; everything it holds is refilled from the bucket at the next start. With --queue and --vectors
a Redis server is used instead, which costs the cores less.

Examples:
  weft up --data shop
  weft up --data shop --until-idle --json
  weft import --data shop photos/ && weft similar --data shop dress-1 -k 5`
}

// upReport is what one run did. Start-up, work and rate are told apart.
type upReport struct {
	Startup    float64               `json:"startup_s"` // until ready: refilled and answering
	Total      float64               `json:"total_s"`
	Refilled   int                   `json:"refilled"` // vectors loaded from the lake
	Encoded    map[string]int64      `json:"encoded"`  // encoder items by modality
	Cached     map[string]int64      `json:"cached"`   // parts whose content was known
	Repeats    int64                 `json:"repeats"`  // of the encoded: another process was faster
	Published  int64                 `json:"published"`
	Users      int64                 `json:"users"` // vectors of shoppers written
	Dead       int64                 `json:"dead"`
	Work       float64               `json:"work_s"` // first task to last vector
	ImagesRate float64               `json:"images_per_s"`
	Sweep      *scheduler.Report     `json:"sweep,omitempty"`
	UserSweep  *scheduler.UserReport `json:"user_sweep,omitempty"`
}

// Run is `weft up`.
func (c *upCmd) Run(ctx context.Context, a *app) error {
	if c.Data == "" {
		return usagef("--data is missing: name the directory to work on, such as --data shop")
	}
	u, err := c.start(ctx, a)
	if err != nil {
		return err
	}
	defer u.stop()
	fmt.Fprintf(a.err, "weft %s: http://%s  %s  bucket %s  generation %s (ready in %.2f s, %d vectors refilled)\n",
		version, u.node.http.Addr(), u.vectorsURL, c.bucketDir(), u.tenant.pinned.id, u.startup.Seconds(), u.refilled.Load())
	err = u.wait(ctx, c.UntilIdle)
	if errors.Is(err, context.Canceled) {
		err = nil // Ctrl-C: everything acknowledged is in the bucket
	}
	report := u.finish()
	if c.JSON {
		return errors.Join(err, json.NewEncoder(a.out).Encode(report))
	}
	if err == nil {
		fmt.Fprintln(a.err, report)
	}
	return err
}

// up is a running `weft up`.
type up struct {
	app        *app
	node       *node
	tenant     *tenant            // the first one, as it was at the start
	unfeed     context.CancelFunc // no further tenants are begun
	redis      *embeddedRedis     // nil: a server of the caller's
	vectorsURL string
	lock       *dataLock
	began      time.Time
	startup    time.Duration
	refilled   atomic.Int64
	cpuBefore  float64 // CPU seconds of the process when the work began
	once       sync.Once
}

func (c *upCmd) start(ctx context.Context, a *app) (_ *up, err error) {
	u := &up{app: a, began: time.Now()}
	defer func() {
		if err != nil {
			u.stop()
		}
	}()
	if u.lock, err = lockData(c.Data); err != nil {
		return nil, err
	}
	if err := c.makeBucket(); err != nil {
		return nil, err
	}
	queueURL, vectorsURL := c.Queue, c.Vectors
	embedded := queueURL == "" && vectorsURL == ""
	if embedded {
		if u.redis, err = startEmbeddedRedis(); err != nil {
			return nil, err
		}
		queueURL, vectorsURL = "redis://"+u.redis.Addr()+"/0", "redis://"+u.redis.Addr()+"/1"
	}
	u.vectorsURL = vectorsURL
	if u.node, err = openNode(ctx, a, c.place, c.encoders, queueURL, vectorsURL, false); err != nil {
		return nil, err
	}
	n := u.node
	ctx, u.unfeed = context.WithCancel(ctx)
	begin := func(ctx context.Context, name tasks.Tenant) error { return u.begin(ctx, c, name, embedded) }
	if err := n.forEach(ctx, c.several, begin); err != nil {
		return nil, err
	}
	notify := func(t *tenant, id tasks.ProductID) error { return t.scheduler.Hint(id, 0) }
	if err := n.startServe(ctx, c.Listen, c.access, notify); err != nil {
		return nil, err
	}
	n.followPointers(ctx, (*tenant).pointed, begin)
	u.startup, u.cpuBefore = time.Since(u.began), cpuSeconds()
	return u, u.lock.publish(lockInfo{HTTP: n.http.Addr().String(), Token: n.localToken, Redis: u.vectorsURL, Queue: queueURL, PID: pid(), Started: u.began})
}

// begin runs all roles for a tenant. alone tells that nobody else writes to Redis.
func (u *up) begin(ctx context.Context, c *upCmd, name tasks.Tenant, alone bool) (err error) {
	n := u.node
	t, err := n.openTenant(ctx, name)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			n.unseat(t)
			t.close()
		}
	}()
	load := t.vectors.Load
	if alone && n.tenantOf(name) == nil {
		load = t.vectors.LoadExclusive
	}
	refilled, err := scheduler.Refill(ctx, t.lake, t.vectors, t.pinned.id, load)
	if err != nil {
		return err
	}
	u.refilled.Add(int64(refilled))
	if err := t.newWorker(); err != nil {
		return err
	}
	if u.tenant == nil { // the first
		u.tenant = t
		n.hold(t, true)
		if c.warm {
			if err := t.pinned.encoders.image.Load(ctx); err != nil {
				return err
			}
		}
		if err := errors.Join(n.startWorker(t.pinned), n.startReaper(ctx)); err != nil {
			return err
		}
	}
	if err := t.startFeeding(c.SweepEvery, !c.UntilIdle); err != nil {
		return err
	}
	if t != u.tenant {
		n.hold(t, true)
	}
	n.admit(t)
	return nil
}

// stop ends the parts in order; it may be called twice.
func (u *up) stop() {
	u.once.Do(func() {
		if u.unfeed != nil {
			u.unfeed()
		}
		if u.node != nil {
			u.node.stop()
		}
		if u.redis != nil {
			u.redis.Close()
		}
		if u.lock != nil {
			u.lock.release()
		}
	})
}

// wait returns when ctx ends, when everything is done (untilIdle), or when an
// encoder that is needed cannot be had.
func (u *up) wait(ctx context.Context, untilIdle bool) error {
	bar := newWorkBar(u.app.err)
	defer bar.done()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-u.node.lost:
			return err
		case <-tick.C:
		}
		bar.draw(u.first())
		if !untilIdle {
			continue
		}
		if idle, err := u.node.idle(ctx); err == nil && idle {
			return nil
		}
	}
}
