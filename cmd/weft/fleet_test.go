package main

import (
	"math"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/scheduler"
	"weft/storage/objects"
	"weft/storage/servertest"
)

// fleet is a scheduler and two workers, each a process, over a real Redis and a
// real S3 server.
type fleet struct {
	t         *testing.T
	redis     *servertest.RedisServer
	s3        *servertest.S3Server
	bucket    objects.Store // below the tenant
	scheduler *process
	workers   []*process
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, redis: servertest.Redis(t), s3: servertest.S3(t)}
	store, err := objects.Open(t.Context(), f.s3.URL("shop"), objects.Credentials{AccessKey: f.s3.AccessKey, SecretKey: f.s3.SecretKey})
	must(t, err)
	f.bucket = objects.WithPrefix(store, "default/")
	return f
}

// start starts the roles; the scheduler sweeps as often as it is told.
func (f *fleet) start(every string) {
	f.t.Helper()
	f.startScheduler(every)
	f.workers = []*process{spawn(f.t, f.args("worker", "--runners", "1")...), spawn(f.t, f.args("worker", "--runners", "1")...)}
}

func (f *fleet) startScheduler(every string) {
	f.t.Helper()
	f.scheduler = spawn(f.t, f.args("scheduler", "--sweep-every", every)...)
	until(f.t, "the scheduler is ready", func() bool { f.scheduler.alive(); return strings.Contains(f.scheduler.err.String(), "weft scheduler") })
}

func (f *fleet) args(role string, more ...string) []string {
	return append(append([]string{role}, more...), append(f.place(), "--queue", f.redis.URL("0"), "--vectors", f.redis.URL("1"))...)
}

// place names the bucket.
func (f *fleet) place() []string {
	return []string{"--objects", f.s3.URL("shop"), "--s3-access-key", f.s3.AccessKey, "--s3-secret-key", f.s3.SecretKey}
}

// upload copies a shop's media into the fleet's bucket.
func (f *fleet) upload(s shop) {
	f.t.Helper()
	dir, err := objects.OpenDir(s.dir + "/bucket")
	must(f.t, err)
	local := objects.WithPrefix(dir, "default/")
	for info, err := range local.List(f.t.Context(), "media/", "") {
		must(f.t, err)
		body, _, err := local.Get(f.t.Context(), info.Key, objects.GetOptions{})
		must(f.t, err)
		f.put(info.Key, body)
	}
}

func (f *fleet) put(key string, body []byte) {
	f.t.Helper()
	_, err := f.bucket.Put(f.t.Context(), key, body, objects.Condition{})
	must(f.t, err)
}

// audit is the fleet's audit, balanced or not; it fails only when it cannot be read.
func (f *fleet) audit() (a scheduler.Audit) {
	f.t.Helper()
	if o := weft(f.t, append([]string{"audit", "--json"}, f.place()...)...); o.out != "" {
		parse(f.t, o.out, &a)
	}
	return a
}

// settled waits until everything is accounted for, and returns the audit.
func (f *fleet) settled(products int) (a scheduler.Audit) {
	f.t.Helper()
	until(f.t, "the fleet has done its work", func() bool {
		f.alive()
		a = f.audit()
		return a.Balanced && a.Products.Expected == products
	})
	return a
}

func (f *fleet) alive() {
	f.t.Helper()
	for _, p := range append(slices.Clone(f.workers), f.scheduler) {
		p.alive()
	}
}

// stop asks every process to end; each must exit 0.
func (f *fleet) stop() {
	f.t.Helper()
	all := append(slices.Clone(f.workers), f.scheduler)
	for _, p := range all {
		p.signal(syscall.SIGTERM)
	}
	for _, p := range all {
		if code := p.wait(); code != exitDone {
			f.t.Errorf("weft %s: exit %d", p.cmd.Args[1], code)
		}
	}
}

// TestFleet holds the vectors of a fleet against those of `weft up` over the same
// catalogue. The ETags of a directory and of S3 differ, and no vector may know.
func TestFleet(t *testing.T) {
	s := newShop(t)
	ids := samples(t, 40)
	s.stock(ids...)
	s.put("photo-only", "photo.jpg", samplePhoto(t, ids[0]))
	s.put("text-only", "product.json", listing(t, ids[1], nil))
	s.put("two-photos", "b.jpg", samplePhoto(t, ids[2]))
	s.put("two-photos", "a.jpg", samplePhoto(t, ids[3]))
	const products = 43

	f := newFleet(t)
	f.upload(s)
	began := time.Now()
	f.start("2s")
	a := f.settled(products)
	took := time.Since(began)
	if a.Products.Vectors != products || a.Objects.Dead != 0 {
		t.Errorf("audit: %+v", a)
	}
	rdb := redis.NewClient(&redis.Options{Addr: f.redis.Addr, DB: 1})
	t.Cleanup(func() { _ = rdb.Close() })
	gen, err := rdb.Get(t.Context(), "weft:default:live").Result()
	must(t, err)
	until(t, "every vector is in Redis", func() bool {
		keys, err := rdb.Keys(t.Context(), "weft:default:"+gen+":product:*").Result()
		return err == nil && len(keys) == products
	})
	f.stop()

	s.up()
	alone := exported[productRow](t, "products", "--data", s.dir)
	together := exported[productRow](t, "products", f.place()...)
	if len(alone) != products || len(together) != products {
		t.Fatalf("%d products from up, %d from the fleet, want %d", len(alone), len(together), products)
	}
	worst := 0.0
	for i, row := range alone {
		other := together[i]
		if row.ID != other.ID || row.Generation != other.Generation || other.Generation != gen {
			t.Fatalf("row %d is %s of %s from up, %s of %s from the fleet", i, row.ID, row.Generation, other.ID, other.Generation)
		}
		for d := range row.Vector {
			worst = max(worst, math.Abs(float64(row.Vector[d])-float64(other.Vector[d])))
		}
		if raw, err := rdb.HGet(t.Context(), "weft:default:"+gen+":product:"+row.ID, "vector").Bytes(); err != nil || !slices.Equal(raw, littleEndian(other.Vector)) {
			t.Errorf("%s: Redis and the lake hold different vectors (%v)", row.ID, err)
		}
	}
	if worst > 1e-6 {
		t.Errorf("the vectors differ by up to %g", worst)
	}
	t.Logf("a scheduler and two workers, start to last vector: %.1f s; vectors differ by at most %g", took.Seconds(), worst)
}

func littleEndian(v []float32) []byte {
	var b []byte
	for _, x := range v {
		u := math.Float32bits(x)
		b = append(b, byte(u), byte(u>>8), byte(u>>16), byte(u>>24))
	}
	return b
}
