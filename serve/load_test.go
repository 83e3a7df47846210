package serve_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/client"
	"weft/serve"
	"weft/storage/servertest"
	"weft/storage/vectors"
)

// slowConnections are more than MaxConnections in `make slow`: the others then wait until some are cut.
var slowConnections = flag.Int("slow", 500, "connections that send a byte and wait")

// Many who send a byte and wait keep nobody else from being answered.
func TestManySlowConnections(t *testing.T) {
	s := open(t, nil)
	s.vectors.put(gen, "p1", 1, 0)
	for range *slowConnections {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := fmt.Fprint(c, "PUT /v1/shop/products/p2/images/a.jpg HTTP/1.1\r\nHost: localhost\r\nContent-Le"); err != nil {
			t.Fatal(err)
		}
	}
	limit := 4 * time.Second // they are cut after five
	if *slowConnections > 8000 {
		limit = 10 * time.Second // the accepted are cut, and those who queue come before us
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	begin := time.Now()
	for i := range 20 {
		if _, err := s.client.Product(ctx, "p1"); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			t.Logf("%d slow connections: %d MB of heap and stacks, the first answer after %v", *slowConnections, (memory.HeapInuse+memory.StackInuse)>>20, time.Since(begin))
		}
	}
}

// What is far too large is refused, by the handler or, before any handler, by net/http.
func TestFarTooLarge(t *testing.T) {
	s := open(t, nil)
	const list = "/v1/shop/users/u1/recommendations?"
	for query, want := range map[string]int{
		"k=0": 422, "k=-1": 422, "k=1000000000": 422, "k=99999999999999999999": 422, "context=" + strings.Repeat("a", 20<<10): 422,
	} {
		if res, body := s.do(t, "GET", list+query, ""); res.StatusCode != want || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.40s: %d %.300s, want %d", query, res.StatusCode, body, want)
		}
	}
	// In a body, a context of any length is answered with what is wrong.
	const batch = "/v1/shop/users/recommendations"
	for _, c := range []struct {
		bytes, want int
		say         string
	}{{900 << 10, 422, "the limit is 2000"}, {1 << 20, 413, "1048576"}, {8 << 20, 413, "1048576"}} {
		res, body := s.do(t, "POST", batch, `{"users":["u1"],"context":{"text":"`+strings.Repeat("a", c.bytes)+`"}}`, "Content-Type", "application/json")
		if res.StatusCode != c.want || res.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(body, c.say) {
			t.Errorf("a context of %d bytes in a body: %d %.300s, want %d", c.bytes, res.StatusCode, body, c.want)
		}
	}
	for _, k := range []string{"0", "-1", "1000000000", "1e99"} {
		if res, body := s.do(t, "POST", batch, `{"users":["u1"],"k":`+k+`}`, "Content-Type", "application/json"); res.StatusCode != 422 {
			t.Errorf("k %s in a body: %d %.300s", k, res.StatusCode, body)
		}
	}
	// net/http ends the connection under what it did not read: the status arrives, its text may not.
	res, err := http.Get(s.url + list + "context=" + strings.Repeat("a", 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("an address of 1 MB: %d", res.StatusCode)
	}
	if res, _ := s.do(t, "GET", "/healthz", ""); res.StatusCode != 200 {
		t.Errorf("afterwards: %d", res.StatusCode)
	}
}

// Uploads wait until there is memory for them.
func TestUploadsShareTheirMemory(t *testing.T) {
	w := waiting{began: make(chan struct{}), release: make(chan struct{})}
	s := open(t, func(c *serve.Config) {
		w.Store = c.Tenants["shop"].Objects
		c.Tenants["shop"] = serve.Tenant{Objects: w, Vectors: c.Tenants["shop"].Vectors}
		c.MaxImageBytes, c.MaxUploadBytes, c.BodyTimeout = 3<<20, 4<<20, 100*time.Millisecond
	})
	first := make(chan error, 1)
	go func() { // on a busy machine its own body may come too late: then it is sent again
		for tries := 1; ; tries++ {
			_, err := s.client.PutImage(t.Context(), "p1", "a.jpg", make([]byte, 3<<20), client.Condition{})
			select {
			case <-w.began:
			default:
				if tries < 100 {
					continue
				}
			}
			first <- err
			return
		}
	}()
	select {
	case <-w.began:
	case err := <-first:
		t.Fatal(err)
	}
	if res, body := s.do(t, "PUT", "/v1/shop/products/p1/images/b.jpg", string(make([]byte, 2<<20))); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("no room: %d %s", res.StatusCode, body)
	}
	close(w.release)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// BenchmarkHTTP is a recommender with four connections against 10,000 products of
// 1664 dimensions in a real Redis.
func BenchmarkHTTP(b *testing.B) {
	const products, dim = 10_000, 1664
	store, err := vectors.New(vectors.Config{Redis: dial(b, servertest.Redis(b).Addr), Tenant: "shop"})
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	all := func(yield func(vectors.Record, error) bool) {
		for i := range products {
			v := unit(r, dim)
			if !yield(vectors.Record{ID: fmt.Sprint(i), Vector: v, Content: v, SourceVersion: 1, Sources: "s", UpdatedAt: 1, Title: "a title"}, nil) {
				return
			}
		}
	}
	if _, err := store.LoadExclusive(b.Context(), gen, vectors.Product, all); err != nil {
		b.Fatal(err)
	}
	if err := store.SetLive(b.Context(), gen); err != nil {
		b.Fatal(err)
	}
	s := open(b, func(c *serve.Config) {
		c.Tenants["shop"] = serve.Tenant{Objects: c.Tenants["shop"].Objects, Vectors: store}
	})
	s.ready(b)
	for name, path := range map[string]string{"product": "/v1/shop/products/%d", "info": "/v1/shop/products/%d?vectors=false", "similar": "/v1/shop/products/%d/similar?k=10"} {
		b.Run(name, func(b *testing.B) {
			next := make(chan int)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for i := range next {
						req, err := http.NewRequestWithContext(b.Context(), "GET", s.url+fmt.Sprintf(path, i%products), nil)
						if err != nil {
							b.Error(err)
							continue
						}
						req.Header.Set("Accept-Encoding", "identity")
						res, err := http.DefaultClient.Do(req)
						if err != nil {
							b.Error(err)
							continue
						}
						if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 200 {
							b.Errorf("%d, %v", res.StatusCode, err)
						}
						_ = res.Body.Close()
					}
				})
			}
			i := 0
			for b.Loop() {
				next <- i
				i++
			}
			close(next)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

func unit(r *rand.Rand, dim int) []float32 {
	v := make([]float32, dim)
	var sum float64
	for i := range v {
		v[i] = r.Float32() - .5
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
	return v
}
