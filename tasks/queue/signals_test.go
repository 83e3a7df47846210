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
	s, err := c.Signals(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.Loads {
		if tasks.QueueName(l.Type, l.Lane) == queue {
			return l
		}
	}
	t.Fatalf("no queue %s in %+v", queue, s.Loads)
	return tasks.Load{}
}

func TestSignalsOfAnEmptyServer(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		s, err := NewClient(rdb).Signals(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Loads) != 8 || len(s.Workers) != 0 || len(s.Known) != 0 || len(s.Unissued.Items) != 0 || s.Now == 0 {
			t.Errorf("%+v", s)
		}
		for _, l := range s.Loads {
			if l.Ready() != 0 || l.Delayed() != 0 || l.Oldest != 0 || l.Paused {
				t.Errorf("%+v", l)
			}
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
		first := imageTask("p0").ID()
		if got := rdb.LIndex(t.Context(), asynqKey(q, "pending"), -1).Val(); got != first {
			t.Fatalf("the tail of pending is %s, want the task that was added first, %s", got, first)
		}
		past := time.Now().Add(-90 * time.Second)
		must(t, rdb.HSet(t.Context(), asynqKey(q, "t:"+first), "pending_since", past.UnixNano()).Err())
		must(t, rdb.ZAdd(t.Context(), asynqKey(q, "retry"), redis.Z{Score: float64(past.Unix() - 60), Member: "due"}).Err())
		must(t, rdb.ZAdd(t.Context(), asynqKey(q, "retry"), redis.Z{Score: float64(time.Now().Add(time.Hour).Unix()), Member: "later"}).Err())
		l := loadOf(t, c, q)
		if l.Pending != 3 || l.Due != 1 || l.Ready() != 4 || l.Delayed() != 1 {
			t.Errorf("%+v", l)
		}
		if l.Oldest < 149 || l.Oldest > 155 {
			t.Errorf("oldest %.1f s, want the retry that was due 150 s ago", l.Oldest)
		}
		must(t, rdb.ZRem(t.Context(), asynqKey(q, "retry"), "due").Err())
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
		s, err := NewServer(Config{Redis: rdb, Tenant: "shop", Name: "w1", Drain: func() { drained++ }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Handlers: map[tasks.Type]Handler{tasks.ImageEmbed: func(context.Context, tasks.Task, Attempt) error { return nil }},
			Refuse:   func(context.Context, []byte, error) error { return nil }})
		must(t, err)
		if err := c.Drain(t.Context(), "shop", "w1"); !errors.Is(err, ErrNoWorker) {
			t.Errorf("before it reports: %v", err)
		}
		pace := tasks.Pace{At: time.Now().UnixMilli(), Seconds: map[tasks.Type]float64{tasks.ImageEmbed: 0.0125}}
		must(t, s.reports.tell(t.Context(), pace))
		sig, err := c.Signals(t.Context(), "shop")
		must(t, err)
		if len(sig.Workers) != 1 || sig.Workers[0].Name != "w1" || sig.Workers[0].Seconds[tasks.ImageEmbed] != 0.0125 || sig.Known[tasks.ImageEmbed] != 0.0125 {
			t.Fatalf("%+v", sig)
		}
		if other, err := c.Signals(t.Context(), "other"); err != nil || len(other.Workers)+len(other.Known) != 0 {
			t.Errorf("another tenant sees %+v, %v", other, err)
		}
		must(t, c.Drain(t.Context(), "shop", "w1"))
		for range 2 {
			must(t, s.reports.tell(t.Context(), pace))
		}
		if drained != 1 {
			t.Errorf("told to drain %d times", drained)
		}
		pace.At = time.Now().Add(-silentAfter - time.Second).UnixMilli()
		must(t, s.reports.tell(t.Context(), pace))
		if sig, err = c.Signals(t.Context(), "shop"); err != nil || len(sig.Workers) != 0 || sig.Known[tasks.ImageEmbed] != 0.0125 {
			t.Errorf("a silent worker: %+v, %v; want it gone and its pace known", sig, err)
		}
		must(t, s.Start())
		for len(sig.Workers) == 0 { // its first report is on its way
			sig, err = c.Signals(t.Context(), "shop")
			must(t, err)
		}
		s.Stop()
		if ps, err := c.Workers(t.Context(), "shop"); err != nil || len(ps) != 0 {
			t.Errorf("after Stop: %+v, %v", ps, err)
		}
	})
}

func TestUnissuedIsToldAndForgotten(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		c := NewClient(rdb)
		must(t, c.SetUnissued(t.Context(), "shop", tasks.Unissued{Items: map[tasks.Type]int{tasks.ImageEmbed: 7}, Since: 5}))
		if s, err := c.Signals(t.Context(), "shop"); err != nil || s.Unissued.Items[tasks.ImageEmbed] != 7 || s.Unissued.Since != 5 {
			t.Errorf("%+v, %v", s.Unissued, err)
		}
		if ttl := rdb.TTL(t.Context(), unissuedKey("shop")).Val(); ttl <= 0 || ttl > unissuedTTL {
			t.Errorf("it would stay for %v", ttl)
		}
		must(t, c.SetUnissued(t.Context(), "shop", tasks.Unissued{Items: map[tasks.Type]int{tasks.ImageEmbed: 0}}))
		if s, err := c.Signals(t.Context(), "shop"); err != nil || len(s.Unissued.Items) != 0 {
			t.Errorf("%+v, %v", s.Unissued, err)
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
