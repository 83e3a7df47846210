package lake_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/objects/objecttest"
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
	b.Run("cold", func(b *testing.B) {
		i := 0
		for b.Loop() {
			l := open(b, store)
			if _, found, err := l.Products.Get(b.Context(), product(i*7919%n, 0).Key); !found || err != nil {
				b.Fatal(found, err)
			}
			i++
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

var _ objecttest.Memory
