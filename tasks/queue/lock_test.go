package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/storage/servertest"
	"weft/tasks"
)

func newLock(t *testing.T, rdb redis.UniversalClient, holder string, ttl time.Duration) *Lock {
	t.Helper()
	l, err := NewLock(rdb, "shop", holder, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func try(t *testing.T, l *Lock, want bool) {
	t.Helper()
	if ok, err := l.Try(t.Context()); err != nil || ok != want || l.Held() != want {
		t.Fatalf("got %v (held %v), %v; want %v", ok, l.Held(), err, want)
	}
}

func TestOneOfTwoHoldsTheLock(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient) {
		a, b := newLock(t, rdb, "a", time.Minute), newLock(t, rdb, "b", time.Minute)
		a.Start(t.Context())
		if !a.Held() {
			t.Fatal("a free lock was not taken at the start")
		}
		try(t, b, false)
		try(t, a, true)
		if err := rdb.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		try(t, b, true)
		try(t, a, false)
		a.Stop() // not a's any more
		try(t, b, true)
		b.Start(t.Context())
		b.Stop()
		try(t, a, true)
	})
}

func TestALockIsLetGoWhenItsHolderFallsSilent(t *testing.T) {
	server := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	a, b := newLock(t, rdb, "a", time.Minute), newLock(t, rdb, "b", time.Minute)
	try(t, a, true)
	try(t, b, false)
	server.FastForward(61 * time.Second)
	try(t, b, true)
	synctest.Test(t, func(t *testing.T) {
		l := &Lock{ttl: time.Minute}
		l.until.Store(time.Now().Add(l.ttl).UnixNano())
		<-time.After(time.Minute)
		if l.Held() {
			t.Error("held beyond its time without renewal")
		}
	})
}

func TestAFullServerSaysSo(t *testing.T) {
	opt, err := redis.ParseURL(servertest.Redis(t, "--maxmemory", "4mb").URL("0"))
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(opt)
	t.Cleanup(func() { _ = rdb.Close() })
	c := NewClient(rdb)
	used, limit, err := c.Memory(t.Context())
	if err != nil || limit != 4<<20 || used <= 0 {
		t.Fatalf("%d of %d bytes, %v", used, limit, err)
	}
	block := strings.Repeat("x", 64<<10)
	for i := 0; ; i++ {
		if err := rdb.Set(t.Context(), fmt.Sprint("fill", i), block, 0).Err(); redis.IsOOMError(err) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, task := range []tasks.Task{imageTask("p1"), fuseTask("p1")} {
		if _, err := c.Enqueue(t.Context(), task); !errors.Is(err, tasks.ErrQueueFull) {
			t.Errorf("%s: %v", task.Type, err)
		}
	}
	if _, err := newLock(t, rdb, "a", time.Minute).Try(context.Background()); !errors.Is(err, tasks.ErrQueueFull) {
		t.Errorf("lock: %v", err)
	}
}
