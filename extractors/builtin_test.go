package extractors

import (
	"context"
	"math"
	"runtime"
	"sync/atomic"
	"testing"

	"weft/extractors/models"
	"weft/extractors/pixels"
	"weft/onnx"
)

// builtinConfig is the configuration of a builtin encoder out of this machine's
// model cache, which `make models` fills.
func builtinConfig(t testing.TB, name string, class pixels.Class) Config {
	t.Helper()
	cache, err := models.Open(models.Config{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := models.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	m, err := all.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	library, err := all.Find(models.DefaultRuntime)
	if err != nil {
		t.Fatal(err)
	}
	if !cache.Present(m) || !cache.Present(library) {
		t.Fatalf("%s or %s is not in %s: run `make models`", m.Name, library.Name, cache.Dir())
	}
	c := Config{Manifest: m, Cache: cache, Library: NewLibrary(cache, library, onnx.Config{})}
	if m.Modality == models.Image {
		if c.Decoder, err = pixels.Open(class, pixels.Limits{}, pixels.Libraries{}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestBuiltinEncodersReproduceTheirGoldens(t *testing.T) {
	for _, class := range []pixels.Class{pixels.Exact, pixels.Go} {
		e, err := NewLazyImage(builtinConfig(t, models.DefaultImage, class))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Load(context.Background()); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	e, err := NewLazyText(builtinConfig(t, models.DefaultText, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Load(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestCompanyInABatchHardlyMatters holds batches of unequal texts against each
// text alone: the same vector, whatever the queue brought together.
func TestCompanyInABatchHardlyMatters(t *testing.T) {
	c := builtinConfig(t, models.DefaultText, "")
	e, err := OpenText(c)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	goldens, err := c.Cache.Goldens(c.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	tokens := make([][]int32, len(goldens))
	for i, g := range goldens {
		tokens[i] = g.IDs
	}
	together, err := e.Encode(context.Background(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	for i := range tokens {
		alone, err := e.Encode(context.Background(), tokens[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		for d, v := range alone[0] {
			if diff := math.Abs(float64(v - together[i][d])); diff > 1e-6 {
				t.Fatalf("%s: value %d differs by %g", goldens[i].Name, d, diff)
			}
		}
	}
}

// BenchmarkEncode is one input through the model, one goroutine per core, its
// pixels or tokens prepared.
func BenchmarkEncode(b *testing.B) {
	b.Run("image", func(b *testing.B) {
		c := builtinConfig(b, models.DefaultImage, pixels.Go)
		goldens, err := c.Cache.Goldens(c.Manifest)
		if err != nil {
			b.Fatal(err)
		}
		for _, rows := range []int{1, 2, 8} {
			b.Run(string('0'+rune(rows)), func(b *testing.B) {
				c.MaxBatch = rows
				e, err := OpenImage(c)
				if err != nil {
					b.Fatal(err)
				}
				defer e.Close()
				var photos [][]byte
				for i := range rows {
					rgb, err := e.Prepare(goldens[i%len(goldens)].Photo)
					if err != nil {
						b.Fatal(err)
					}
					photos = append(photos, rgb)
				}
				parallel(b, rows, func() error { _, err := e.Encode(context.Background(), photos); return err })
			})
		}
	})
	b.Run("text", func(b *testing.B) {
		c := builtinConfig(b, models.DefaultText, "")
		goldens, err := c.Cache.Goldens(c.Manifest)
		if err != nil {
			b.Fatal(err)
		}
		for _, rows := range []int{1, 8} {
			b.Run(string('0'+rune(rows)), func(b *testing.B) {
				c.MaxBatch = rows
				e, err := OpenText(c)
				if err != nil {
					b.Fatal(err)
				}
				defer e.Close()
				var tokens [][]int32
				for i := range rows {
					tokens = append(tokens, goldens[i%5].IDs) // the listings among them, 54 to 93 tokens
				}
				parallel(b, rows, func() error { _, err := e.Encode(context.Background(), tokens); return err })
			})
		}
	})
}

func parallel(b *testing.B, rows int, encode func() error) {
	var runs atomic.Int64
	b.SetParallelism(1)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := encode(); err != nil {
				b.Error(err)
			}
			runs.Add(1)
		}
	})
	b.ReportMetric(float64(runs.Load()*int64(rows))/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(runtime.GOMAXPROCS(0)), "cores")
}
