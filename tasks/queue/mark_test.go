package queue

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// dyingAfterMark lets marks pass and holds back whatever follows, as a process does
// that is killed between the two.
type dyingAfterMark struct {
	dead func() // at the first command after the mark
	free chan struct{}
}

func (dyingAfterMark) DialHook(next redis.DialHook) redis.DialHook { return next }
func (h dyingAfterMark) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if name := cmd.Name(); name == "set" || name == "setnx" || name == "hello" || name == "client" {
			return next(ctx, cmd)
		}
		h.dead()
		<-h.free
		return context.Canceled
	}
}
func (dyingAfterMark) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func TestAMarkWithoutItsTaskIsShort(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		dead := make(chan struct{})
		hook := dyingAfterMark{sync.OnceFunc(func() { close(dead) }), make(chan struct{})}
		dying := redis.NewClient(&redis.Options{Addr: rdb.(*redis.Client).Options().Addr})
		defer dying.Close()
		dying.AddHook(hook)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = NewClient(dying).Enqueue(context.Background(), fuseTask("p1"))
		}()
		<-dead
		left, err := rdb.PTTL(t.Context(), waitingKey(fuseTask("p1"))).Result()
		if err != nil || left <= 0 || left > 5*time.Second {
			t.Errorf("a mark without its task stays for %v, %v; want at most 5 s", left, err)
		}
		close(hook.free)
		<-ended
	})
}

func TestAMarkOutlivesABacklog(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		if queued, err := NewClient(rdb).Enqueue(t.Context(), fuseTask("p1")); err != nil || !queued {
			t.Fatalf("queued %v, %v", queued, err)
		}
		left, err := rdb.PTTL(t.Context(), waitingKey(fuseTask("p1"))).Result()
		if err != nil || left < waitingTTL/2 {
			t.Errorf("the mark of a waiting task stays for %v, %v", left, err)
		}
	})
}

// A worker that dies between taking a fusion and deleting its mark leaves the mark
// behind; it must not swallow the fusion that is issued again.
func TestAFusionIsIssuedAgainThoughItsMarkStands(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		held, again, release := make(chan struct{}), make(chan tasks.Task, 8), make(chan struct{})
		serve(t, rdb, map[tasks.Type]Handler{tasks.ProductFuse: func(_ context.Context, task tasks.Task, _ Attempt) error {
			if task.Attempt > 0 {
				again <- task
				return nil
			}
			close(held)
			<-release
			return nil
		}})
		t.Cleanup(func() { close(release) })
		if _, err := NewClient(rdb).Enqueue(t.Context(), fuseTask("p1")); err != nil {
			t.Fatal(err)
		}
		<-held
		if err := rdb.Set(t.Context(), waitingKey(fuseTask("p1")), 1, waitingTTL).Err(); err != nil {
			t.Fatal(err)
		}
		lease := asynqKey(tasks.QueueName(tasks.ProductFuse, tasks.Live), "lease")
		ids, err := rdb.ZRange(t.Context(), lease, 0, -1).Result()
		if err != nil || len(ids) != 1 {
			t.Fatalf("%d tasks are leased, %v", len(ids), err)
		}
		long := redis.Z{Member: ids[0], Score: float64(time.Now().Add(leaseTime - 20*time.Second).Unix())}
		if err := rdb.ZAdd(t.Context(), lease, long).Err(); err != nil {
			t.Fatal(err)
		}
		if n, err := newReaper(t, rdb).Reap(t.Context()); err != nil || n != 1 {
			t.Fatalf("%d tasks were issued again, %v", n, err)
		}
		select {
		case task := <-again:
			if task.Product != "p1" {
				t.Errorf("%+v", task)
			}
		case <-time.After(10 * time.Second):
			t.Error("the fusion is lost until its mark expires")
		}
	})
}
