package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// Lock lets one of several schedulers do the work of all. It only saves work:
// what it guards must be harmless when two hold it, as two may for a moment when
// the server forgets.
type Lock struct {
	rdb   redis.UniversalClient
	key   string
	token string
	ttl   time.Duration
	until atomic.Int64 // Unix ns: held until then unless renewed

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// NewLock prepares the lock of a tenant's schedulers, for holder. It is let go
// ttl after its holder fell silent; renewed three times as often.
func NewLock(rdb redis.UniversalClient, tenant tasks.Tenant, holder string, ttl time.Duration) (*Lock, error) {
	if rdb == nil || ttl < 30*time.Millisecond {
		return nil, errors.New("lock: a Redis client and a time to live of at least 30 ms are required")
	}
	return &Lock{rdb: rdb, key: fmt.Sprintf("weft:%s:scheduler", tenant), token: holder + " " + rand.Text(), ttl: ttl}, nil
}

var (
	renewScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`)
	releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)
)

// Try takes or renews the lock once, and tells whether it is held.
func (l *Lock) Try(ctx context.Context) (bool, error) {
	began := time.Now() // the server counts from later
	ok, err := l.rdb.SetNX(ctx, l.key, l.token, l.ttl).Result()
	if err == nil && !ok {
		var n int64
		n, err = renewScript.Run(ctx, l.rdb, []string{l.key}, l.token, l.ttl.Milliseconds()).Int64()
		ok = n == 1
	}
	switch {
	case err != nil:
		return l.Held(), fmt.Errorf("taking the schedulers' lock: %w", full(err))
	case ok:
		l.until.Store(began.Add(l.ttl).UnixNano())
	default:
		l.until.Store(0)
	}
	return ok, nil
}

// Held tells whether the lock was taken, and renewed in time.
func (l *Lock) Held() bool { return time.Now().UnixNano() < l.until.Load() }

// Start tries once, then keeps trying and renewing until Stop. A server that
// cannot be reached is tried again.
func (l *Lock) Start(ctx context.Context) {
	_, _ = l.Try(ctx)
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.done.Go(func() {
		tick := time.NewTicker(l.ttl / 3)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = l.Try(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
}

// Stop lets go, so that another need not wait.
func (l *Lock) Stop() {
	if l.cancel == nil {
		return
	}
	l.cancel()
	l.done.Wait()
	l.until.Store(0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = releaseScript.Run(ctx, l.rdb, []string{l.key}, l.token).Err() // else it expires
}
