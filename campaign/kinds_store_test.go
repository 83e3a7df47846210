package campaign

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"weft/campaign/proxy"
	"weft/tasks"
)

func storeKinds() []kind {
	return []kind{
		{name: "S3 answers 503", lasts: seconds(1, 4), begin: store(func(f *proxy.HTTPFaults, on bool) { f.Unavailable = share(on, 0.5) })},
		{name: "S3 gone", lasts: seconds(1, 6), begin: store(func(f *proxy.HTTPFaults, on bool) { f.Reset = share(on, 1) })},
		{name: "S3 resets connections", lasts: seconds(1, 4), begin: store(func(f *proxy.HTTPFaults, on bool) { f.Reset = share(on, 0.2) })},
		{name: "S3's answers lost", lasts: seconds(1, 4), begin: store(func(f *proxy.HTTPFaults, on bool) { f.Unheard = share(on, 0.2) })},
		{name: "S3 bodies short", lasts: seconds(1, 4), begin: store(func(f *proxy.HTTPFaults, on bool) { f.Short = share(on, 0.2) })},
		{name: "S3 bodies slow", lasts: seconds(2, 4), begin: store(func(f *proxy.HTTPFaults, on bool) { f.Slow, f.Drip = share(on, 0.2), 2*time.Second })},
		{name: "S3 slow", lasts: seconds(2, 4), begin: store(func(f *proxy.HTTPFaults, on bool) { f.Delay = time.Duration(share(on, float64(100*ms))) })},
		{name: "S3's disk full", lasts: seconds(1, 4), begin: store(func(f *proxy.HTTPFaults, on bool) { f.Full = share(on, 1) })},
		{name: "objects overwritten before they are read", lasts: seconds(2, 3), begin: between(func(c *campaign, key string) { c.shop.overwrite(c.ctx, key) })},
		{name: "objects deleted before they are read", lasts: seconds(2, 3), begin: between(func(c *campaign, key string) { c.shop.take(c.ctx, key) })},
		{name: "poison", begin: func(c *campaign, _ *rand.Rand) func() {
			c.background(func(ctx context.Context) {
				for range 12 {
					c.shop.spoil(ctx)
				}
			})
			return nil
		}},
	}
}

func share(on bool, p float64) float64 {
	if on {
		return p
	}
	return 0
}

// store sets faults of the HTTP proxy and takes them back.
func store(set func(f *proxy.HTTPFaults, on bool)) func(*campaign, *rand.Rand) func() {
	return func(c *campaign, _ *rand.Rand) func() {
		c.network(func() { set(&c.httpFaults, true) })
		return func() { c.network(func() { set(&c.httpFaults, false) }) }
	}
}

// between acts on the next photos that a worker asks for: after they were listed,
// before they are read.
func between(act func(*campaign, string)) func(*campaign, *rand.Rand) func() {
	return func(c *campaign, dice *rand.Rand) func() {
		var left atomic.Int64
		left.Store(int64(3 + dice.IntN(6)))
		c.http.Before(func(r *http.Request) {
			_, key, ok := strings.Cut(r.URL.Path, "/"+string(tasks.DefaultTenant)+"/")
			if ok && r.Method == http.MethodGet && strings.HasSuffix(key, ".jpg") && left.Add(-1) >= 0 {
				act(c, key)
			}
		})
		return func() { c.http.Before(nil) }
	}
}
