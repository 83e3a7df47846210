package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/scheduler"
	"weft/storage/lake"
	"weft/tasks"
	"weft/tasks/queue"
)

var (
	burstPhotos   = flag.Int("burst-photos", 120, "photos of TestBurst")
	burstTarget   = flag.Duration("burst-target", time.Second, "--drain-target of its autoscaler; from a minute on it must be met")
	burstCoolDown = flag.Duration("burst-cool-down", 2*time.Second, "--cool-down of its autoscaler")
	burstWorkers  = flag.Int("burst-workers", 2, "--max of its autoscaler")
	burstReport   = flag.String("burst-report", "", "page with the timeline that it writes, .html; the plot beside it, .svg")
)

// TestBurst puts photos into the bucket of a fleet without any worker, as fast as it takes
// them. `weft autoscale` starts workers, the encoder being the real one, and ends them when
// the work is done: nothing is lost, and nobody ends with work in hand. Each content differs, the pixels repeat. `make burst` is the long version.
func TestBurst(t *testing.T) {
	every, sweep := "200ms", "1s"
	if *burstPhotos > 1000 {
		every, sweep = "1s", "10s"
	}
	f := newFleet(t)
	f.startScheduler(sweep)
	scaler := spawn(t, f.args("autoscale", "--max", fmt.Sprint(*burstWorkers), "--drain-target", burstTarget.String(), "--cool-down", burstCoolDown.String(), "--every", every, "--json")...)
	until(t, "it looks", func() bool { scaler.alive(); return len(timeline(t, scaler)) > 2 })
	for _, l := range timeline(t, scaler) {
		if l.Started != 0 {
			t.Fatalf("a worker was started for nothing: %+v", l)
		}
	}
	b := burst{fleet: f, scaler: scaler, vectors: redis.NewClient(&redis.Options{Addr: f.redis.Addr, DB: 1}), began: time.Now()}
	defer func() { _ = b.vectors.Close() }()
	b.upload(*burstPhotos)
	b.follow(*burstPhotos)
	b.check(*burstPhotos)
	if *burstReport != "" {
		must(t, b.write(*burstReport))
	}
	scaler.signal(15)
	if code := scaler.wait(); code != exitDone {
		t.Errorf("exit %d", code)
	}
}

// burst is what is watched of it.
type burst struct {
	*fleet
	scaler   *process
	vectors  *redis.Client
	began    time.Time
	uploaded atomic.Int64
	done     chan struct{} // the upload
	samples  []burstSample
	finished time.Duration // until the last vector was in Redis
}

// burstSample is how far it was at one moment.
type burstSample struct {
	at                time.Duration
	uploaded, vectors int
}

// upload writes in the background, eight at once.
func (b *burst) upload(photos int) {
	b.done = make(chan struct{})
	ids := samples(b.t, min(photos, 200))
	bodies := make([][]byte, len(ids))
	for i, id := range ids {
		bodies[i] = samplePhoto(b.t, id)
	}
	next := make(chan int)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for i := range next {
				b.put(fmt.Sprintf("media/p%06d/photo.jpg", i), marked(bodies[i%len(bodies)], i))
				b.uploaded.Add(1)
			}
		})
	}
	go func() {
		defer close(b.done)
		for i := range photos {
			next <- i
		}
		close(next)
		writers.Wait()
	}()
}

// marked is a JPEG with a comment of its own: another content, the same pixels.
func marked(jpeg []byte, n int) []byte {
	comment := fmt.Appendf(nil, "photo %d of the burst", n)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xfe}, uint16(2+len(comment)))
	return slices.Concat(jpeg[:2], segment, comment, jpeg[2:])
}

// follow waits until every photo is a vector and the workers are gone.
func (b *burst) follow(photos int) {
	b.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience + 3**burstTarget + *burstCoolDown + time.Duration(photos)*50*time.Millisecond)
	for {
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("it is not done: %+v", b.samples[len(b.samples)-1])
		}
		b.scheduler.alive()
		b.scaler.alive()
		s := burstSample{at: time.Since(b.began), uploaded: int(b.uploaded.Load()), vectors: b.readable()}
		b.samples = append(b.samples, s)
		if b.finished == 0 && s.vectors == photos {
			b.finished = s.at
		}
		lines := timeline(b.t, b.scaler)
		if end := lines[len(lines)-1]; b.finished > 0 && end.Running+end.Draining == 0 {
			<-b.done
			return
		}
	}
}

// readable counts the vectors in Redis.
func (b *burst) readable() int {
	ctx := b.t.Context()
	gen, err := b.vectors.Get(ctx, "weft:default:live").Result()
	if err != nil {
		return 0
	}
	n, scan := 0, b.vectors.Scan(ctx, 0, "weft:default:"+gen+":product:*", 5000).Iterator()
	for scan.Next(ctx) {
		n++
	}
	return n
}

func (b *burst) check(photos int) {
	t := b.t
	t.Helper()
	// The scheduler's own figures are what counts, when its last sweep is through.
	var a scheduler.Audit
	until(t, "the audit balances", func() bool { a = b.audit(); return a.Balanced && a.Products.Expected == photos })
	if a.Products.Vectors != photos || a.Objects.Dead != 0 {
		t.Errorf("something is lost: %+v", a)
	}
	lines := timeline(t, b.scaler)
	end, most := lines[len(lines)-1], 0
	for _, l := range lines {
		most = max(most, l.Running+l.Draining)
		if l.Error != "" {
			t.Errorf("%+v", l)
		}
	}
	if most != *burstWorkers || end.Crashed != 0 || end.Killed != 0 || end.Waiting != 0 {
		t.Errorf("at most %d ran, want %d; at the end %+v", most, *burstWorkers, end)
	}
	queues := redis.NewClient(&redis.Options{Addr: b.redis.Addr})
	defer func() { _ = queues.Close() }()
	ds, err := queue.NewClient(queues).Depths(t.Context())
	must(t, err)
	for _, d := range ds {
		if d.Waiting()+d.Archived != 0 {
			t.Errorf("left in a queue: %+v", d)
		}
	}
	if strings.Contains(b.scheduler.err.String(), "fell silent") {
		t.Error("a worker ended with work in hand: its tasks were issued again")
	}
	if n := b.features(); n != photos {
		t.Errorf("%d features of %d contents", n, photos)
	}
	if *burstTarget >= time.Minute && b.finished > *burstTarget {
		t.Errorf("the last vector came after %v, the target is %v", b.finished.Round(time.Second), *burstTarget)
	}
	t.Logf("%d photos: the last vector after %.1f s, at most %d workers, %d started, all gone after %.1f s; %d looks", photos, b.finished.Seconds(), most, end.Started,
		b.samples[len(b.samples)-1].at.Seconds(), len(lines))
}

// features counts those in the lake.
func (b *burst) features() (n int) {
	l, err := lake.Open(b.t.Context(), lake.Config{Store: b.bucket, ReadOnly: true})
	must(b.t, err)
	defer func() { _ = l.Close(b.t.Context()) }()
	for f, err := range l.Features.Select(b.t.Context(), lake.Query{Columns: []string{"modality"}}) {
		must(b.t, err)
		if f.Modality == string(tasks.Image) {
			n++
		}
	}
	return n
}
