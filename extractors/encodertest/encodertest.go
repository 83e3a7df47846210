// Package encodertest opens the default encoders for tests of other packages, out of this machine's model cache, which
// `make models` fills.
package encodertest

import (
	"testing"

	"weft/extractors"
	"weft/extractors/models"
	"weft/extractors/pixels"
	"weft/onnx"
)

// Open loads the default encoders of photos and of texts; they are closed when the test ends. Photos are decoded by the Go
// library, whose class needs no library of the machine.
func Open(tb testing.TB) (extractors.ImageEncoder, extractors.TextEncoder) {
	tb.Helper()
	cache, err := models.Open(models.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	all, err := models.Builtin()
	if err != nil {
		tb.Fatal(err)
	}
	find := func(name string) *models.Manifest {
		m, err := all.Find(name)
		if err != nil || !cache.Present(m) {
			tb.Fatalf("%s is not in %s: run `make models` (%v)", name, cache.Dir(), err)
		}
		return m
	}
	library := extractors.NewLibrary(cache, find(models.DefaultRuntime), onnx.Config{})
	decoder, err := pixels.Open(pixels.Go, pixels.Limits{}, pixels.Libraries{})
	if err != nil {
		tb.Fatal(err)
	}
	image, err := extractors.OpenImage(extractors.Config{Manifest: find(models.DefaultImage), Cache: cache, Library: library, Decoder: decoder})
	if err != nil {
		tb.Fatal(err)
	}
	text, err := extractors.OpenText(extractors.Config{Manifest: find(models.DefaultText), Cache: cache, Library: library})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _, _ = image.Close(), text.Close() })
	return image, text
}
