package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/storage/servertest"
	"weft/tasks"
)

const gen = tasks.Generation("g0123456789ab")

func fuseTask(id string) tasks.Task {
	return tasks.Task{Type: tasks.ProductFuse, Tenant: "shop", Generation: gen, Lane: tasks.Live, Product: tasks.ProductID(id)}
}

func imageTask(id string) tasks.Task {
	return tasks.Task{Type: tasks.ImageEmbed, Tenant: "shop", Generation: gen, Lane: tasks.Bulk, Product: tasks.ProductID(id),
		Key: "media/" + id + "/a.jpg", ETag: "e1"}
}

// onBoth runs a test on the embedded Redis of `weft up`, asked as it is there, and on a real server.
func onBoth(t *testing.T, test func(*testing.T, redis.UniversalClient)) {
	run := func(name string, url func(*testing.T) string, prepare func(redis.UniversalClient)) {
		t.Run(name, func(t *testing.T) {
			opt, err := redis.ParseURL(url(t))
			if err != nil {
				t.Fatal(err)
			}
			c := redis.NewClient(opt)
			t.Cleanup(func() { _ = c.Close() })
			prepare(c)
			test(t, c)
		})
	}
	run("embedded", func(t *testing.T) string { return "redis://" + miniredis.RunT(t).Addr() }, SpareScripts)
	run("redis-server", func(t *testing.T) string { return servertest.Redis(t).URL("0") }, func(redis.UniversalClient) {})
}

// serve runs h for the types until the test ends.
func serve(t *testing.T, rdb redis.UniversalClient, handlers map[tasks.Type]Handler) {
	t.Helper()
	s, err := NewServer(Config{Redis: rdb, Handlers: handlers, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Refuse: func(context.Context, []byte, error) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
}

func TestEveryTaskRunsOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		const n = 200
		var seen sync.Map
		var left atomic.Int64
		left.Store(n)
		done := make(chan struct{})
		serve(t, rdb, map[tasks.Type]Handler{tasks.ImageEmbed: func(_ context.Context, task tasks.Task, a Attempt) error {
			if _, twice := seen.LoadOrStore(task.Product, true); twice {
				t.Errorf("%s ran twice", task.Product)
			}
			if a.Failed != 0 || a.Last {
				t.Errorf("first attempt is %+v", a)
			}
			if left.Add(-1) == 0 {
				close(done)
			}
			return nil
		}})
		c := NewClient(rdb)
		for i := range n {
			if queued, err := c.Enqueue(t.Context(), imageTask(fmt.Sprintf("p%d", i))); err != nil || !queued {
				t.Fatalf("task %d: queued %v, %v", i, queued, err)
			}
		}
		<-done
	})
}

func TestTheSameWorkIsNotQueuedTwice(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		c := NewClient(rdb)
		for _, task := range []tasks.Task{imageTask("p1"), fuseTask("p1")} {
			for i, want := range []bool{true, false} {
				if queued, err := c.Enqueue(t.Context(), task); err != nil || queued != want {
					t.Errorf("%s, enqueued %d times: %v, %v", task.Type, i+1, queued, err)
				}
			}
		}
		ds, err := c.Depths(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if tasks.Waiting(ds) != 2 || len(ds) != 8 {
			t.Errorf("depths: %+v", ds)
		}
	})
}

// What arrives while a fusion runs must cause another one.
func TestAFusionAskedForDuringItsRunRunsAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		c := NewClient(rdb)
		running, proceed, second := make(chan struct{}), make(chan struct{}), make(chan struct{})
		var runs atomic.Int64
		serve(t, rdb, map[tasks.Type]Handler{tasks.ProductFuse: func(context.Context, tasks.Task, Attempt) error {
			if runs.Add(1) == 1 {
				close(running)
				<-proceed
			} else {
				close(second)
			}
			return nil
		}})
		enqueue := func(want bool) {
			t.Helper()
			if queued, err := c.Enqueue(t.Context(), fuseTask("p1")); err != nil || queued != want {
				t.Fatalf("queued %v, %v; want %v", queued, err, want)
			}
		}
		enqueue(true)
		<-running
		enqueue(true)
		close(proceed)
		<-second
	})
}

func TestPostponedTasksKeepTheirAttempts(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		c := NewClient(rdb)
		var runs atomic.Int64
		done := make(chan Attempt, 1)
		serve(t, rdb, map[tasks.Type]Handler{tasks.ProductFuse: func(_ context.Context, _ tasks.Task, a Attempt) error {
			if runs.Add(1) == 1 {
				return fmt.Errorf("%w: %w", ErrPostpone, errors.New("store away"))
			}
			done <- a
			return nil
		}})
		if _, err := c.Enqueue(t.Context(), fuseTask("p1")); err != nil {
			t.Fatal(err)
		}
		if a := <-done; a.Failed != 0 {
			t.Errorf("a postponed task has used up %d attempts", a.Failed)
		}
	})
}

func TestPayloads(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		refused := make(chan string, 4)
		s, err := NewServer(Config{Redis: rdb, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Handlers: map[tasks.Type]Handler{tasks.ImageEmbed: func(context.Context, tasks.Task, Attempt) error { return nil }},
			Refuse:   func(_ context.Context, p []byte, _ error) error { refused <- string(p); return nil }})
		if err != nil {
			t.Fatal(err)
		}
		_, bad := tasks.Decode([]byte("nonsense"))
		if err := s.unreadable(t.Context(), []byte("nonsense"), bad); err != nil {
			t.Errorf("a payload nobody can read must be settled: %v", err)
		}
		if p := <-refused; p != "nonsense" {
			t.Errorf("refused %q", p)
		}
		_, newer := tasks.Decode([]byte(`{"v":99}`))
		if err := s.unreadable(t.Context(), []byte(`{"v":99}`), newer); !errors.Is(err, tasks.ErrNewerPayload) {
			t.Errorf("a newer payload must be put back: %v", err)
		}
		if err := rdb.Set(t.Context(), "weft:newer:", 1, 0).Err(); err != nil { // first seen in 1970
			t.Fatal(err)
		}
		if err := s.unreadable(t.Context(), []byte(`{"v":99}`), newer); err != nil {
			t.Errorf("a payload that stayed newer for over an hour must be settled: %v", err)
		}
	})
}

func TestRegisterSurvivesAFlush(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		if err := rdb.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := Register(t.Context(), rdb); err != nil {
			t.Fatal(err)
		}
		if n := rdb.SCard(t.Context(), asynqQueues).Val(); n != 8 {
			t.Errorf("%d queues are known, want 8", n)
		}
	})
}
