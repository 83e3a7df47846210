package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"weft/crew"
	"weft/scheduler"
	"weft/tasks"
	"weft/tasks/queue"
)

type autoscaleCmd struct {
	place
	several
	encoders
	Min         int           `help:"Workers that always run." default:"0"`
	Max         int           `help:"Workers that run at most, those that drain included; default one per core." placeholder:"N"`
	DrainTarget time.Duration `help:"Within which time everything that waits is to be done." default:"5m"`
	CoolDown    time.Duration `help:"How long fewer workers must be wanted before any is stopped; longer than an item takes." default:"2m"`
	Every       time.Duration `help:"How often to look." default:"2s"`
	JSON        bool          `help:"Print a JSON line for every look."`
	Simulate    bool          `help:"Run a made-up day of bursts instead, with the same decisions, and compare it with fixed fleets. Nothing is started."`
	Seed        uint64        `help:"Of the made-up day." default:"1"`
}

// Help is shown by --help.
func (autoscaleCmd) Help() string {
	return `Workers are processes on this machine, each with --runners encoder calls at once (on a CPU 1 unless it is given). They are stopped by
SIGTERM, finish what they have in hand, and are waited for; one that crashes is replaced, with growing pauses. Ctrl-C
drains all of them; a second one ends them at once, and their work is issued again. A scheduler must run somewhere.
What waits is that of all tenants, or of those that are named; whoever runs works for all of them.
On Kubernetes, KEDA does this by the same figures: see deploy/.

Examples:
  weft autoscale --objects 's3://shop?endpoint=localhost:9000' --queue redis://localhost:6379/0 --vectors redis://localhost:6379/1 --max 8
  weft autoscale … --tenants acme,zeta    # counts what waits for these, and its workers begin with them
  weft autoscale … --json > timeline.jsonl
  weft autoscale --simulate --max 40 --drain-target 5m --cool-down 2m`
}

// look is one line of the timeline.
type look struct {
	Time     time.Time `json:"time"`
	Waiting  int       `json:"waiting"`
	Delayed  int       `json:"delayed"`
	Unissued int       `json:"unissued"`
	Work     float64   `json:"work_seconds"`
	Oldest   float64   `json:"oldest_seconds"`
	Wanted   int       `json:"workers_wanted"`
	Decided  int       `json:"workers_decided"`
	Running  int       `json:"running"`
	Draining int       `json:"draining"`
	Started  int       `json:"started"` // so far
	Crashed  int       `json:"crashed"` // so far
	Killed   int       `json:"killed"`  // so far: did not drain in time
	Error    string    `json:"error,omitempty"`
}

func (c *autoscaleCmd) policy() (scheduler.Policy, error) {
	p := scheduler.Policy{Min: c.Min, Max: c.Max, CoolDown: c.CoolDown}
	if p.Max == 0 {
		p.Max = max(p.Min, runtime.GOMAXPROCS(0))
	}
	if err := p.Validate(); err != nil {
		return p, usageError{err}
	}
	if c.DrainTarget < scheduler.MinTarget || c.DrainTarget > scheduler.MaxTarget {
		return p, usagef("--drain-target %v: want %v to %v", c.DrainTarget, scheduler.MinTarget, scheduler.MaxTarget)
	}
	if c.Every < 100*time.Millisecond {
		return p, usagef("--every %v: want 100ms or more", c.Every)
	}
	return p, nil
}

// Run is `weft autoscale`.
func (c *autoscaleCmd) Run(ctx context.Context, a *app) error {
	policy, err := c.policy()
	if err != nil {
		return err
	}
	if c.Simulate {
		return c.simulate(a, policy)
	}
	if c.Vectors == "" || (c.Objects == "" && c.Data == "") {
		return usagef("the workers need to know where: give --objects, --queue and --vectors, as for `weft worker`")
	}
	tenants, err := c.named(c.place)
	if err != nil {
		return err
	}
	rdb, err := openRedis(ctx, "--queue", c.Queue)
	if err != nil {
		return err
	}
	defer func() { _ = rdb.Close() }()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	workers := crew.New(crew.Config{Program: program, Args: []string{"worker"}, Env: c.environment(os.Environ()), Output: a.err, Log: a.log,
		Grace: drainTime + closeTime + 5*time.Second, Now: time.Now})
	fmt.Fprintf(a.err, "weft autoscale %s: %d to %d workers, everything within %v\n", version, policy.Min, policy.Max, c.DrainTarget)
	gauge := scheduler.NewGauge(queue.NewClient(rdb))
	return c.follow(ctx, a, policy, workers, func(ctx context.Context) (tasks.Fleet, error) { return gauge.Look(ctx, c.DrainTarget, tenants...) })
}

// follow looks and acts until ctx ends, and then drains everybody.
func (c *autoscaleCmd) follow(ctx context.Context, a *app, policy scheduler.Policy, workers *crew.Crew, measure func(context.Context) (tasks.Fleet, error)) error {
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	decided, said := policy.Min, -1
	var history scheduler.History
	for {
		b, err := measure(ctx)
		if err == nil {
			decided, history = policy.Decide(b.Wanted, decided, time.Now(), history)
		} else if ctx.Err() == nil { // the number stays: what cannot be read is not empty
			a.log.Warn("the queues cannot be read; the workers stay as they are", "workers", decided, "error", err)
		}
		if ctx.Err() == nil {
			workers.Become(decided, policy.Max)
		}
		if err := c.tell(a, b.Backlog, err, decided, workers, &said); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-workers.Changed():
		case <-ctx.Done():
			workers.Stop()
			return c.tell(a, tasks.Backlog{}, nil, 0, workers, &said)
		}
	}
}

func (c *autoscaleCmd) tell(a *app, b tasks.Backlog, failed error, decided int, workers *crew.Crew, said *int) error {
	s := workers.State()
	if c.JSON {
		l := look{Time: time.Now().UTC(), Waiting: b.Waiting, Delayed: b.Delayed, Unissued: b.Unissued, Work: b.Work, Oldest: b.Oldest, Wanted: b.Wanted, Decided: decided,
			Running: s.Running, Draining: s.Draining, Started: s.Started, Crashed: s.Crashed, Killed: s.Killed}
		if failed != nil {
			l.Error = failed.Error()
		}
		return json.NewEncoder(a.out).Encode(l)
	}
	if decided != *said {
		fmt.Fprintf(a.err, "%d workers (%d run, %d drain): %d items wait, %.0f s of one worker's work\n", decided, s.Running, s.Draining, b.Waiting+b.Unissued, b.Work)
		*said = decided
	}
	return nil
}

// environment hands the flags on to the workers. Not as arguments: others on the
// machine may read those, and addresses hold passwords.
func (c *autoscaleCmd) environment(inherited []string) []string {
	number := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	var devices []string
	for _, d := range c.Devices {
		devices = append(devices, strconv.Itoa(d))
	}
	set := map[string]string{
		"TENANT": c.Tenant, "TENANTS": strings.Join(c.Tenants, ","), "DATA": c.Data, "OBJECTS": c.Objects, "QUEUE": c.Queue, "VECTORS": c.Vectors, "S3_ACCESS_KEY": c.S3AccessKey, "S3_SECRET_KEY": c.S3SecretKey,
		"MODELS": c.Models, "CACHE": c.Cache, "IMAGE_MODEL": c.Image, "TEXT_MODEL": c.Text, "DECODER": c.Decoder, "PROVIDER": c.Provider, "ONNXRUNTIME": c.Runtime,
		"DEVICES": strings.Join(devices, ","), "SESSIONS": number(int64(c.Sessions)), "BATCH": number(int64(c.Batch)), "GPU_MEMORY": number(c.GPUMemory),
		"RUNNERS": number(int64(c.Runners)), "METRICS": "", // one address cannot serve several
	}
	if c.Runners == 0 && !c.accelerated() {
		set["RUNNERS"] = "1"
	}
	var env []string
	for _, entry := range inherited {
		name, _, _ := strings.Cut(entry, "=")
		if _, ours := set[strings.TrimPrefix(name, "WEFT_")]; !ours || !strings.HasPrefix(name, "WEFT_") {
			env = append(env, entry)
		}
	}
	for name, value := range set {
		if value != "" {
			env = append(env, "WEFT_"+name+"="+value)
		}
	}
	return env
}
