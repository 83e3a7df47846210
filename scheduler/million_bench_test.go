package scheduler

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
)

// synthetic is a bucket whose media are made up as they are listed: a listing of
// any size without the files. The lake lies in the real store below it.
type synthetic struct {
	objects.Store
	products int
}

func (s synthetic) media(i int) [2]objects.Info {
	folder := fmt.Sprintf("media/p%07d/", i)
	etag := fmt.Sprintf("%x", i)
	if i%100 == 99 {
		etag += "-changed" // one product in a hundred is stale
	}
	return [2]objects.Info{{Key: folder + "photo.jpg", ETag: etag, Size: 30_000}, {Key: folder + tasks.ListingName, ETag: etag, Size: 600}}
}

func (s synthetic) List(ctx context.Context, prefix, after string) iter.Seq2[objects.Info, error] {
	if !strings.HasPrefix(prefix, tasks.MediaPrefix) {
		return s.Store.List(ctx, prefix, after)
	}
	return func(yield func(objects.Info, error) bool) {
		for i := range s.products {
			for _, info := range s.media(i) {
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

// fill writes what the lake knows of every product before one in a hundred changed.
func (s synthetic) fill(b *testing.B, l *lake.Lake) {
	b.Helper()
	const chunk = 50_000
	for from := 0; from < s.products; from += chunk {
		var products []lake.Product
		var known []lake.Object
		for i := from; i < min(from+chunk, s.products); i++ {
			media := s.media(i)
			var parts []tasks.Part
			for _, m := range media {
				etag := strings.TrimSuffix(m.ETag, "-changed")
				parts = append(parts, tasks.Part{Key: m.Key, ETag: etag})
				known = append(known, lake.Object{Row: lake.Row{Key: m.Key, Version: 1}, ETag: etag, ContentSHA256: etag, Modality: "image"})
			}
			products = append(products, product(fmt.Sprintf("p%07d", i), 1, tasks.Sources(parts)))
		}
		if err := l.Products.Append(b.Context(), products...); err != nil {
			b.Fatal(err)
		}
		if err := l.Objects.Append(b.Context(), known...); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSweepMillion sweeps a listing of a million objects (half a million
// products of a photo and a listing, one in a hundred changed) and reports the
// highest heap in use. Run it with -benchtime 1x.
func BenchmarkSweepMillion(b *testing.B) {
	dir, err := objects.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	bucket := synthetic{Store: dir, products: 500_000}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	l, err := lake.Open(b.Context(), lake.Config{Store: bucket, Log: log})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close(context.Background()) })
	bucket.fill(b, l)
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(b).Addr()})
	b.Cleanup(func() { _ = rdb.Close() })
	v, err := vectors.New(vectors.Config{Redis: rdb, Tenant: "shop"})
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(Config{Tenant: "shop", Generation: gen, Recipes: recipes(), Objects: bucket, Lake: l, Vectors: v, Queue: &endless{}, Name: "bench", Log: log})
	if err != nil {
		b.Fatal(err)
	}
	var peak atomic.Uint64
	watched, stop := context.WithCancel(b.Context())
	defer stop()
	go watchHeap(watched, &peak)
	b.ResetTimer()
	for range b.N {
		r, err := s.Sweep(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if r.Objects != 2*bucket.products || r.Products != bucket.products || r.Embed != bucket.products/100*2 {
			b.Fatalf("swept %+v", r)
		}
	}
	b.ReportMetric(float64(peak.Load())/(1<<20), "MiB-heap")
	b.ReportMetric(float64(2*bucket.products)*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}

// endless is a queue that takes everything and is never full.
type endless struct{}

func (*endless) Enqueue(context.Context, tasks.Task) (bool, error) { return true, nil }
func (*endless) Depths(context.Context) ([]tasks.Depth, error)     { return nil, nil }
func (*endless) DepthsByTenant(context.Context) (map[tasks.Tenant][]tasks.Depth, error) {
	return map[tasks.Tenant][]tasks.Depth{}, nil
}

func watchHeap(ctx context.Context, peak *atomic.Uint64) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var m runtime.MemStats
	for {
		runtime.ReadMemStats(&m)
		peak.Store(max(peak.Load(), m.HeapInuse))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
