package queue

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
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
