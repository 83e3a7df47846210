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

// BenchmarkRecommend asks for ten over HTTP, less the network, for a thousand shoppers
// with twenty events each, 100,000 products of 576 dimensions, four at once.
func BenchmarkRecommend(b *testing.B) {
	const products, dim, shoppers, askers = 100_000, 576, 1000, 4
	var rows *people
	s := open(b, func(c *serve.Config) {
		shop := c.Tenants["shop"]
		rows = newPeople(b, shop.Objects)
		shop.Behaviour, shop.Consent = rows.tables, true
		c.Tenants["shop"] = shop
		m := shop.Vectors.(*memory)
		r := rand.New(rand.NewPCG(3, 4))
		for i := range products {
			m.put(gen, fmt.Sprintf("p%06d", i), randomUnit(r, dim)...)
		}
		for i := range shoppers {
			id := fmt.Sprint("u", i)
			m.users[id] = vectors.Record{ID: id, Vector: randomUnit(r, dim), UpdatedAt: 1}
			for range 20 {
				rows.did(id, []string{"view", "purchase"}[r.IntN(2)], fmt.Sprintf("p%06d", r.IntN(products)), r.IntN(60))
			}
		}
		rows.store()
	})
	s.ready(b)
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
	for i := 0; b.Loop(); i++ {
		next <- i
	}
	close(next)
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
