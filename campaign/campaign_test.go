package campaign

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/campaign/proxy"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/servertest"
	"weft/storage/vectors"
	"weft/tasks"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "seed of the schedule and of the catalogue; 0: of the clock")
	faultsFlag = flag.Int("faults", 0, "faults to inject; 0: 36, or 500 with -long")
	kindsFlag  = flag.String("kinds", "", "only the kinds whose names hold one of these words, separated by commas")
	longFlag   = flag.Bool("long", false, "each kind alone too, with long freezes and a flood of poison at the end")
	floodFlag  = flag.Int("flood", 12_000, "bad photos at the end of the long version")
	logFlag    = flag.String("log", "", "file for what the weft processes log")
)

type config struct {
	seed           uint64
	faults         int
	kinds          []kind
	long           bool
	products, rate int           // size of the catalogue, changes per second
	workers        int           // processes
	patience       time.Duration // for one convergence
}

// campaign is the servers, the fleet and what is broken of them at the moment. Its
// methods are the test's goroutine's, unless they say otherwise.
type campaign struct {
	t    *testing.T
	ctx  context.Context
	cfg  config
	dice *rand.Rand

	redis       *servertest.RedisServer
	redisRun    int // times it was killed
	redisDown   bool
	redisFrozen bool
	s3          *servertest.S3Server
	tcp         *proxy.TCP
	http        *proxy.HTTP
	links       links
	mu          sync.Mutex
	tcpFaults   proxy.TCPFaults
	httpFaults  proxy.HTTPFaults

	queueRDB, vectorRDB *redis.Client // past the proxy
	vectors             *vectors.Store
	store               objects.Store // past the proxy, below the tenant
	generation          tasks.Generation
	fleet               *fleet
	shop                *shop
	report              *report
	missed              bool // the fault that was just begun met nothing to break
	others              sync.WaitGroup
}

// TestCampaign is the whole of it.
func TestCampaign(t *testing.T) {
	cfg := settings()
	t.Logf("seed %d: %d faults of %d kinds", cfg.seed, cfg.faults, len(cfg.kinds))
	c := begin(t, cfg)
	unconverged := 0
	for i, b := range plan(cfg.kinds, cfg.faults, !cfg.long, c.dice) {
		c.inject(b)
		how := c.converge()
		c.report.converged(b, how)
		c.say("batch %d, %s: resumed %.1f s, Redis %.1f s, balanced %.1f s", i+1, names(b), how.resumed.Seconds(), how.readable.Seconds(), how.balanced.Seconds())
		if len(how.missing) > 0 {
			t.Errorf("batch %d (%s) did not converge within %v: %d missing\n%s", i+1, names(b), cfg.patience, len(how.missing), head(how.missing, 20))
			t.Logf("queues: %s", c.queues())
			if unconverged++; unconverged >= 3 || t.Context().Err() != nil {
				break
			}
			c.note(c.queueRDB.FlushAll(c.ctx).Err()) // go on from a known state
		}
	}
	if cfg.long && *floodFlag > 0 && len(cfg.kinds) == len(kinds()) {
		c.flood()
	}
	c.finish()
}

func settings() config {
	cfg := config{seed: *seedFlag, faults: *faultsFlag, long: *longFlag, products: 60, rate: 25, workers: 2, patience: 150 * time.Second}
	if cfg.long {
		cfg.products, cfg.rate, cfg.workers, cfg.patience = 150, 35, 3, 5*time.Minute
	}
	if cfg.seed == 0 {
		cfg.seed = uint64(time.Now().UnixNano())
	}
	if cfg.faults == 0 {
		cfg.faults = 36
		if cfg.long {
			cfg.faults = 500
		}
	}
	for _, k := range kinds() {
		wanted := *kindsFlag == "" || slices.ContainsFunc(strings.Split(*kindsFlag, ","), func(w string) bool { return strings.Contains(k.name, w) })
		if wanted && (cfg.long || !k.long) {
			cfg.kinds = append(cfg.kinds, k)
		}
	}
	return cfg
}

// begin starts the servers and the fleet and fills the shop.
func begin(t *testing.T, cfg config) *campaign {
	if len(cfg.kinds) == 0 {
		t.Fatalf("-kinds %q: no kind is called so", *kindsFlag)
	}
	c := &campaign{t: t, ctx: t.Context(), cfg: cfg, dice: rand.New(rand.NewPCG(cfg.seed, 0)), report: newReport(cfg.kinds)}
	redis.SetLogger(silence{}) // a server that is away is what this is about
	c.redis, c.s3 = servertest.Redis(t), servertest.S3(t)
	var err error
	c.tcp, err = proxy.ListenTCP(c.redis.Addr, cfg.seed)
	c.must(err)
	t.Cleanup(c.tcp.Close)
	c.http, err = proxy.ListenHTTP(c.s3.Addr, cfg.seed)
	c.must(err)
	t.Cleanup(c.http.Close)
	c.queueRDB, c.vectorRDB = c.client(0), c.client(1)
	c.vectors, err = vectors.New(vectors.Config{Redis: c.vectorRDB, Tenant: tasks.DefaultTenant})
	c.must(err)
	bucket, err := objects.Open(c.ctx, c.s3.URL(""), objects.Credentials{AccessKey: c.s3.AccessKey, SecretKey: c.s3.SecretKey})
	c.must(err)
	c.store = objects.WithPrefix(bucket, string(tasks.DefaultTenant)+"/")
	contents, err := loadContents(filepath.Join("..", "examples", "catalogue"))
	c.must(err)
	c.shop = newShop(c.store, contents, cfg.seed)
	for range cfg.products / 2 {
		c.shop.create(c.ctx)
	}
	c.startFleet()
	c.generation = c.liveGeneration()
	how := c.converge()
	if len(how.missing) > 0 {
		t.Fatalf("the fleet does not converge without any fault:\n%s", head(how.missing, 20))
	}
	c.say("%d products ready after %.1f s", len(c.shop.ids), how.balanced.Seconds())
	return c
}

func (c *campaign) startFleet() {
	binary := filepath.Join(c.t.TempDir(), "weft")
	build := exec.CommandContext(c.ctx, "go", "build", "-o", binary, "./cmd/weft")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		c.t.Fatalf("building weft: %v\n%s", err, out)
	}
	log := io.Writer(io.Discard)
	if *logFlag != "" {
		file, err := os.Create(*logFlag)
		c.must(err)
		c.t.Cleanup(func() { _ = file.Close() })
		log = file
	}
	c.fleet = newFleet(binary, c.environment(), log)
	c.t.Cleanup(func() { _ = c.fleet.stop() }) // after finish there is nothing left to stop
	bucket := strings.Replace(c.s3.URL(""), "endpoint="+queryAddr(c.s3.Addr), "endpoint="+queryAddr(c.http.Addr()), 1)
	where := []string{"--objects", bucket, "--queue", "redis://" + c.tcp.Addr() + "/0", "--vectors", "redis://" + c.tcp.Addr() + "/1"}
	c.fleet.args["worker"] = append(slices.Clone(where), "--runners", "1")
	c.fleet.args["scheduler"] = append(slices.Clone(where), "--sweep-every", "1s", "--repair-every", "5s")
	c.fleet.add("scheduler")
	c.ready() // the first one begins the generation
	for range c.cfg.workers - 1 {
		c.fleet.add("worker")
	}
	c.fleet.addAs("worker", c.linked(c.fleet.args["worker"]))
	c.ready()
}

func (c *campaign) ready() {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.patience)
	defer cancel()
	if err := c.fleet.waitReady(ctx); err != nil {
		c.t.Fatalf("the fleet does not start: %v\n%s", err, strings.Join(c.fleet.tails(), "\n"))
	}
}

// environment is the developer's, without settings of weft.
func (c *campaign) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "WEFT_") })
	return append(env, "AWS_ACCESS_KEY_ID="+c.s3.AccessKey, "AWS_SECRET_ACCESS_KEY="+c.s3.SecretKey)
}

// client talks to Redis past the proxy, and does not wait long for one that is frozen.
func (c *campaign) client(db int) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: c.redis.Addr, DB: db, MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: time.Second})
	c.t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func (c *campaign) liveGeneration() tasks.Generation {
	l := c.openLake()
	defer func() { _ = l.Close(c.ctx) }()
	id, err := l.Generations.Live(c.ctx)
	c.must(err)
	return tasks.Generation(id)
}

func (c *campaign) openLake() *lake.Lake {
	l, err := lake.Open(c.ctx, lake.Config{Store: c.store, ReadOnly: true})
	c.must(err)
	return l
}

// network changes what the proxies do. Any goroutine may call it.
func (c *campaign) network(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	c.tcp.Set(c.tcpFaults)
	c.http.Set(c.httpFaults)
}

// calm ends what faults may have left behind.
func (c *campaign) calm() {
	c.network(func() { c.tcpFaults, c.httpFaults = proxy.TCPFaults{}, proxy.HTTPFaults{} })
	c.http.Before(nil)
	c.others.Wait()
	c.must(poll(c.ctx, checkEvery, func() bool { return c.queueRDB.ConfigSet(c.ctx, "maxmemory", "0").Err() == nil }))
}

// background runs f beside the schedule; calm waits for it.
func (c *campaign) background(f func(context.Context)) {
	c.others.Go(func() { f(c.ctx) })
}

// note takes an error of injecting a fault: the fault did not happen.
func (c *campaign) note(err error) {
	if err != nil && !errors.Is(err, redis.Nil) {
		c.miss()
	}
}

func (c *campaign) miss() { c.missed = true }

func (c *campaign) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// say writes progress at once; a test's log would come at its end.
func (c *campaign) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// names lists the kinds of a batch, each with its count.
func names(b batch) string {
	count := map[string]int{}
	var order []string
	for _, k := range b.faults {
		if count[k.name]++; count[k.name] == 1 {
			order = append(order, k.name)
		}
	}
	for i, name := range order {
		order[i] = fmt.Sprintf("%d %s", count[name], name)
	}
	return strings.Join(order, ", ")
}

// silence is a logger for go-redis.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func head(lines []string, n int) string { return strings.Join(lines[:min(n, len(lines))], "\n") }

func queryAddr(addr string) string { return strings.ReplaceAll(addr, ":", "%3A") }
