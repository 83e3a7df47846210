package serve_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"weft/serve"
	"weft/storage/vectors"
)

// BenchmarkRecommend asks for ten over HTTP, less the network, for a thousand shoppers with twenty events each, four at
// once, while a hundred of 100,000 products of 576 dimensions a second are written anew. Vectors are real ones, jittered.
// No answer may fail.
func BenchmarkRecommend(b *testing.B) {
	const products, dim, shoppers, askers = 100_000, 576, 1000, 4
	product, shopper := serve.RealShop(b, dim)
	var rows *people
	s := open(b, func(c *serve.Config) {
		shop := c.Tenants["shop"]
		rows = newPeople(b, shop.Objects)
		shop.Behaviour, shop.Consent = rows.tables, true
		c.Tenants["shop"] = shop
		m := shop.Vectors.(*memory)
		r := rand.New(rand.NewPCG(3, 4))
		for i := range products {
			m.put(gen, fmt.Sprintf("p%06d", i), product()...)
		}
		for i := range shoppers {
			id := fmt.Sprint("u", i)
			m.users[id] = vectors.Record{ID: id, Vector: shopper(), UpdatedAt: 1}
			for range 20 {
				rows.did(id, []string{"view", "purchase"}[r.IntN(2)], fmt.Sprintf("p%06d", r.IntN(products)), r.IntN(60))
			}
		}
		rows.store()
	})
	s.ready(b)
	eventually(b, "arranged", func() bool { return serve.Arranged(s.Server) })
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				s.vectors.put(gen, fmt.Sprintf("p%06d", i*37%products), product()...)
			}
		}
	})
	var mu sync.Mutex
	var took []time.Duration
	next := make(chan int)
	var wg sync.WaitGroup
	for range askers {
		wg.Go(func() {
			for i := range next {
				req := httptest.NewRequest(http.MethodGet, fmt.Sprintf("http://localhost/v1/shop/users/u%d/recommendations?k=10", i%shoppers), nil)
				res := httptest.NewRecorder()
				begin := time.Now()
				s.Handler().ServeHTTP(res, req)
				d := time.Since(begin)
				if res.Code != http.StatusOK {
					b.Error(res.Code, res.Body)
				}
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			}
		})
	}
	before := serve.Cores(b)
	for i := 0; b.Loop(); i++ {
		next <- i
	}
	close(next)
	wg.Wait()
	close(stop)
	writer.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(float64((serve.Cores(b)-before).Microseconds())/1000/float64(len(took)), "cpu-ms")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
