package extractors

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"weft/extractors/models"
	"weft/extractors/pixels"
	"weft/onnx"
)

func rowsOf(most int, padded bool) *batchRows {
	b := &batchRows{most: most, padded: padded}
	b.now.Store(int64(most))
	return b
}

// TestHalvesTheBatchWithoutMemory: every row is computed once, in order, by runs that the device has memory for; the later
// calls begin with what fitted.
func TestHalvesTheBatchWithoutMemory(t *testing.T) {
	b := rowsOf(32, true)
	fits := 5
	var sizes []int
	var done []int
	run := func(from, to int) error {
		sizes = append(sizes, to-from)
		if to-from > fits {
			return fmt.Errorf("%w: %w", onnx.ErrRun, onnx.ErrMemory)
		}
		for i := from; i < to; i++ {
			done = append(done, i)
		}
		return nil
	}
	if err := b.each(10, run); err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(done, want) {
		t.Errorf("computed %v", done)
	}
	if want := []int{10, 10, 8, 4, 4, 2}; !slices.Equal(sizes, want) {
		t.Errorf("runs of %v, want %v", sizes, want)
	}
	sizes, done = nil, nil
	if err := b.each(7, run); err != nil || !slices.Equal(sizes, []int{4, 3}) {
		t.Errorf("later runs of %v, %v", sizes, err)
	}
	b.now.Store(32)
	b.full, sizes = true, nil
	padded := func(from, to int) error {
		sizes = append(sizes, b.fit(to-from))
		if sizes[len(sizes)-1] > fits {
			return onnx.ErrMemory
		}
		return nil
	}
	if err := b.each(1, padded); err != nil || !slices.Equal(sizes, []int{32, 16, 8, 4}) {
		t.Errorf("one photo among padding: runs of %v, %v", sizes, err)
	}
	b.full = false
	fits = 0
	if err := b.each(3, run); !errors.Is(err, onnx.ErrMemory) {
		t.Errorf("a row that never fits: %v", err)
	}
	other := errors.New("other")
	if err := rowsOf(8, true).each(8, func(int, int) error { return other }); !errors.Is(err, other) {
		t.Errorf("another error: %v", err)
	}
}

func TestFewShapesOnAnAccelerator(t *testing.T) {
	b := rowsOf(24, true)
	for n, want := range map[int]int{1: 1, 2: 2, 3: 4, 5: 8, 9: 16, 17: 24, 24: 24} {
		if got := b.fit(n); got != want {
			t.Errorf("%d rows run as %d, want %d", n, got, want)
		}
	}
	b.full = true
	if got := b.fit(3); got != 24 {
		t.Errorf("3 photos run as %d rows", got)
	}
	b.now.Store(12)
	if got := b.fit(3); got != 12 {
		t.Errorf("with less memory 3 photos run as %d rows", got)
	}
	if got := rowsOf(24, false).fit(7); got != 7 {
		t.Errorf("on a CPU 7 rows run as %d", got)
	}
	if got := bucket(70, leastWidth); got != 128 {
		t.Errorf("70 tokens are padded to %d", got)
	}
}

// TestPaddingChangesNothing runs both encoders as they run on an accelerator, in padded shapes and on two copies of the model,
// against the plain way: the vectors of a generation do not depend on the provider.
func TestPaddingChangesNothing(t *testing.T) {
	ctx := context.Background()
	c := builtinConfig(t, models.DefaultText, "")
	plain, padded := openPair(t, c, OpenText)
	padded.(*textEncoder).rows.padded = true
	var tokens [][]int32
	for _, s := range []string{"a", "red dress", "a long woollen coat with a hood and two deep pockets, made for the rain"} {
		ids, err := plain.Tokenize(s)
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, ids)
	}
	same(t, "text", tokens, plain.Encode, padded.Encode)

	c = builtinConfig(t, models.DefaultImage, pixels.Go)
	photo, paddedPhoto := openPair(t, c, OpenImage)
	paddedPhoto.(*imageEncoder).rows.padded = true
	goldens, err := c.Cache.Goldens(c.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	var photos [][]byte
	for _, g := range goldens[:3] {
		rgb, err := photo.Prepare(g.Photo)
		if err != nil {
			t.Fatal(err)
		}
		photos = append(photos, rgb)
	}
	same(t, "image", photos, photo.Encode, paddedPhoto.Encode)
	report, err := VerifyImage(ctx, paddedPhoto, c.Manifest, c.Cache, "go")
	if err != nil || report.Err() != nil || report.Rows != 4 || report.PerSecond <= 0 || len(report.Cases) != len(goldens)+4 {
		t.Errorf("the canary: %+v, %v", report, err)
	}
}

func openPair[E interface{ Close() error }](t *testing.T, c Config, open func(Config) (E, error)) (plain, padded E) {
	t.Helper()
	plain, err := open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plain.Close() })
	c.MaxBatch, c.Sessions = 4, 2
	if padded, err = open(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = padded.Close() })
	return plain, padded
}

func same[In any](t *testing.T, what string, in []In, a, b func(context.Context, []In) ([][]float32, error)) {
	t.Helper()
	x, err := a(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // one copy of the model, then the other
		y, err := b(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x {
			for d := range x[i] {
				if diff := math.Abs(float64(x[i][d] - y[i][d])); !(diff <= 1e-5) {
					t.Fatalf("%s %d: value %d differs by %g", what, i, d, diff)
				}
			}
		}
	}
}
