package efficientnet

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nlpodyssey/gopickle/pytorch"
	"github.com/nlpodyssey/gopickle/types"

	"weft/onnx"
	"weft/onnx/graph"
	"weft/onnx/onnxtest"
)

const (
	checkpointSHA = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
	modelSHA      = "59ce54a12930618ebb6de8effba563edd3107f94f8d468b795af016b817dc115"
	goldens       = 7
)

// checkpoint reads the published file: WEFT_EFFICIENTNET_CHECKPOINT if that is set, otherwise from the models cache.
func checkpoint(t testing.TB) []byte {
	t.Helper()
	path := os.Getenv("WEFT_EFFICIENTNET_CHECKPOINT")
	if path == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatalf("cache directory: %v", err)
		}
		path = filepath.Join(cache, "weft", "blobs", "sha256", checkpointSHA)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("EfficientNet-Lite0 checkpoint: %v: run `make models`", err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != checkpointSHA {
		t.Fatalf("%s has SHA-256 %x, want %s: run `make models`", path, sum, checkpointSHA)
	}
	return b
}

func convert(t testing.TB) []byte {
	t.Helper()
	b := checkpoint(t)
	model, err := Convert(bytes.NewReader(b), int64(len(b)), graph.Float32)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

func unzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// model is the network made from the published checkpoint, ready to run.
func model(t testing.TB) *onnx.Session {
	t.Helper()
	return onnxtest.Session(t, convert(t), onnx.SessionConfig{})
}

// images turns golden pixels into input rows from first to first+n.
func images(pixels []byte, first, n int) map[string]onnx.Tensor {
	const plane = Side * Side
	data := make([]float32, n*3*plane)
	for i := range n {
		for p := range plane {
			for c := range 3 {
				data[(i*3+c)*plane+p] = (float32(pixels[((first+i)*plane+p)*3+c]) - 127) / 128
			}
		}
	}
	return map[string]onnx.Tensor{"images": onnx.Floats(data, int64(n), 3, Side, Side)}
}

func goldenFeatures(t testing.TB) [][]float32 {
	t.Helper()
	b := unzip(t, "features.gz")
	rows := make([][]float32, goldens)
	for i := range rows {
		rows[i] = make([]float32, Features)
		for j := range rows[i] {
			rows[i][j] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*(i*Features+j):]))
		}
	}
	return rows
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

func TestFeaturesAreThoseOfThePublishedNetwork(t *testing.T) {
	s := model(t)
	pixels, want := unzip(t, "pixels.gz"), goldenFeatures(t)
	for _, batch := range []int{1, 3, goldens} {
		for first := 0; first+batch <= goldens; first += batch {
			out, err := s.Run(context.Background(), images(pixels, first, batch), []string{"features"})
			if err != nil {
				t.Fatal(err)
			}
			got := out["features"]
			if !slices.Equal(got.Shape, []int64{int64(batch), Features}) {
				t.Fatalf("shape %v for a batch of %d", got.Shape, batch)
			}
			for i := range batch {
				row, ref := got.Row(i), want[first+i]
				worst := 0.0
				for j := range row {
					worst = max(worst, math.Abs(float64(row[j]-ref[j])))
				}
				if c := cosine(row, ref); c < 0.9999 || worst > 1e-4 {
					t.Errorf("image %d in a batch of %d: cosine %.7f, largest difference %.2g", first+i, batch, c, worst)
				}
			}
		}
	}
}

func TestConversionIsReproducible(t *testing.T) {
	first, second := convert(t), convert(t)
	if !bytes.Equal(first, second) {
		t.Error("two conversions of one checkpoint differ")
	}
	if sum := sha256.Sum256(first); hex.EncodeToString(sum[:]) != modelSHA {
		t.Errorf("the model has %d bytes and SHA-256 %x, want %s: a change here makes a new recipe", len(first), sum, modelSHA)
	}
	sign, err := graph.Inspect(first)
	if err != nil || len(sign.Inputs) != 1 || len(sign.Outputs) != 1 || sign.Inputs[0].Name != "images" || sign.Outputs[0].Name != "features" {
		t.Errorf("signature %+v, error %v", sign, err)
	}
}

// dict is a state dict with the tensors of the network, all ones, and the changes of a test.
func dict(change func(map[string]*pytorch.Tensor)) *types.OrderedDict {
	all := map[string]*pytorch.Tensor{}
	for name, shape := range tensors() {
		n, strides := 1, make([]int, len(shape))
		for d := len(shape) - 1; d >= 0; d-- {
			strides[d] = n
			n *= shape[d]
		}
		ones := slices.Repeat([]float32{1}, n)
		all[name] = &pytorch.Tensor{Source: &pytorch.FloatStorage{Data: ones}, Size: shape, Stride: strides}
	}
	change(all)
	d := types.NewOrderedDict()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		d.Set(name, all[name])
	}
	return d
}

func TestWrongTensorsAreNamed(t *testing.T) {
	const name = "_blocks.3._bn1.weight"
	cases := map[string]struct {
		change func(map[string]*pytorch.Tensor)
		want   string
	}{
		"missing": {func(m map[string]*pytorch.Tensor) { delete(m, name) }, "is missing"},
		"extra":   {func(m map[string]*pytorch.Tensor) { m["_blocks.16."+name] = m[name] }, `"_blocks.16.`},
		"shape":   {func(m map[string]*pytorch.Tensor) { m[name].Size = []int{12, 12} }, "has shape [12 12], want [144]"},
		"type":    {func(m map[string]*pytorch.Tensor) { m[name].Source = &pytorch.HalfStorage{} }, "HalfStorage"},
		"nan": {func(m map[string]*pytorch.Tensor) {
			m[name].Source.(*pytorch.FloatStorage).Data[5] = float32(math.NaN())
		}, "NaN at element 5"},
		"storage too short": {func(m map[string]*pytorch.Tensor) { m[name].StorageOffset = 1 }, "reaches element 144 of a storage of 144"},
		"before storage":    {func(m map[string]*pytorch.Tensor) { m[name].StorageOffset = -1 }, "reaches element -1"},
		"strides":           {func(m map[string]*pytorch.Tensor) { m[name].Stride = nil }, "0 strides"},
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			_, err := checked(dict(c.change))
			if !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v, want ErrCheckpoint with %q and %q", err, name, c.want)
			}
		})
	}
	t.Run("variance", func(t *testing.T) {
		_, err := checked(dict(func(m map[string]*pytorch.Tensor) {
			m["_bn0.running_var"].Source.(*pytorch.FloatStorage).Data[3] = -0.5
		}))
		if !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), `"_bn0.running_var" holds the negative variance -0.5`) {
			t.Errorf("error %v", err)
		}
	})
	if _, err := checked(dict(func(map[string]*pytorch.Tensor) {})); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func TestOtherFilesAreRefused(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	whole := checkpoint(t)
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	if err := errors.Join(tw.WriteHeader(&tar.Header{Name: "a", Mode: 0o600}), tw.Close()); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty":     nil,
		"a page":    []byte("<!doctype html><title>404</title>"),
		"truncated": whole[:len(whole)/2],
		"a tar":     archive.Bytes(), // the unpickler panics on it
		"pickled":   []byte("\x80\x02}q\x00."),
	} {
		t.Run(name, func(t *testing.T) {
			if model, err := Convert(bytes.NewReader(b), int64(len(b)), graph.Float32); model != nil || !errors.Is(err, ErrCheckpoint) {
				t.Errorf("%d bytes, error %v; want ErrCheckpoint", len(model), err)
			}
		})
	}
	if _, err := Convert(bytes.NewReader(whole), maxCheckpoint+1, graph.Float32); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("too large: %v, want ErrCheckpoint", err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "weft-checkpoint-*")); len(left) > 0 {
		t.Errorf("temporary copies are left behind: %q", left)
	}
}

func TestRowOrderFollowsStrides(t *testing.T) {
	// 2×3 stored column by column, after one number that belongs to something else
	got, err := rowOrder(&pytorch.Tensor{Source: &pytorch.FloatStorage{Data: []float32{9, 1, 4, 2, 5, 3, 6}},
		StorageOffset: 1, Size: []int{2, 3}, Stride: []int{1, 2}})
	if err != nil || !slices.Equal(got, []float32{1, 2, 3, 4, 5, 6}) {
		t.Errorf("got %v, error %v", got, err)
	}
}

// BenchmarkEncode gives images/s of goroutines that share one session, each running batches of its own.
func BenchmarkEncode(b *testing.B) {
	s := model(b)
	pixels := unzip(b, "pixels.gz")
	for _, goroutines := range []int{1, 2} {
		for _, batch := range []int{1, 2, 4} {
			b.Run(fmt.Sprintf("goroutines=%d/batch=%d", goroutines, batch), func(b *testing.B) {
				in := images(pixels, 0, batch)
				var wait sync.WaitGroup
				b.ResetTimer()
				for range goroutines {
					wait.Go(func() {
						for range b.N {
							if _, err := s.Run(context.Background(), in, nil); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wait.Wait()
				b.ReportMetric(float64(goroutines*batch*b.N)/b.Elapsed().Seconds(), "images/s")
			})
		}
	}
}
