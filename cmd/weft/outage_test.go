package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"weft/storage/objects"
	"weft/tasks"
	"weft/tasks/queue"
)

// outage is how long a server stays away.
const outage = 2 * time.Second

// TestOutage takes Redis and S3 away from a fleet in the middle of its work, frozen
// and killed (a killed Redis comes back empty): the fleet waits, goes on by itself,
// loses nothing and gives nothing up.
func TestOutage(t *testing.T) {
	f := newFleet(t)
	f.start("1s")
	photo := samplePhoto(t, samples(t, 1)[0])
	products := 0
	rdb := redis.NewClient(&redis.Options{Addr: f.redis.Addr, DB: 1})
	queues := redis.NewClient(&redis.Options{Addr: f.redis.Addr})
	t.Cleanup(func() { _, _ = rdb.Close(), queues.Close() })
	// What is left to do is seen from the server that is still there.
	inBucket := func() bool { return f.audit().Products.Waiting > 0 }
	inQueues := func() bool {
		depths, err := queue.NewClient(queues).Depths(t.Context())
		return err == nil && tasks.Waiting(depths) > 0
	}
	for _, o := range []struct {
		name       string
		away, back func()
		left       func() bool
	}{
		{"Redis frozen", f.redis.Pause, f.redis.Resume, inBucket},
		{"S3 frozen", f.s3.Pause, f.s3.Resume, inQueues},
		{"S3 killed", f.s3.Kill, f.s3.Start, inQueues},
		{"Redis killed", f.redis.Kill, f.redis.Start, inBucket},
	} {
		t.Run(o.name, func(t *testing.T) {
			// More than the fleet can do before the server is gone; on a busy machine that may take several times as many.
			for batch, left := 150, false; !left; batch *= 2 {
				had := f.audit().Products.Vectors
				var puts errgroup.Group
				puts.SetLimit(16)
				for range batch {
					id := fmt.Sprintf("p%04d", products)
					puts.Go(func() error {
						_, err := f.bucket.Put(t.Context(), "media/"+id+"/photo.jpg", append(slices.Clone(photo), id...), objects.Condition{})
						return err
					})
					products++
				}
				must(t, puts.Wait())
				until(t, "the fleet is at work", func() bool { return f.audit().Products.Vectors > had })
				o.away()
				f.lasts(t, outage)
				if left = o.left(); !left && batch > 600 {
					t.Fatal("everything was done while the server was away: nothing was interrupted")
				}
				if !left {
					o.back()
					f.settled(products)
				}
			}
			o.back()
			back := time.Now()
			a := f.settled(products)
			if a.Products.Vectors != products || a.Objects.Dead+a.Rows.Dead != 0 {
				t.Errorf("audit: %+v; want every product with a vector and nothing dead", a)
			}
			until(t, "every vector is in Redis", func() bool {
				gen, err := rdb.Get(t.Context(), "weft:default:live").Result()
				if err != nil {
					return false
				}
				keys, err := rdb.Keys(t.Context(), "weft:default:"+gen+":product:*").Result()
				return err == nil && len(keys) == products
			})
			t.Logf("all done %.1f s after it came back", time.Since(back).Seconds())
		})
	}
	f.stop()
}

// lasts lets time pass, in which no process may end.
func (f *fleet) lasts(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-f.scheduler.exited:
	case <-f.workers[0].exited:
	case <-f.workers[1].exited:
	}
	f.alive()
}
