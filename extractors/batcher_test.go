package extractors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a batch function that notes what it was given and takes a second
// of fake time for it.
type recorder struct {
	mu      sync.Mutex
	batches [][]int
	running int
	most    int
}

func (r *recorder) run(_ context.Context, items []int) ([]int, error) {
	r.mu.Lock()
	r.batches = append(r.batches, slices.Clone(items))
	r.running++
	r.most = max(r.most, r.running)
	r.mu.Unlock()
	time.Sleep(time.Second) // fake: every test that uses it runs in a bubble
	r.mu.Lock()
	r.running--
	r.mu.Unlock()
	out := make([]int, len(items))
	for i, v := range items {
		out[i] = -v
	}
	return out, nil
}

func (r *recorder) seen() [][]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.batches)
}

func start[In, Out any](t testing.TB, cfg BatchConfig[In], run func(context.Context, []In) ([]Out, error)) *Batcher[In, Out] {
	t.Helper()
	b, err := NewBatcher(cfg, run)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// feed calls Do for each item, in order, and returns when all are queued or
// taken; the group ends when all have their negative.
func feed(t *testing.T, b *Batcher[int, int], items ...int) *sync.WaitGroup {
	t.Helper()
	var wg sync.WaitGroup
	for _, v := range items {
		wg.Go(func() {
			if got, err := b.Do(context.Background(), v); err != nil || got != -v {
				t.Errorf("Do(%d) = %d, %v", v, got, err)
			}
		})
		synctest.Wait()
	}
	return &wg
}

func wantBatches(t *testing.T, got, want [][]int) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("batches %v, want %v", got, want)
	}
}

func TestIdleRunnerNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := start(t, BatchConfig[int]{MaxItems: 3, MaxAge: time.Minute}, r.run)
		begin := time.Now()
		wg := feed(t, b, 1, 2, 3, 4, 5) // 2 to 5 gather while 1 runs
		wg.Wait()
		wantBatches(t, r.seen(), [][]int{{1}, {2, 3, 4}, {5}})
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("took %v, want three runs of a second", took)
		}
	})
}

func TestMaxAgeHoldsAnUnfullBatchBesideABusyRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := start(t, BatchConfig[int]{MaxItems: 3, Runners: 2, MaxAge: 300 * time.Millisecond}, r.run)
		begin := time.Now()
		wg := feed(t, b, 1, 2, 3)
		wantBatches(t, r.seen(), [][]int{{1}})
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		wantBatches(t, r.seen(), [][]int{{1}, {2, 3}})
		wg.Wait()
		if took := time.Since(begin); took != 1300*time.Millisecond {
			t.Errorf("took %v, want 1.3 s", took)
		}
	})
}

func TestFullBatchDoesNotWaitForMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := start(t, BatchConfig[int]{MaxItems: 2, Runners: 2, MaxAge: time.Minute}, r.run)
		begin := time.Now()
		feed(t, b, 1, 2, 3).Wait()
		wantBatches(t, r.seen(), [][]int{{1}, {2, 3}})
		if took := time.Since(begin); took != time.Second {
			t.Errorf("took %v, want both runs at once", took)
		}
	})
}

func TestEveryRunnerWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := start(t, BatchConfig[int]{MaxItems: 1, Runners: 3}, r.run)
		begin := time.Now()
		feed(t, b, 1, 2, 3, 4, 5, 6).Wait()
		if took := time.Since(begin); took != 2*time.Second || r.most != 3 {
			t.Errorf("took %v with %d at once, want 2 s with 3", took, r.most)
		}
	})
}

func TestPaddedWeight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		cfg := BatchConfig[int]{MaxItems: 8, MaxWeight: 10, Weight: func(v int) int { return v }}
		var seen []BatchStats
		cfg.Observe = func(s BatchStats) { seen = append(seen, s) }
		b := start(t, cfg, r.run)
		// 2·4 fit into 10, 3·4 do not; 50 is too heavy for any budget and goes alone.
		feed(t, b, 1, 4, 3, 2, 50, 5, 5).Wait()
		wantBatches(t, r.seen(), [][]int{{1}, {4, 3}, {2}, {50}, {5, 5}})
		b.Close()
		if seen[1] != (BatchStats{Items: 2, Weight: 8, Waited: time.Second, Ran: time.Second}) {
			t.Errorf("stats %+v", seen[1])
		}
	})
}

func TestNeighboursInLengthShareABatchAndTheOldestGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := start(t, BatchConfig[int]{MaxItems: 2, Less: func(a, b int) bool { return a < b }}, r.run)
		feed(t, b, 1, 90, 10, 89, 11, 50).Wait()
		wantBatches(t, r.seen(), [][]int{{1}, {89, 90}, {10, 11}, {50}})
	})
}

func TestCallerThatLeavesTakesOnlyItsItemAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := start(t, BatchConfig[int]{MaxItems: 4, Queue: 3}, r.run)
		wg := feed(t, b, 1)
		left := errors.New("left")
		ctx, cancel := context.WithCancelCause(context.Background())
		errs := make(chan error, 1)
		go func() {
			_, err := b.Do(ctx, 2)
			errs <- err
		}()
		synctest.Wait()
		wg2 := feed(t, b, 3, 4, 5) // the queue has room for three: 5 waits for a place
		cancel(left)
		synctest.Wait()
		if err := <-errs; !errors.Is(err, left) {
			t.Errorf("error %v, want the cause", err)
		}
		wg.Wait()
		wg2.Wait()
		wantBatches(t, r.seen(), [][]int{{1}, {3, 4, 5}})
	})
}

func TestFullQueueHoldsCallersUntilTheirContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := start(t, BatchConfig[int]{MaxItems: 1, Queue: 1}, r.run)
		wg := feed(t, b, 1, 2)
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if _, err := b.Do(ctx, 3); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 500*time.Millisecond {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
		wg.Wait()
		wantBatches(t, r.seen(), [][]int{{1}, {2}})
	})
}

func TestRunStopsWhenNoCallerWantsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran := make(chan error, 2)
		b := start(t, BatchConfig[int]{MaxItems: 2}, func(ctx context.Context, items []int) ([]int, error) {
			select {
			case <-ctx.Done():
				ran <- ctx.Err()
				return nil, ctx.Err()
			case <-time.After(time.Second):
				ran <- nil
				return items, nil
			}
		})
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		do := func(ctx context.Context, want error) {
			wg.Go(func() {
				if _, err := b.Do(ctx, 0); !errors.Is(err, want) {
					t.Errorf("error %v, want %v", err, want)
				}
			})
			synctest.Wait()
		}
		do(ctx, context.Canceled) // alone in its batch
		do(ctx, context.Canceled) // these two share one
		do(context.Background(), nil)
		cancel()
		wg.Wait()
		if first, second := <-ran, <-ran; !errors.Is(first, context.Canceled) || second != nil {
			t.Errorf("runs ended with %v and %v", first, second)
		}
	})
}

func TestBadItemsFailAlone(t *testing.T) {
	bad := map[int]error{3: errors.New("three"), 7: errors.New("seven")}
	for _, how := range []string{"error", "panic"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				gate := make(chan struct{})
				b := start(t, BatchConfig[int]{MaxItems: 8}, func(_ context.Context, items []int) ([]int, error) {
					<-gate
					calls++
					for _, v := range items {
						if err := bad[v]; err != nil && how == "panic" {
							panic(err)
						} else if err != nil {
							return nil, err
						}
					}
					return items, nil
				})
				var wg sync.WaitGroup
				for v := range 9 { // 0 goes alone, 1 to 8 share a batch
					wg.Go(func() {
						got, err := b.Do(context.Background(), v)
						var p *PanicError
						switch {
						case bad[v] == nil:
							if err != nil || got != v {
								t.Errorf("Do(%d) = %d, %v", v, got, err)
							}
						case how == "error":
							if err != bad[v] {
								t.Errorf("Do(%d): error %v", v, err)
							}
						case !errors.As(err, &p) || p.Value != bad[v] || !strings.Contains(string(p.Stack), "TestBadItemsFailAlone"):
							t.Errorf("Do(%d): error %v", v, err)
						}
					})
					synctest.Wait()
				}
				close(gate)
				wg.Wait()
				// {0}, {1-8}, {1-4}, {1,2}, {3,4}, {3}, {4}, {5-8}, {5,6}, {7,8}, {7}, {8}
				if calls != 12 {
					t.Errorf("%d calls, want 12", calls)
				}
			})
		})
	}
}

func TestWholeErrorsAreNotBisected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("session gone")
		var sizes []int
		b := start(t, BatchConfig[int]{MaxItems: 8, Whole: func(err error) bool { return errors.Is(err, broken) }},
			func(_ context.Context, items []int) ([]int, error) {
				sizes = append(sizes, len(items))
				time.Sleep(time.Second)
				return nil, broken
			})
		var wg sync.WaitGroup
		for v := range 5 {
			wg.Go(func() {
				if _, err := b.Do(context.Background(), v); err != broken {
					t.Errorf("error %v", err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		if !slices.Equal(sizes, []int{1, 4}) {
			t.Errorf("batches of %v, want 1 and 4", sizes)
		}
	})
}

func TestWrongNumberOfOutputs(t *testing.T) {
	b := start(t, BatchConfig[int]{}, func(context.Context, []int) ([]int, error) { return nil, nil })
	if _, err := b.Do(context.Background(), 1); err == nil || !strings.Contains(err.Error(), "0 outputs for 1 items") {
		t.Errorf("error %v", err)
	}
}

func TestCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := start(t, BatchConfig[int]{MaxItems: 2, Queue: 3, Runners: 2, MaxAge: time.Minute}, r.run)
		wg := feed(t, b, 1, 2, 3, 4, 5, 6) // {1}, {2,3}; 4 5 6 wait
		blocked := make(chan error, 1)
		go func() {
			_, err := b.Do(context.Background(), 7) // finds the queue full
			blocked <- err
		}()
		synctest.Wait()
		begin := time.Now()
		b.Close()
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("close took %v, want the two rounds that were left", took)
		}
		wg.Wait()
		if err := <-blocked; !errors.Is(err, ErrClosed) {
			t.Errorf("a caller before the full queue got %v", err)
		}
		if _, err := b.Do(context.Background(), 8); !errors.Is(err, ErrClosed) {
			t.Errorf("after close: %v", err)
		}
		b.Close()
		wantBatches(t, r.seen(), [][]int{{1}, {2, 3}, {4, 5}, {6}})
	})
}

func TestBatchConfigNamesTheField(t *testing.T) {
	for want, cfg := range map[string]BatchConfig[int]{
		"MaxItems: -1":        {MaxItems: -1},
		"Runners: 5000":       {Runners: 5000},
		"Weight: is missing":  {MaxWeight: 5},
		"Queue: -2":           {Queue: -2},
		"MaxAge: 61000000000": {MaxAge: 61 * time.Second},
	} {
		if _, err := NewBatcher(cfg, (&recorder{}).run); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
