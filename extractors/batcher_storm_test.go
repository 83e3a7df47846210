package extractors

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestStorm mixes everything at once and holds every caller's outcome against
// what it sent.
func TestStorm(t *testing.T) {
	var computed atomic.Int64
	b := start(t, BatchConfig[int]{MaxItems: 7, MaxWeight: 40, Runners: 3, Queue: 20, MaxAge: 50 * time.Microsecond,
		Weight: func(v int) int { return v % 13 }, Less: func(a, b int) bool { return a%13 < b%13 }},
		func(_ context.Context, items []int) ([]int, error) {
			out := make([]int, len(items))
			for i, v := range items {
				if v%101 == 0 {
					return nil, fmt.Errorf("bad %d", v)
				}
				if v%211 == 0 {
					panic(v)
				}
				out[i] = 2 * v
			}
			computed.Add(int64(len(items)))
			return out, nil
		})
	var wg sync.WaitGroup
	var good, gone atomic.Int64
	for g := range 32 {
		wg.Go(func() {
			for i := range 300 {
				v := 1 + g*300 + i
				ctx, cancel := context.WithCancel(context.Background())
				if v%17 == 0 {
					go cancel()
				}
				got, err := b.Do(ctx, v)
				cancel()
				var p *PanicError
				switch {
				case errors.Is(err, context.Canceled):
					gone.Add(1)
					if v%17 != 0 {
						t.Errorf("%d was cancelled by another", v)
					}
				case v%101 == 0:
					if err == nil || err.Error() != fmt.Sprintf("bad %d", v) {
						t.Errorf("%d: %v", v, err)
					}
				case v%211 == 0:
					if !errors.As(err, &p) || p.Value != v {
						t.Errorf("%d: %v", v, err)
					}
				case err != nil || got != 2*v:
					t.Errorf("%d: %d, %v", v, got, err)
				default:
					good.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if computed.Load() < good.Load() || good.Load() < 8000 {
		t.Errorf("%d good, %d cancelled, %d computed", good.Load(), gone.Load(), computed.Load())
	}
}

// BenchmarkBatcher is the cost of one item through a batcher whose function
// does nothing, with enough callers to fill batches.
func BenchmarkBatcher(b *testing.B) {
	for name, cfg := range map[string]BatchConfig[[]int32]{
		"plain":  {MaxItems: 8, Runners: 2},
		"sorted": {MaxItems: 8, Runners: 2, MaxWeight: 2048, Weight: func(v []int32) int { return len(v) }, Less: func(a, b []int32) bool { return len(a) < len(b) }},
	} {
		b.Run(name, func(b *testing.B) {
			var batches atomic.Int64
			x := start(b, cfg, func(_ context.Context, items [][]int32) ([]int, error) {
				batches.Add(1)
				return make([]int, len(items)), nil
			})
			texts := make([][]int32, 64)
			for i := range texts {
				texts[i] = make([]int32, 3+i*37%61)
			}
			b.ReportAllocs()
			b.SetParallelism(max(1, 32/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := x.Do(context.Background(), texts[i%len(texts)]); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/float64(batches.Load()), "items/batch")
		})
	}
}
