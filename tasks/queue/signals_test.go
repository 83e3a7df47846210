package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// loadOf is what a queue holds, as Signals has it.
func loadOf(t *testing.T, c *Client, queue string) tasks.Load {
	t.Helper()
	s, err := c.Signals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.Tenants["shop"].Loads {
		if tasks.QueueName(l.Type, l.Lane) == queue {
			return l
		}
	}
	return tasks.Load{}
}

func TestSignalsOfAnEmptyServer(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		s, err := NewClient(rdb).Signals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Tenants) != 0 || len(s.Workers) != 0 || len(s.Known) != 0 || len(s.Paused) != 8 || slices.Contains(s.Paused, true) || s.Now == 0 {
			t.Errorf("%+v", s)
		}
	})
}

// The queues are shared; what they hold is told apart by tenant, whatever state it is in.
func TestTheQueuesTellTenantsApart(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		c := NewClient(rdb)
		for i := range 5 {
			for _, tenant := range []tasks.Tenant{"large", "small"} {
				for _, task := range []tasks.Task{imageTask(fmt.Sprint("p", i)), fuseTask(fmt.Sprint("p", i))} {
					if task.Tenant = tenant; tenant == "small" && i > 0 {
						continue
					}
					if queued, err := c.Enqueue(t.Context(), task); err != nil || !queued {
						t.Fatalf("%s of %s: %v, %v", task.Type, tenant, queued, err)
					}
				}
			}
		}
		must(t, rdb.ZAdd(t.Context(), asynqKey("image:embed:bulk", "retry"), redis.Z{Score: 1, Member: "small/again"}, redis.Z{Score: 2, Member: "of nobody"}).Err())
		of, err := c.DepthsByTenant(t.Context())
		must(t, err)
		if len(of) != 3 || tasks.Waiting(of["large"]) != 10 || tasks.Waiting(of["small"]) != 3 || tasks.Waiting(of[""]) != 1 || len(of["large"]) != 8 {
			t.Errorf("%+v", of)
		}
		all, err := c.Depths(t.Context())
		must(t, err)
		for i, d := range all {
			if sum := of["large"][i].Waiting() + of["small"][i].Waiting() + of[""][i].Waiting(); sum != d.Waiting() || of["small"][i].Type != d.Type || of["small"][i].Lane != d.Lane {
				t.Errorf("%s %s holds %d, the tenants %d", d.Type, d.Lane, d.Waiting(), sum)
			}
		}
		past := time.Now().Add(-40 * time.Second)
		must(t, rdb.HSet(t.Context(), asynqKey("image:embed:bulk", "t:"+queueID(tasks.Task{Type: tasks.ImageEmbed, Tenant: "large", Generation: gen,
			Key: "media/p0/a.jpg", ETag: "e1"})), "pending_since", past.UnixNano()).Err())
		s, err := c.Signals(t.Context())
		must(t, err)
		if old := s.Tenants["large"].Loads[1].Oldest; old < 39 || old > 60 {
			t.Errorf("the oldest of the large one has waited %.1f s, want 40", old)
		}
		if young := s.Tenants["small"].Loads[2].Oldest; young > 30 {
			t.Errorf("the other's has waited %.1f s", young)
		}
		must(t, rdb.FlushAll(t.Context()).Err())
		if of, err := c.DepthsByTenant(t.Context()); err != nil || len(of) != 0 {
			t.Errorf("after a flush: %+v, %v", of, err)
		}
	})
}

// The ages come from asynq's own records, so they are made by asynq's own client
// and then moved back in time.
func TestSignalsTellDueAndOldest(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		c := NewClient(rdb)
		for i := range 3 {
			if _, err := c.Enqueue(t.Context(), imageTask(fmt.Sprintf("p%d", i))); err != nil {
				t.Fatal(err)
			}
		}
		const q = "image:embed:bulk"
		first := queueID(imageTask("p0"))
		if got := rdb.LIndex(t.Context(), asynqKey(q, "pending"), -1).Val(); got != first {
			t.Fatalf("the tail of pending is %s, want the task that was added first, %s", got, first)
		}
		past := time.Now().Add(-90 * time.Second)
		must(t, rdb.HSet(t.Context(), asynqKey(q, "t:"+first), "pending_since", past.UnixNano()).Err())
		must(t, rdb.ZAdd(t.Context(), asynqKey(q, "retry"), redis.Z{Score: float64(past.Unix() - 60), Member: "shop/due"}).Err())
		must(t, rdb.ZAdd(t.Context(), asynqKey(q, "retry"), redis.Z{Score: float64(time.Now().Add(time.Hour).Unix()), Member: "shop/later"}).Err())
		l := loadOf(t, c, q)
		if l.Pending != 3 || l.Due != 1 || l.Ready() != 4 || l.Delayed() != 1 {
			t.Errorf("%+v", l)
		}
		if l.Oldest < 149 || l.Oldest > 155 {
			t.Errorf("oldest %.1f s, want the retry that was due 150 s ago", l.Oldest)
		}
		must(t, rdb.ZRem(t.Context(), asynqKey(q, "retry"), "shop/due").Err())
		if l := loadOf(t, c, q); l.Oldest < 89 || l.Oldest > 95 {
			t.Errorf("oldest %.1f s, want the pending one of 90 s", l.Oldest)
		}
		must(t, rdb.FlushAll(t.Context()).Err())
		if l := loadOf(t, c, q); l.Ready() != 0 || l.Oldest != 0 {
			t.Errorf("after a flush: %+v", l)
		}
	})
}

func TestPauseHoldsAQueueAndResumeLetsItGo(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		c := NewClient(rdb)
		if _, err := c.Pause(t.Context(), "image:embed"); !errors.Is(err, ErrQueueName) {
			t.Errorf("a name without its lane: %v", err)
		}
		if changed, err := c.Pause(t.Context(), "image:embed:bulk"); err != nil || !slices.Equal(changed, []string{"image:embed:bulk"}) {
			t.Fatalf("pause: %v, %v", changed, err)
		}
		if changed, err := c.Pause(t.Context()); err != nil || len(changed) != 7 {
			t.Fatalf("pausing all after one: %v, %v", changed, err)
		}
		if changed, err := c.Resume(t.Context(), "product:fuse:live"); err != nil || len(changed) != 1 {
			t.Fatalf("resume: %v, %v", changed, err)
		}
		ran := make(chan tasks.Type, 10)
		record := func(_ context.Context, task tasks.Task, _ Attempt) error { ran <- task.Type; return nil }
		for _, task := range []tasks.Task{imageTask("p1"), fuseTask("p1")} {
			if queued, err := c.Enqueue(t.Context(), task); err != nil || !queued {
				t.Fatalf("a paused queue takes tasks: %v, %v", queued, err)
			}
		}
		serve(t, rdb, map[tasks.Type]Handler{tasks.ImageEmbed: record, tasks.ProductFuse: record})
		if first := <-ran; first != tasks.ProductFuse {
			t.Fatalf("%s ran first, and its queue is paused", first)
		}
		if l := loadOf(t, c, "image:embed:bulk"); !l.Paused || l.Pending != 1 {
			t.Errorf("%+v", l)
		}
		if changed, err := c.Resume(t.Context()); err != nil || len(changed) != 7 {
			t.Fatalf("resuming all: %v, %v", changed, err)
		}
		if second := <-ran; second != tasks.ImageEmbed {
			t.Errorf("%s ran", second)
		}
	})
}

func TestAWorkerTellsItsPaceAndHearsThatItIsToDrain(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		c := NewClient(rdb)
		drained := 0
		s, err := NewServer(Config{Redis: rdb, Name: "w1", Room: 64, Drain: func() { drained++ }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Handlers: map[tasks.Type]Handler{tasks.ImageEmbed: func(context.Context, tasks.Task, Attempt) error { return nil }},
			Refuse:   func(context.Context, []byte, error) error { return nil }})
		must(t, err)
		if err := c.Drain(t.Context(), "w1"); !errors.Is(err, ErrNoWorker) {
			t.Errorf("before it reports: %v", err)
		}
		pace := tasks.Pace{At: time.Now().UnixMilli(), Seconds: map[tasks.Type]float64{tasks.ImageEmbed: 0.0125}}
		must(t, s.reports.tell(t.Context(), pace))
		sig, err := c.Signals(t.Context())
		must(t, err)
		if len(sig.Workers) != 1 || sig.Workers[0].Name != "w1" || sig.Workers[0].Room != 64 || sig.Workers[0].Seconds[tasks.ImageEmbed] != 0.0125 || sig.Known[tasks.ImageEmbed] != 0.0125 {
			t.Fatalf("%+v", sig)
		}
		must(t, c.Drain(t.Context(), "w1"))
		for range 2 {
			must(t, s.reports.tell(t.Context(), pace))
		}
		if drained != 1 {
			t.Errorf("told to drain %d times", drained)
		}
		pace.At = time.Now().Add(-silentAfter - time.Second).UnixMilli()
		must(t, s.reports.tell(t.Context(), pace))
		if sig, err = c.Signals(t.Context()); err != nil || len(sig.Workers) != 0 || sig.Known[tasks.ImageEmbed] != 0.0125 {
			t.Errorf("a silent worker: %+v, %v; want it gone and its pace known", sig, err)
		}
		must(t, s.Start())
		for len(sig.Workers) == 0 { // its first report is on its way
			sig, err = c.Signals(t.Context())
			must(t, err)
		}
		s.Stop()
		if ps, err := c.Workers(t.Context()); err != nil || len(ps) != 0 {
			t.Errorf("after Stop: %+v, %v", ps, err)
		}
	})
}

func TestWhatIsToldOfATenantIsForgotten(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		c := NewClient(rdb)
		now := time.Now().UnixMilli()
		must(t, c.SetFeed(t.Context(), "shop", tasks.Feed{At: now, Items: map[tasks.Type]int{tasks.ImageEmbed: 7}, Since: 5, Held: tasks.HeldByQuota}))
		must(t, c.SetFeed(t.Context(), "gone", tasks.Feed{At: now - feedLasts.Milliseconds() - 1000}))
		s, err := c.Signals(t.Context())
		must(t, err)
		if f := s.Tenants["shop"].Feed; len(s.Tenants) != 1 || f.Items[tasks.ImageEmbed] != 7 || f.Since != 5 || f.Held != tasks.HeldByQuota {
			t.Errorf("%+v", s.Tenants)
		}
	})
}

func TestMeterMeasuresOnlyWhatIsBusy(t *testing.T) {
	at := time.Unix(1000, 0)
	m := newMeter(map[tasks.Type]int{tasks.ImageEmbed: 80, tasks.TextEmbed: 80}, at)
	// hold keeps n in hand through one interval of 5 s in which ended items end.
	interval := func(image, text int) tasks.Pace {
		for range image {
			m.begin(tasks.ImageEmbed)
			m.end(tasks.ImageEmbed, true)
		}
		for range text {
			m.begin(tasks.TextEmbed)
			m.end(tasks.TextEmbed, true)
		}
		at = at.Add(5 * time.Second)
		return m.tick(at)
	}
	if p := interval(3, 0); len(p.Seconds) != 0 || p.Done != 3 {
		t.Errorf("an idle worker measured %+v", p)
	}
	for range 20 {
		m.begin(tasks.ImageEmbed)
	}
	if p := interval(500, 0); len(p.Seconds) != 0 {
		t.Errorf("the interval began idle, and measured %+v", p)
	}
	if p := interval(500, 0); p.Seconds[tasks.ImageEmbed] != 0.01 || p.InHand != 20 {
		t.Errorf("500 in 5 s: %+v, want 10 ms an item", p)
	}
	if p := interval(0, 0); p.Seconds[tasks.ImageEmbed] != 0.01 {
		t.Errorf("a stalled interval: %+v", p)
	}
	// 250 of each in 5 s: however it is divided, the sum is what was seen.
	p := interval(250, 250)
	for range 30 {
		p = interval(250, 250)
	}
	if sum := 250 * (p.Seconds[tasks.ImageEmbed] + p.Seconds[tasks.TextEmbed]); sum < 4.95 || sum > 5.05 {
		t.Errorf("a mixed interval of 5 s is taken for %.2f s: %+v", sum, p)
	}
	before := p.Seconds[tasks.ImageEmbed]
	if p = interval(1, 0); p.Seconds[tasks.ImageEmbed] > before*2 {
		t.Errorf("one slow interval took %.4f s to %.4f s", before, p.Seconds[tasks.ImageEmbed])
	}
	m.end(tasks.ImageEmbed, false)
	if p = m.tick(at); p.InHand != 19 {
		t.Errorf("%+v", p)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
