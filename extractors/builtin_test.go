package extractors

import (
	"context"
	"fmt"
	"math"
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
	for _, c := range []Config{
		builtinConfig(t, models.DefaultImage, pixels.Exact),
		builtinConfig(t, models.DefaultImage, pixels.Go),
		builtinConfig(t, models.HalfImage, pixels.Exact),
		builtinConfig(t, models.DefaultText, ""),
	} {
		report, err := Verify(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := report.Err(); err != nil || len(report.Cases) < 6 {
			t.Errorf("%d cases, %v", len(report.Cases), err)
		}
		t.Logf("%s %s: worst cosine %.9f of %d", report.Name, report.Decoder, report.Worst, len(report.Cases))
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

// BenchmarkEncode is the model alone: the same inputs, pixels or tokens
// prepared, by one goroutine per core with 1 to 8 rows a run.
func BenchmarkEncode(b *testing.B) {
	const inputs = 8
	for _, rows := range []int{1, 2, 8} {
		b.Run(fmt.Sprintf("image/rows=%d", rows), func(b *testing.B) {
			c := builtinConfig(b, models.DefaultImage, pixels.Go)
			c.MaxBatch = rows
			e, err := OpenImage(c)
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			goldens, err := c.Cache.Goldens(c.Manifest)
			if err != nil {
				b.Fatal(err)
			}
			photos := make([][]byte, inputs)
			for i := range photos {
				if photos[i], err = e.Prepare(goldens[i%len(goldens)].Photo); err != nil {
					b.Fatal(err)
				}
			}
			parallel(b, inputs, func() error { _, err := e.Encode(context.Background(), photos); return err })
		})
	}
	for _, rows := range []int{1, 2, 8} {
		b.Run(fmt.Sprintf("text/rows=%d", rows), func(b *testing.B) {
			c := builtinConfig(b, models.DefaultText, "")
			c.MaxBatch = rows
			e, err := OpenText(c)
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			goldens, err := c.Cache.Goldens(c.Manifest)
			if err != nil {
				b.Fatal(err)
			}
			tokens := make([][]int32, inputs)
			for i := range tokens { // lengths as a batcher that sorts by length brings together
				tokens[i] = goldens[0].IDs[:len(goldens[0].IDs)-i%4]
			}
			parallel(b, inputs, func() error { _, err := e.Encode(context.Background(), tokens); return err })
		})
	}
}

func parallel(b *testing.B, inputs int, encode func() error) {
	b.SetParallelism(1)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := encode(); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N*inputs)/b.Elapsed().Seconds(), "inputs/s")
}
