package lake_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"weft/storage/lake"
	"weft/storage/objects"
)

func openDir(b testing.TB) objects.Store {
	d, err := objects.OpenDir(b.TempDir())
	must(b, err)
	return objects.WithPrefix(d, "default/")
}

// fill appends n products of 384 dimensions and compacts them into one run.
func fill(b testing.TB, store objects.Store, n int) *lake.Lake {
	l := open(b, store)
	rows := make([]lake.Product, 0, 1000)
	for i := range n {
		if rows = append(rows, product(i, 384)); len(rows) == cap(rows) || i == n-1 {
			must(b, l.Products.Append(b.Context(), rows...))
			rows = rows[:0]
		}
	}
	_, err := l.CompactFully(b.Context())
	must(b, err)
	return l
}

func BenchmarkAppendFeatures(b *testing.B) {
	for _, appenders := range []int{1, 64} {
		b.Run(fmt.Sprintf("appenders=%d", appenders), func(b *testing.B) {
			l, err := lake.Open(b.Context(), lake.Config{Store: openDir(b)})
			must(b, err)
			f := feature(0, 1280)
			var n atomic.Int64
			b.SetBytes(5 << 10)
			b.SetParallelism(appenders)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					f := f
					f.Key = fmt.Sprintf("%x", n.Add(1))
					must(b, l.Features.Append(context.Background(), f))
				}
			})
			must(b, l.Close(context.Background()))
		})
	}
}

func BenchmarkScanProducts(b *testing.B) {
	const n = 20_000
	store := openDir(b)
	fill(b, store, n)
	for _, c := range []struct {
		name string
		q    lake.Query
	}{{"whole", lake.Query{}}, {"sources", lake.Query{Columns: []string{"id", "sources"}}}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l := open(b, store)
				rows := 0
				for _, err := range l.Products.Select(b.Context(), c.q) {
					must(b, err)
					rows++
				}
				if rows != n {
					b.Fatalf("%d rows, want %d", rows, n)
				}
			}
		})
	}
}

func BenchmarkGetProduct(b *testing.B) {
	const n = 20_000
	store := openDir(b)
	l := fill(b, store, n)
	b.Run("hot", func(b *testing.B) {
		i := 0
		for b.Loop() {
			if _, found, err := l.Products.Get(b.Context(), product(i%64*300, 0).Key); !found || err != nil {
				b.Fatal(found, err)
			}
			i++
		}
	})
	b.Run("uncached", func(b *testing.B) {
		l := open(b, store, func(c *lake.Config) { c.CacheBytes = 1 })
		for i := 0; b.Loop(); i++ {
			if _, found, err := l.Products.Get(b.Context(), product(i*7919%n, 0).Key); !found || err != nil {
				b.Fatal(found, err)
			}
		}
	})
	b.Run("index cached", func(b *testing.B) {
		l := open(b, store, func(c *lake.Config) { c.CacheBytes = 3 << 20 })
		for i := 0; b.Loop(); i++ {
			if _, found, err := l.Products.Get(b.Context(), product(i*7919%n, 0).Key); !found || err != nil {
				b.Fatal(found, err)
			}
		}
	})
	b.Run("absent", func(b *testing.B) {
		i := 0
		for b.Loop() {
			if _, found, err := l.Products.Get(b.Context(), product(i%n, 0).Key+"x"); found || err != nil {
				b.Fatal(found, err)
			}
			i++
		}
	})
}

// BenchmarkCompact merges ten runs of 1,000 features of 1280 dimensions.
func BenchmarkCompact(b *testing.B) {
	rows := make([]lake.Feature, 10_000)
	for i := range rows {
		rows[i] = feature(i, 1280)
	}
	var bytes int64
	for b.Loop() {
		b.StopTimer()
		l := open(b, openDir(b))
		for from := 0; from < len(rows); from += 1000 {
			must(b, l.Features.Append(b.Context(), rows[from:from+1000]...))
		}
		b.StartTimer()
		done, err := l.CompactFully(b.Context())
		must(b, err)
		if done.Rows != int64(len(rows)) {
			b.Fatalf("%+v", done)
		}
		bytes = done.BytesRead
	}
	b.SetBytes(bytes)
}

// BenchmarkImages stores the features and object rows of b.N images as workers at
// 400 images a second do with the default settings, that is 40 rows a commit, and a
// compaction every 10 seconds of that. It reports what a million images cost at the
// measured rate; run it with -benchtime 1000000x for the very figures.
func BenchmarkImages(b *testing.B) {
	const perCommit, perCompaction = 40, 100
	store := &hooked{Store: openDir(b)}
	l := open(b, store)
	v := feature(0, 1280).Vector
	r := rand.New(rand.NewPCG(1, 2))
	var total lake.Compaction
	features := make([]lake.Feature, 0, perCommit)
	seen := make([]lake.Object, 0, perCommit)
	commits, largest := 0, uint64(0)
	store.reset()
	b.ResetTimer()
	for i := range b.N {
		f := feature(0, 0)
		f.ContentSHA256 = fmt.Sprintf("%016x%016x%016x%016x", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
		f.Key, f.Vector = lake.FeatureKey(f.ContentSHA256, f.Recipe), v
		features = append(features, f)
		seen = append(seen, lake.Object{
			Row:  lake.Row{Key: fmt.Sprintf("media/p%07d/front.jpg", i), Version: 1_700_000_000_000 + int64(i)},
			ETag: f.ContentSHA256[:32], ContentSHA256: f.ContentSHA256, Product: fmt.Sprintf("p%07d", i),
			Modality: "image", Recipe: f.Recipe, Size: int64(100_000 + i%50_000), ReadAt: 1_700_000_000_000 + int64(i),
		})
		if len(features) < perCommit && i < b.N-1 {
			continue
		}
		must(b, l.Features.Append(b.Context(), features...))
		must(b, l.Objects.Append(b.Context(), seen...))
		features, seen = features[:0], seen[:0]
		if commits++; commits%perCompaction == 0 || i == b.N-1 {
			done, err := l.Compact(b.Context())
			must(b, err)
			total.Merges += done.Merges
			total.SegmentsWritten += done.SegmentsWritten
			total.BytesWritten += done.BytesWritten
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			largest = max(largest, m.HeapInuse)
		}
	}
	puts, bytes := store.count("put")
	million := 1e6 / float64(b.N)
	b.ReportMetric(float64(puts)*million, "PUTs/M")
	b.ReportMetric(float64(total.SegmentsWritten)*million, "merge-PUTs/M")
	b.ReportMetric(float64(bytes)*million/1e9, "GB-put/M")
	b.ReportMetric(float64(total.BytesWritten)*million/1e9, "GB-merged/M")
	b.ReportMetric(float64(len(keys(store, "features"))), "segments")
	b.ReportMetric(float64(largest)/1e6, "heap-MB")
}
