package queue

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

func newReaper(t *testing.T, rdb redis.UniversalClient) *Reaper {
	t.Helper()
	r, err := NewReaper(ReaperConfig{Redis: rdb, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func bulkKey(what string) string {
	return asynqKey(tasks.QueueName(tasks.ImageEmbed, tasks.Bulk), what)
}

// silence makes the leases of all photos in hand as old as if their worker had not
// been heard of for a while.
func silence(t *testing.T, rdb redis.UniversalClient, old time.Duration) {
	t.Helper()
	ids, err := rdb.LRange(t.Context(), bulkKey("active"), 0, -1).Result()
	if err != nil || len(ids) == 0 {
		t.Fatalf("nothing is in hand: %v", err)
	}
	for _, id := range ids {
		z := redis.Z{Member: id, Score: float64(time.Now().Add(leaseTime - old).Unix())}
		if err := rdb.ZAddXX(t.Context(), bulkKey("lease"), z).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// drained waits until nothing is in the queues.
func drained(t *testing.T, rdb redis.UniversalClient) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ds, err := depths(ctx, rdb)
		if err != nil {
			t.Fatalf("the queues do not drain: %v", err)
		}
		if tasks.Waiting(ds) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the queues do not drain: %+v", ds)
		}
	}
}

// frozen serves photos: the first epoch of each waits for release, later ones are
// handed to again.
func frozen(t *testing.T, rdb redis.UniversalClient, suspects bool) (held, again chan tasks.Task, release func()) {
	t.Helper()
	held, again = make(chan tasks.Task, 8), make(chan tasks.Task, 8)
	open := make(chan struct{})
	s, err := NewServer(Config{Redis: rdb, Suspects: suspects, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Refuse: func(context.Context, []byte, error) error { return nil },
		Handlers: map[tasks.Type]Handler{tasks.ImageEmbed: func(_ context.Context, task tasks.Task, _ Attempt) error {
			if task.Attempt > 0 {
				again <- task
				return nil
			}
			held <- task
			<-open
			return nil
		}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { close(open) })
	t.Cleanup(func() { release(); s.Stop() })
	return held, again, release
}

func TestWorkOfASilentWorkerIsIssuedAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		held, again, release := frozen(t, rdb, false)
		if _, err := NewClient(rdb).Enqueue(t.Context(), imageTask("p1")); err != nil {
			t.Fatal(err)
		}
		<-held
		if n, err := newReaper(t, rdb).Reap(t.Context()); n != 0 || err != nil {
			t.Fatalf("%d tasks of a living worker were taken, %v", n, err)
		}
		silence(t, rdb, 16*time.Second)
		var three sync.WaitGroup
		for range 3 {
			r := newReaper(t, rdb)
			three.Go(func() {
				if _, err := r.Reap(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		three.Wait()
		if got := <-again; got.Attempt != 1 || got.Key != imageTask("p1").Key {
			t.Errorf("issued again as %+v", got)
		}
		release() // the frozen worker comes back: its acknowledgement finds nothing
		drained(t, rdb)
	})
}

func TestTheSweepCannotHideASuspect(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		held, again, release := frozen(t, rdb, true)
		c := NewClient(rdb)
		if _, err := c.Enqueue(t.Context(), imageTask("p1")); err != nil {
			t.Fatal(err)
		}
		<-held
		silence(t, rdb, 16*time.Second)
		if n, err := newReaper(t, rdb).Reap(t.Context()); n != 1 || err != nil {
			t.Fatalf("reaped %d, %v", n, err)
		}
		<-again
		release()
		drained(t, rdb)
		if _, err := c.Enqueue(t.Context(), imageTask("p1")); err != nil { // epoch 0
			t.Fatal(err)
		}
		if got := <-again; got.Attempt != 1 {
			t.Errorf("a photo that was in hand at a crash comes with attempt %d", got.Attempt)
		}
	})
}

func TestAnActiveTaskWithoutALeaseGetsOne(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		held, _, release := frozen(t, rdb, false)
		if _, err := NewClient(rdb).Enqueue(t.Context(), imageTask("p1")); err != nil {
			t.Fatal(err)
		}
		<-held
		if err := rdb.Del(t.Context(), bulkKey("lease")).Err(); err != nil {
			t.Fatal(err)
		}
		if n, err := newReaper(t, rdb).Reap(t.Context()); n != 0 || err != nil {
			t.Fatalf("reaped %d, %v", n, err)
		}
		release() // without a lease asynq would leave it in active for ever
		drained(t, rdb)
	})
}

func TestAnOrphanWithoutARecordIsCleared(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		ctx := t.Context()
		if err := rdb.LPush(ctx, bulkKey("active"), "lost").Err(); err != nil {
			t.Fatal(err)
		}
		if err := rdb.ZAdd(ctx, bulkKey("lease"), redis.Z{Member: "lost", Score: 1}).Err(); err != nil {
			t.Fatal(err)
		}
		if n, err := newReaper(t, rdb).Reap(ctx); n != 1 || err != nil {
			t.Fatalf("reaped %d, %v", n, err)
		}
		drained(t, rdb)
	})
}

// What asynq keeps of a task whose list is gone would keep the work from ever being
// queued again.
func TestWorkCanBeQueuedAgainAfterAListWasLost(t *testing.T) {
	for _, list := range []string{"pending", "archived"} {
		t.Run(list, func(t *testing.T) {
			onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
				ctx, c := t.Context(), NewClient(rdb)
				task := imageTask("p1")
				if _, err := c.Enqueue(ctx, task); err != nil {
					t.Fatal(err)
				}
				if list == "archived" {
					if err := asynq.NewInspectorFromRedisClient(rdb).ArchiveTask(tasks.QueueName(task.Type, task.Lane), queueID(task)); err != nil {
						t.Fatal(err)
					}
				} else if err := rdb.Del(ctx, bulkKey(list)).Err(); err != nil {
					t.Fatal(err)
				}
				if queued, err := c.Enqueue(ctx, task); queued || err != nil {
					t.Fatalf("nothing stands in the way of the work: %v, %v", queued, err)
				}
				if err := newReaper(t, rdb).Clean(ctx); err != nil {
					t.Fatal(err)
				}
				if queued, err := c.Enqueue(ctx, task); !queued || err != nil {
					t.Errorf("queued %v, %v", queued, err)
				}
				if err := newReaper(t, rdb).Clean(ctx); err != nil {
					t.Fatal(err)
				}
				if n := rdb.LLen(ctx, bulkKey("pending")).Val(); n != 1 {
					t.Errorf("cleaning left %d of 1 waiting tasks", n)
				}
			})
		})
	}
}

func TestKeysAreThoseOfThePinnedAsynq(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		task := imageTask("p1")
		if _, err := NewClient(rdb).Enqueue(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		q := tasks.QueueName(task.Type, task.Lane)
		info, err := asynq.NewInspectorFromRedisClient(rdb).GetTaskInfo(q, queueID(task))
		if err != nil {
			t.Fatal(err)
		}
		bodies, err := payloads(t.Context(), rdb, []orphan{{q, queueID(task)}})
		if err != nil || string(bodies[0]) != string(info.Payload) || len(info.Payload) == 0 {
			t.Errorf("the record holds %q, asynq says %q (%v)", bodies[0], info.Payload, err)
		}
	})
}

func TestClocksAreCompared(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		if err := CheckClock(t.Context(), rdb); err != nil {
			t.Error(err)
		}
	})
}
