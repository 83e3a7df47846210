package serve

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// sample makes vectors that lie as those of a shop do: a common direction, a
// thousand kinds of product, and what tells one product of a kind from another.
// Products of a kind have cosines of about .7, of different kinds about .25.
type sample struct {
	r     *rand.Rand
	whole []float32
	kinds [][]float32
}

func newSample(dim int) *sample {
	s := &sample{r: rand.New(rand.NewPCG(7, 8))}
	s.whole = randomUnit(s.r, dim)
	for range 1000 {
		s.kinds = append(s.kinds, randomUnit(s.r, dim))
	}
	return s
}

func (s *sample) next() (kind int, v []float32) {
	kind = s.r.IntN(len(s.kinds))
	v = randomUnit(s.r, len(s.whole))
	for i := range v {
		v[i] = .55*v[i] + .5*s.whole[i] + .67*s.kinds[kind][i]
	}
	return kind, v
}

// BenchmarkSearch asks for 10 and 100 of N products, one query after another on all
// cores ("alone") and four askers at once ("loaded"). The times are of one search: p50,
// p99, and of all cores together, which says more where others share the machine.
func BenchmarkSearch(b *testing.B) {
	for _, size := range []struct{ products, dim int }{{10_000, 576}, {100_000, 256}, {100_000, 576}, {1_000_000, 256}, {1_000_000, 576}} {
		b.Run(fmt.Sprintf("%dx%d", size.products, size.dim), func(b *testing.B) {
			var n Neighbours
			s := newSample(size.dim)
			for i := range size.products {
				kind, v := s.next()
				if err := n.Set(Entry{ID: fmt.Sprintf("p%07d", i), Category: fmt.Sprint("c", kind%50)}, v); err != nil {
					b.Fatal(err)
				}
			}
			queries := make([][]float32, 200)
			for i := range queries {
				_, queries[i] = s.next()
			}
			for _, k := range []int{10, 100} {
				for name, askers := range map[string]int{"alone": 1, "loaded": 4} {
					b.Run(fmt.Sprintf("k=%d/%s", k, name), func(b *testing.B) { searchMany(b, &n, queries, Search{K: k}, askers) })
				}
			}
			b.ReportMetric(float64(n.Bytes())/float64(size.products), "B/product")
		})
	}
}

func searchMany(b *testing.B, n *Neighbours, queries [][]float32, s Search, askers int) {
	var mu sync.Mutex
	var took []time.Duration
	before := cores(b)
	next := make(chan []float32)
	var wg sync.WaitGroup
	for range askers {
		wg.Go(func() {
			for q := range next {
				begin := time.Now()
				hits, err := n.Near(b.Context(), q, s)
				d := time.Since(begin)
				if err != nil || len(hits) != s.K {
					b.Error(len(hits), err)
				}
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			}
		})
	}
	for i := 0; b.Loop(); i++ {
		next <- queries[i%len(queries)]
	}
	close(next)
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64((cores(b)-before).Microseconds())/1000/float64(len(took)), "cpu-ms")
}

// cores is the time that this process has had on all cores.
func cores(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
