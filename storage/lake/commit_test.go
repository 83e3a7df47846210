package lake_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

// openFake opens a lake with the default delays; to be used in a synctest bubble.
func openFake(t *testing.T, store objects.Store, change ...func(*lake.Config)) *lake.Lake {
	return open(t, store, append([]func(*lake.Config){func(c *lake.Config) { c.CommitDelay, c.IdleDelay = 0, 0 }}, change...)...)
}

func dead(key string) lake.Dead { return lake.Dead{Row: lake.Row{Key: key, Version: 1}} }

func TestIdleTableCommitsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openFake(t, new(objecttest.Memory))
		for i := range 5 {
			start := time.Now()
			must(t, l.Dead.Append(t.Context(), dead(fmt.Sprint(i))))
			if took := time.Since(start); took > 2*time.Millisecond {
				t.Errorf("append %d to an idle table took %v", i, took)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestBusyTableCommitsOncePerDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hooked{Store: new(objecttest.Memory)}
		l := openFake(t, store)
		store.reset()
		const appenders, each = 32, 100
		var wg sync.WaitGroup
		var longest atomic.Int64
		start := time.Now()
		for a := range appenders {
			wg.Go(func() {
				for i := range each {
					at := time.Now()
					must(t, l.Dead.Append(t.Context(), dead(fmt.Sprintf("%d-%d", a, i))))
					longest.Store(max(longest.Load(), int64(time.Since(at))))
					time.Sleep(time.Duration(a) * time.Millisecond)
				}
			})
		}
		wg.Wait()
		elapsed := time.Since(start)
		puts, _ := store.count("put")
		if most := int(elapsed/(100*time.Millisecond)) + 2; puts > most {
			t.Errorf("%d puts in %v, want at most %d", puts, elapsed, most)
		}
		if longest := time.Duration(longest.Load()); longest > 101*time.Millisecond {
			t.Errorf("an append took %v", longest)
		}
		if n := len(scan(t, l.Dead, lake.Query{})); n != appenders*each {
			t.Errorf("%d rows, want %d", n, appenders*each)
		}
	})
}

func TestFullBatchIsNotDelayed(t *testing.T) {
	for name, limit := range map[string]func(*lake.Config){
		"rows":  func(c *lake.Config) { c.CommitRows = 10 },
		"bytes": func(c *lake.Config) { c.CommitBytes = 2000 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &hooked{Store: new(objecttest.Memory)}
				l := openFake(t, store, limit)
				must(t, l.Dead.Append(t.Context(), dead("first"))) // no longer idle
				store.reset()
				rows := make([]lake.Dead, 45)
				for i := range rows {
					rows[i] = dead(fmt.Sprint(i))
				}
				done := make(chan error)
				go func() { done <- l.Dead.Append(t.Context(), rows...) }()
				synctest.Wait()
				if puts, _ := store.count("put"); puts < 3 || puts > 6 {
					t.Errorf("%d full batches were put at once", puts)
				}
				must(t, <-done)
				if n := len(scan(t, l.Dead, lake.Query{})); n != 46 {
					t.Errorf("%d rows, want 46", n)
				}
			})
		})
	}
}

func TestFlushAndPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openFake(t, new(objecttest.Memory))
		must(t, l.Dead.Append(t.Context(), dead("a"))) // no longer idle
		start := time.Now()
		done := make(chan error)
		go func() { done <- l.Dead.Append(t.Context(), dead("b")) }()
		synctest.Wait()
		if n := l.Pending(); n != 1 {
			t.Errorf("pending %d, want 1", n)
		}
		must(t, l.Flush(t.Context()))
		must(t, <-done)
		if took := time.Since(start); took != 0 {
			t.Errorf("flush took %v", took)
		}
		if n := l.Pending(); n != 0 {
			t.Errorf("pending %d after flush", n)
		}
	})
}

func TestFailedCommitIsToldToEveryWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("no space")
		var fail atomic.Bool
		store := &hooked{Store: new(objecttest.Memory), before: func(op, key string) error {
			if op == "put" && fail.Load() {
				return broken
			}
			return nil
		}}
		l := openFake(t, store)
		must(t, l.Dead.Append(t.Context(), dead("before")))
		fail.Store(true)
		var wg sync.WaitGroup
		var told atomic.Int64
		for i := range 20 {
			wg.Go(func() {
				if err := l.Dead.Append(t.Context(), dead(fmt.Sprint(i))); errors.Is(err, broken) {
					told.Add(1)
				}
			})
		}
		wg.Wait()
		fail.Store(false)
		if told.Load() != 20 {
			t.Errorf("%d of 20 waiters were told", told.Load())
		}
		if _, found, err := l.Dead.Get(t.Context(), "3"); found || err != nil {
			t.Errorf("a row that was refused is there: %t, %v", found, err)
		}
		must(t, l.Dead.Append(t.Context(), dead("after")))
		if n := len(scan(t, l.Dead, lake.Query{})); n != 2 || l.Pending() != 0 {
			t.Errorf("%d rows, %d pending; want 2, 0", n, l.Pending())
		}
	})
}

func TestLostReplyIsSuccess(t *testing.T) {
	lost := errors.New("connection reset")
	var lose atomic.Bool
	inner := new(objecttest.Memory)
	store := &hooked{Store: inner, after: func(op, key string) error {
		if op == "put" && lose.Swap(false) {
			return lost
		}
		return nil
	}}
	l := open(t, retrying{store})
	lose.Store(true)
	must(t, l.Dead.Append(t.Context(), dead("k")))
	if n := len(scan(t, l.Dead, lake.Query{})); n != 1 || len(keys(inner, "dead")) != 2 {
		t.Errorf("%d rows in %v", n, keys(inner, "dead"))
	}
}

// retrying puts once more after a failure, as a store that retries does.
type retrying struct{ objects.Store }

func (r retrying) Put(ctx context.Context, key string, body []byte, cond objects.Condition) (objects.Info, error) {
	info, err := r.Store.Put(ctx, key, body, cond)
	if err != nil {
		return r.Store.Put(ctx, key, body, cond)
	}
	return info, err
}

func TestAppendGivesUpButTheCommitGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		store := &hooked{Store: new(objecttest.Memory)}
		l := openFake(t, store)
		store.before = func(op, key string) error {
			if op == "put" {
				<-release
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Dead.Append(ctx, dead("k")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("append: %v, want the deadline", err)
		}
		close(release)
		must(t, l.Close(t.Context()))
		if n := len(scan(t, l.Dead, lake.Query{})); n != 1 {
			t.Errorf("%d rows, want the one whose waiter left", n)
		}
	})
}

func TestSlowStoreMakesBatchesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		store := &hooked{Store: new(objecttest.Memory)}
		l := openFake(t, store, func(c *lake.Config) { c.Uploads = 2; c.PendingBytes = 4000 })
		store.reset()
		store.before = func(op, key string) error {
			if op == "put" {
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(time.Second)
				now.Add(-1)
			}
			return nil
		}
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { must(t, l.Dead.Append(t.Context(), dead(fmt.Sprintf("%03d", i)))) })
		}
		synctest.Wait()
		if n := l.Pending(); n == 0 || n > 30 {
			t.Errorf("%d rows pending: Append is not held back", n)
		}
		wg.Wait()
		if most.Load() > 2 {
			t.Errorf("%d uploads at once", most.Load())
		}
		if n := len(scan(t, l.Dead, lake.Query{})); n != 100 {
			t.Errorf("%d rows, want 100", n)
		}
	})
}

// What a delay costs and saves: rows arrive at random, 400 a second on average, at a
// store whose put takes 30 ms.
func TestDelayTradesLatencyForPuts(t *testing.T) {
	fewer := 1 << 30
	for _, delay := range []time.Duration{10, 50, 100, 250, 1000} {
		delay *= time.Millisecond
		synctest.Test(t, func(t *testing.T) {
			const put, rows = 30 * time.Millisecond, 4000
			store := &hooked{Store: new(objecttest.Memory)}
			l := openFake(t, store, func(c *lake.Config) { c.CommitDelay = delay })
			store.reset()
			store.before = func(op, key string) error {
				if op == "put" {
					time.Sleep(put)
				}
				return nil
			}
			r := rand.New(rand.NewPCG(1, 2))
			took := make([]time.Duration, rows)
			var wg sync.WaitGroup
			start := time.Now()
			for i := range took {
				time.Sleep(time.Duration(r.ExpFloat64() * float64(time.Second) / 400))
				wg.Go(func() {
					at := time.Now()
					must(t, l.Dead.Append(t.Context(), dead(fmt.Sprint(i))))
					took[i] = time.Since(at)
				})
			}
			wg.Wait()
			puts, _ := store.count("put")
			slices.Sort(took)
			var sum time.Duration
			for _, d := range took {
				sum += d
			}
			t.Logf("delay %v: %d puts for a million rows (%.1f a second), append mean %v, p99 %v", delay,
				puts*1_000_000/rows, float64(puts)/time.Since(start).Seconds(),
				(sum / rows).Round(time.Millisecond), took[rows*99/100].Round(time.Millisecond))
			if longest := took[rows-1]; longest > delay+put+3*time.Millisecond {
				t.Errorf("delay %v: an append took %v", delay, longest)
			}
			if puts >= fewer {
				t.Errorf("delay %v: %d puts, a shorter delay took %d", delay, puts, fewer)
			}
			fewer = puts
		})
	}
}
