package scheduler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"weft/tasks"
)

// waiting is a scheduler that has nothing but a queue.
func waiting(q *recorder, size int, memory func(context.Context) (int64, int64, error)) *Scheduler {
	s := &Scheduler{Config: Config{Tenant: "shop", Generation: gen, Queue: q, Shares: NewShares(q, nil, size), Settings: tasks.DefaultSettings, Memory: memory,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))}}
	s.bulk = newWindow(s, products, tasks.Bulk)
	return s
}

func embedTask() tasks.Task {
	return tasks.Task{Type: tasks.ImageEmbed, Product: "p", Key: "media/p/1.jpg", ETag: "e"}
}

func TestAFullQueueIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &recorder{fail: func(n int) error {
			if n <= 5 {
				return fmt.Errorf("enqueueing: %w", tasks.ErrQueueFull)
			}
			return nil
		}}
		began := time.Now()
		queued, err := waiting(q, 10, nil).enqueue(t.Context(), embedTask(), tasks.Bulk)
		if !queued || err != nil || len(q.tasks) != 1 {
			t.Errorf("queued %v, %v", queued, err)
		}
		if took := time.Since(began); took != 5*fullPause {
			t.Errorf("it took %v", took)
		}
	})
}

func TestTheSweepWaitsForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		s := waiting(&recorder{}, 10, func(context.Context) (int64, int64, error) {
			looks++
			if looks <= 3 {
				return 81, 100, nil
			}
			return 80, 100, nil
		})
		began := time.Now()
		if err := s.bulk.room(t.Context()); err != nil || looks != 4 || time.Since(began) != 3*fullPause {
			t.Errorf("after %d looks and %v: %v", looks, time.Since(began), err)
		}
	})
}

func TestAServerThatDoesNotTellItsMemoryHasRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, memory := range []func(context.Context) (int64, int64, error){
			func(context.Context) (int64, int64, error) { return 1 << 40, 0, nil },
			func(context.Context) (int64, int64, error) { return 0, 0, errors.New("unknown command INFO") },
		} {
			began := time.Now()
			if err := waiting(&recorder{}, 10, memory).bulk.room(t.Context()); err != nil || time.Since(began) != 0 {
				t.Errorf("waited %v, %v", time.Since(began), err)
			}
		}
	})
}

func TestTheWindowBoundsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		photos := func(d tasks.Depth) map[tasks.Tenant][]tasks.Depth {
			d.Type, d.Lane = tasks.ImageEmbed, tasks.Bulk
			return map[tasks.Tenant][]tasks.Depth{"shop": {d}}
		}
		q := &recorder{depths: photos(tasks.Depth{Pending: 6, Active: 1, Retry: 1})}
		s := waiting(q, 10, nil)
		for range 2 { // two fit
			if err := s.bulk.room(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		q.depths = photos(tasks.Depth{Pending: 10})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.bulk.room(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a third one fits: %v", err)
		}
	})
}

func TestOnlyTheLeaderSweeps(t *testing.T) {
	s := openShop(t, embeddedURL(t))
	s.put("media/p/1.jpg", "photo")
	asked := make(chan bool, 8)
	lead := make(chan bool, 8)
	lead <- false
	lead <- true
	sch := s.scheduler(func(c *Config) {
		c.SweepEvery = time.Hour
		c.Lead = func() bool { l := <-lead; asked <- l; return l }
	})
	sch.Start()
	t.Cleanup(func() { close(lead); sch.Stop() })
	if <-asked {
		t.Fatal("asked out of order")
	}
	if got := s.queue.take(); len(got) != 0 || sch.Idle() {
		t.Errorf("one that does not lead has enqueued %q", got)
	}
	sch.SweepSoon()
	if !<-asked {
		t.Fatal("asked out of order")
	}
	lead <- false
	sch.SweepSoon()
	<-asked // the sweep before is done
	same(t, s.queue.take(), "image:embed bulk media/p/1.jpg")
	if !sch.Idle() || sch.Last().Embed != 1 {
		t.Errorf("%+v", sch.Last())
	}
}
