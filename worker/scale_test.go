package worker

import (
	"context"
	"flag"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/storage/objects"
	"weft/storage/servertest"
	"weft/storage/vectors"
	"weft/tasks"
	"weft/tasks/queue"
)

var (
	scaleItems   = flag.Int("scale-items", 40, "photos for each worker of TestScale")
	scaleCost    = flag.Duration("scale-cost", 10*time.Millisecond, "what an encoder call takes in TestScale")
	scaleIdle    = flag.Duration("scale-idle", 100*time.Millisecond, "how long the workers of TestScale are watched while they have nothing to do")
	scaleWorkers = flag.String("scale-workers", "2", "worker processes of the runs of TestScale")
)

// TestScale runs worker processes with an encoder of fixed cost, which uses no core, over a real
// redis-server and a real S3 server, and prints how the rate grows with the workers, what the pipeline does without
// any encoder and what the queue does alone, and what an item costs Redis. Short, it sees to it that nothing
// is lost; `make scale` is the long version.
func TestScale(t *testing.T) {
	s := newScale(t)
	var counts []int
	for word := range strings.SplitSeq(*scaleWorkers, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			t.Fatalf("-scale-workers %q: want numbers of workers, such as 1,2,4,8", *scaleWorkers)
		}
		counts = append(counts, n)
	}
	var rows []scaleRow
	for _, n := range counts {
		rows = append(rows, s.run(fmt.Sprintf("encoder of %v", *scaleCost), n, n**scaleItems, scaleWorker{Cost: *scaleCost}))
	}
	for _, n := range counts[:min(2, len(counts))] {
		rows = append(rows, s.run("no encoder", n, 2**scaleItems, scaleWorker{}), s.run("queue alone", n, 10**scaleItems, scaleWorker{Idle: true}))
	}
	t.Log("\n" + scaleTable(rows))
}

// scaleRow is one run.
type scaleRow struct {
	what           string
	workers, items int
	took           time.Duration
	ops, in, out   float64 // per item: commands, bytes to Redis, bytes from it
	idle           float64 // commands a second of a worker with nothing to do
	kept           float64 // bytes in Redis afterwards, per item
}

func (r scaleRow) rate() float64 { return float64(r.items) / r.took.Seconds() }

func scaleTable(rows []scaleRow) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "what\tworkers\titems\tseconds\titems/s\tspeed-up\tRedis commands/item\tbytes to it\tfrom it\tkept/item\tcommands/s of an idle worker\t")
	first := map[string]float64{}
	for _, r := range rows {
		if first[r.what] == 0 {
			first[r.what] = r.rate() / float64(r.workers)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%.2f\t%.0f\t%.2f\t%.1f\t%.0f\t%.0f\t%.0f\t%.0f\t\n", r.what, r.workers, r.items, r.took.Seconds(), r.rate(), r.rate()/first[r.what], r.ops, r.in, r.out, r.kept, r.idle)
	}
	_ = w.Flush() // to memory
	return b.String()
}

// scale is the servers, and the commands that the measuring itself sends.
type scale struct {
	t     *testing.T
	redis *servertest.RedisServer
	s3    *servertest.S3Server
	rdb   *redis.Client
	queue *queue.Client
	own   atomic.Int64
	runs  int
}

func newScale(t *testing.T) *scale {
	s := &scale{t: t, redis: servertest.Redis(t), s3: servertest.S3(t)}
	s.rdb = redis.NewClient(&redis.Options{Addr: s.redis.Addr})
	t.Cleanup(func() { _ = s.rdb.Close() })
	s.rdb.AddHook(s)
	s.queue = queue.NewClient(s.rdb)
	return s
}

// DialHook implements redis.Hook.
func (s *scale) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook counts a command.
func (s *scale) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { s.own.Add(1); return next(ctx, cmd) }
}

// ProcessPipelineHook counts commands.
func (s *scale) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		s.own.Add(int64(len(cmds)))
		return next(ctx, cmds)
	}
}

// run lets workers do so many items, all of which wait in a paused queue before the clock starts.
func (s *scale) run(what string, workers, items int, as scaleWorker) scaleRow {
	s.t.Helper()
	ctx := s.t.Context()
	must(s.t, s.rdb.FlushAll(ctx).Err())
	must(s.t, queue.Register(ctx, s.rdb))
	_, err := s.queue.Pause(ctx)
	must(s.t, err)
	s.runs++
	as.Redis, as.Bucket, as.AccessKey, as.SecretKey = s.redis.Addr, s.s3.URL(fmt.Sprint("run", s.runs)), s.s3.AccessKey, s.s3.SecretKey
	s.fill(as, items)
	var stops []func()
	for i := range workers {
		as.Name = fmt.Sprintf("w%d-%d", s.runs, i+1)
		stops = append(stops, as.start(s.t))
	}
	idle := s.count()
	s.wait(func() bool { return time.Since(idle.at) >= *scaleIdle })
	before := s.count()
	_, err = s.queue.Resume(ctx)
	must(s.t, err)
	s.wait(func() bool {
		ds, err := s.queue.Depths(ctx)
		return err == nil && tasks.Waiting(ds) == 0
	})
	after := s.count()
	if !as.Idle {
		s.whole(items)
	}
	kept := s.kept(items)
	for _, stop := range stops {
		stop()
	}
	n := float64(items)
	return scaleRow{what: what, workers: workers, items: items, took: after.at.Sub(before.at), ops: (after.ops - before.ops) / n, in: (after.in - before.in) / n, out: (after.out - before.out) / n,
		idle: (before.ops - idle.ops) / before.at.Sub(idle.at).Seconds() / float64(workers), kept: kept}
}

// fill puts photos into the bucket and their tasks into the queue.
func (s *scale) fill(as scaleWorker, items int) {
	s.t.Helper()
	bucket, err := objects.Open(s.t.Context(), as.Bucket, objects.Credentials{AccessKey: as.AccessKey, SecretKey: as.SecretKey})
	must(s.t, err)
	var group sync.WaitGroup
	var failed atomic.Pointer[error]
	next := make(chan int)
	for range 8 {
		group.Go(func() {
			for i := range next {
				if err := s.fillOne(bucket, as, i); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	for i := range items {
		next <- i
	}
	close(next)
	group.Wait()
	if err := failed.Load(); err != nil {
		s.t.Fatal(*err)
	}
}

func (s *scale) fillOne(bucket objects.Store, as scaleWorker, i int) error {
	id := tasks.ProductID(fmt.Sprintf("p%06d", i))
	task := tasks.Task{Type: tasks.ImageEmbed, Tenant: "shop", Generation: gen, Lane: tasks.Bulk, Product: id, Key: tasks.ProductPrefix(id) + "photo.jpg", ETag: "none"}
	if !as.Idle {
		info, err := bucket.Put(s.t.Context(), task.Key, fmt.Appendf(nil, "photo %d of %s", i, as.Bucket), objects.Condition{})
		if err != nil {
			return err
		}
		task.ETag = info.ETag
	}
	_, err := s.queue.Enqueue(s.t.Context(), task)
	return err
}

// whole fails the test unless every item has its vector.
func (s *scale) whole(items int) {
	s.t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: s.redis.Addr, DB: 1})
	defer func() { _ = rdb.Close() }()
	v, err := vectors.New(vectors.Config{Redis: rdb, Tenant: "shop"})
	must(s.t, err)
	n := 0
	for _, err := range v.Heads(s.t.Context(), gen, vectors.Product) {
		must(s.t, err)
		n++
	}
	if n != items {
		s.t.Errorf("%d vectors of %d items", n, items)
	}
}

// kept is what Redis holds afterwards for each item: the vector, and what is left of its task.
func (s *scale) kept(items int) float64 {
	s.t.Helper()
	return (s.info("memory", "used_memory_dataset")) / float64(items)
}

// counted are Redis' own figures, without the commands that the measuring sends.
type counted struct {
	at           time.Time
	ops, in, out float64
}

func (s *scale) count() counted {
	own := s.own.Load()
	c := counted{ops: s.info("stats", "total_commands_processed"), in: s.info("stats", "total_net_input_bytes"), out: s.info("stats", "total_net_output_bytes")}
	c.ops -= float64(own)
	c.at = time.Now()
	return c
}

func (s *scale) info(section, name string) float64 {
	s.t.Helper()
	text, err := s.rdb.Info(s.t.Context(), section).Result()
	must(s.t, err)
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			n, err := strconv.ParseFloat(value, 64)
			must(s.t, err)
			return n
		}
	}
	s.t.Fatalf("Redis does not tell %s", name)
	return 0
}

// wait polls until it holds.
func (s *scale) wait(holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Minute); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			s.t.Fatal("not done within ten minutes")
		}
	}
}
