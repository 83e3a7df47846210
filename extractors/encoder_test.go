package extractors

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"weft/extractors/models"
	"weft/extractors/pixels"
	"weft/extractors/wordpiece"
	"weft/onnx"
	"weft/onnx/graph"
)

// clip is the image section of a CLIP-like tower: squashed, mean and deviation
// for pixels from 0 to 1.
func clip() *models.ImageInput {
	return &models.ImageInput{Input: "pixel_values", Size: tinySize, Mode: "squash", Filter: "bicubic",
		Mean: []float32{0.5, 0.25, 0.125}, Std: []float32{0.5, 0.25, 0.125}, Scale: 255, Channels: "rgb", Layout: "nchw"}
}

func imageManifest(in *models.ImageInput, dim int, pooling, normalisation string) models.Manifest {
	return models.Manifest{Modality: models.Image, Dim: dim, Image: in, Output: "features", Pooling: pooling, Normalisation: normalisation}
}

func near(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) <= 1e-6*max(1, math.Abs(float64(y))) })
}

// first is a row of equal values apart from its first.
func first(v, rest float32, n int) []float32 {
	out := slices.Repeat([]float32{rest}, n)
	out[0] = v
	return out
}

// planesOfA is the tensor of photo(255, 0, 51), (p/255 − mean)/std: red 1 but −1
// in the first pixel, green −1, blue .6.
func planesOfA() []float32 {
	const n = tinySize * tinySize
	return slices.Concat(first(-1, 1, n), slices.Repeat([]float32{-1}, n), slices.Repeat([]float32{0.6}, n))
}

func TestImageTensorPoolingAndOrder(t *testing.T) {
	const pixelsN = tinySize * tinySize
	a, b, c := photo(255, 0, 51), photo(51, 255, 0), photo(102, 102, 102)
	planes := planesOfA()
	swapped := slices.Concat( // bgr: blue with the first mean and deviation, red with the last
		slices.Repeat([]float32{-0.6}, pixelsN), slices.Repeat([]float32{-1}, pixelsN), first(-1, 7, pixelsN))
	interleaved := make([]float32, 0, 3*pixelsN)
	for i := range pixelsN {
		interleaved = append(interleaved, planes[i], planes[pixelsN+i], planes[2*pixelsN+i])
	}
	interleavedBGR := make([]float32, 0, 3*pixelsN)
	for i := range pixelsN {
		interleavedBGR = append(interleavedBGR, swapped[i], swapped[pixelsN+i], swapped[2*pixelsN+i])
	}
	unit := func(v []float32) []float32 {
		var n float64
		for _, x := range v {
			n += float64(x * x)
		}
		out := make([]float32, len(v))
		for i, x := range v {
			out[i] = float32(float64(x) / math.Sqrt(n))
		}
		return out
	}
	for _, tc := range []struct {
		name  string
		edit  func(*models.Manifest)
		batch []graph.Dim
		shape []int64
		want  []float32 // of photo a
	}{
		{"none", nil, nil, []int64{48}, planes},
		{"l2", func(m *models.Manifest) { m.Normalisation = "l2" }, nil, []int64{48}, unit(planes)},
		{"bgr", func(m *models.Manifest) { m.Image.Channels = "bgr" }, nil, []int64{48}, swapped},
		{"nhwc", func(m *models.Manifest) { m.Image.Layout = "nhwc" }, nil, []int64{48}, interleaved},
		{"nhwc bgr", func(m *models.Manifest) { m.Image.Layout, m.Image.Channels = "nhwc", "bgr" }, nil, []int64{48}, interleavedBGR},
		{"pooler", func(m *models.Manifest) { m.Pooling = "pooler" }, nil, []int64{48}, planes},
		{"cls", func(m *models.Manifest) { m.Pooling, m.Dim = "cls", 16 }, nil, []int64{3, 16}, planes[:16]},
		{"mean over tokens", func(m *models.Manifest) { m.Pooling, m.Dim = "mean", 16 }, nil, []int64{3, 16}, first((-1-1+.6)/3, .2, 16)},
		{"max over tokens", func(m *models.Manifest) { m.Pooling, m.Dim = "max", 16 }, nil, []int64{3, 16}, first(.6, 1, 16)},
		{"mean over space", func(m *models.Manifest) { m.Pooling, m.Dim = "mean", 3 }, nil, []int64{3, 4, 4}, []float32{14. / 16, -1, .6}},
		{"max over space", func(m *models.Manifest) { m.Pooling, m.Dim = "max", 3 }, nil, []int64{3, 4, 4}, []float32{1, -1, .6}},
		{"one row a run", func(m *models.Manifest) { m.MaxBatch = 1 }, graph.Sizes(1), []int64{48}, planes},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := imageManifest(clip(), 48, "none", "none")
			if tc.edit != nil {
				tc.edit(&m)
			}
			if tc.batch == nil {
				tc.batch = graph.Batch("N")
			}
			x := makeTiny(t, m, photoGraph(m.Image.Layout, tc.batch, tc.shape...), [][]byte{a}, [][]float32{tc.want})
			e, err := OpenImage(x.config)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			report, err := VerifyImage(context.Background(), e, x.manifest, x.config.Cache, "go")
			if err != nil || report.Err() != nil || len(report.Cases) != 1 {
				t.Errorf("verify: %+v, %v", report, err)
			}
			if e.Dim() != m.Dim || e.Recipe() != x.manifest.Recipe("go") {
				t.Errorf("dim %d, recipe %s", e.Dim(), e.Recipe())
			}
			var alone [][]float32
			for _, p := range [][]byte{b, a, c, a, b} {
				v, err := e.Encode(context.Background(), [][]byte{p})
				if err != nil {
					t.Fatal(err)
				}
				alone = append(alone, v[0])
			}
			together, err := e.Encode(context.Background(), [][]byte{b, a, c, a, b})
			if err != nil {
				t.Fatal(err)
			}
			for i := range alone {
				if !slices.Equal(alone[i], together[i]) {
					t.Errorf("photo %d: %v together, %v alone", i, together[i], alone[i])
				}
			}
			if !near(alone[1], tc.want) || near(alone[0], tc.want) {
				t.Errorf("got %v, want %v", alone[1], tc.want)
			}
		})
	}
}

func TestPrepareFollowsTheManifest(t *testing.T) {
	in := clip()
	in.Mode, in.Resize, in.Filter = "shortest-crop", 5, "lanczos"
	x := makeTiny(t, imageManifest(in, 48, "none", "none"), photoGraph("nchw", graph.Batch("N"), 48), [][]byte{photo(1, 2, 3)}, [][]float32{make([]float32, 48)})
	e, err := OpenImage(x.config)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Prepare(photo(1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	if got, want := *x.config.Decoder.(echoDecoder).spec, (pixels.Spec{Size: 4, Resize: 5, Mode: pixels.ShortestCrop, Filter: pixels.Lanczos}); got != want {
		t.Errorf("decoder asked for %+v, want %+v", got, want)
	}
	var bad *pixels.Error
	if _, err := e.Prepare([]byte("no photo")); !errors.As(err, &bad) {
		t.Errorf("error %v", err)
	}
	if _, err := e.Encode(context.Background(), [][]byte{photo(1, 2, 3), {1, 2}}); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), "photo 1: 2 bytes of pixels, want 48") || Unavailable(err) {
		t.Errorf("error %v", err)
	}
	report, err := VerifyImage(context.Background(), e, x.manifest, x.config.Cache, "go")
	if err != nil || !errors.Is(report.Err(), models.ErrGoldens) {
		t.Errorf("wrong goldens: %+v, %v", report, err)
	}
}

func TestUnusableOutput(t *testing.T) {
	for _, tc := range []struct {
		name  string
		edit  func(*models.Manifest)
		photo []byte
		shape []int64
		want  string
	}{
		{"dim", func(m *models.Manifest) { m.Dim = 47 }, photo(9, 9, 9), []int64{48}, "shape [1 48], want float32 [1 47]"},
		{"rank", func(m *models.Manifest) { m.Pooling = "mean" }, photo(9, 9, 9), []int64{48}, "want float32 [1 tokens 48]"},
		{"zeros", func(m *models.Manifest) {
			m.Normalisation, m.Image.Mean, m.Image.Scale = "l2", []float32{0, 0, 0}, 1
		}, make([]byte, 48), []int64{48}, "only zeros"},
		{"infinite", func(m *models.Manifest) { m.Image.Std = []float32{1e-45, 1e-45, 1e-45} }, photo(9, 9, 9), []int64{48}, "not finite"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := imageManifest(clip(), 48, "none", "none")
			tc.edit(&m)
			x := makeTiny(t, m, photoGraph("nchw", graph.Batch("N"), tc.shape...), [][]byte{tc.photo}, [][]float32{make([]float32, m.Dim)})
			e, err := OpenImage(x.config)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if _, err := e.Encode(context.Background(), [][]byte{tc.photo}); !errors.Is(err, ErrVector) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

func textManifest(t *testing.T) models.Manifest {
	return models.Manifest{Modality: models.Text, Dim: 3, Output: "hidden", Pooling: "mean", Normalisation: "none",
		Files: models.Files{Tokenizer: builtinFile(t, models.DefaultText, tokenizerFile)},
		Text:  &models.TextInput{IDs: "input_ids", Mask: "attention_mask", Types: "token_type_ids", MaxLength: 6, PadID: 1000}}
}

func TestTextTensorsPoolingAndOrder(t *testing.T) {
	// "red hat" is [CLS] 2417 6045 [SEP].
	golden := []byte(`{"text":"red hat","ids":[101,2417,6045,102]}` + "\n")
	for _, tc := range []struct {
		name string
		edit func(*models.Manifest)
		want func(ids []int32) []float32
	}{
		{"mean", nil, func(ids []int32) []float32 {
			var sum float32
			for _, id := range ids {
				sum += float32(id)
			}
			return []float32{sum / float32(len(ids)), 1, 0}
		}},
		{"max", func(m *models.Manifest) { m.Pooling = "max" }, func(ids []int32) []float32 { return []float32{float32(slices.Max(ids)), 1, 0} }},
		{"cls", func(m *models.Manifest) { m.Pooling = "cls" }, func(ids []int32) []float32 { return []float32{float32(ids[0]), 1, 0} }},
		{"one row a run", func(m *models.Manifest) { m.MaxBatch = 1; m.Pooling = "cls" }, func(ids []int32) []float32 { return []float32{float32(ids[0]), 1, 0} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := textManifest(t)
			if tc.edit != nil {
				tc.edit(&m)
			}
			x := makeTiny(t, m, textGraph(), [][]byte{golden}, [][]float32{tc.want([]int32{101, 2417, 6045, 102})})
			x.config.MaxBatch = 2
			e, err := OpenText(x.config)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			report, err := VerifyText(context.Background(), e, x.manifest, x.config.Cache)
			if err != nil || report.Err() != nil || len(report.Cases) != 1 {
				t.Errorf("verify: %+v, %v", report, err)
			}
			// Lengths out of order, in runs of two: results are in order, and padding (id 1000) is not pooled.
			tokens := [][]int32{{900, 5, 6, 7}, {8}, {9, 10, 11, 12, 13, 14}, {15, 16}, {17, 18, 19}}
			vectors, err := e.Encode(context.Background(), tokens)
			if err != nil {
				t.Fatal(err)
			}
			for i, ids := range tokens {
				if want := tc.want(ids); !near(vectors[i], want) {
					t.Errorf("text %d: %v, want %v", i, vectors[i], want)
				}
			}
			for _, bad := range [][]int32{{}, make([]int32, 7)} {
				if _, err := e.Encode(context.Background(), [][]int32{{1}, bad}); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), "text 1") {
					t.Errorf("%d tokens: %v", len(bad), err)
				}
			}
		})
	}
}

func TestTextIsTruncated(t *testing.T) {
	ids := `[101,2417,6045,2417,6045,2417,6045,102]`
	x := makeTiny(t, textManifest(t), textGraph(), [][]byte{[]byte(`{"text":"red hat red hat red hat","ids":` + ids + `}`)}, [][]float32{{(101 + 2*2417 + 2*6045 + 102) / 6., 1, 0}})
	e, err := NewLazyText(x.config)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	got, err := e.Tokenize("red hat red hat red hat")
	if err != nil || !slices.Equal(got, []int32{101, 2417, 6045, 2417, 6045, 102}) {
		t.Errorf("ids %v, %v", got, err)
	}
	if err := e.Load(context.Background()); err != nil { // holds the goldens' ids, cut likewise, against its own
		t.Error(err)
	}
}

func TestPaddingToMaxLength(t *testing.T) {
	g := graph.New("padded")
	x := g.Input("input_ids", graph.Int64, []graph.Dim{{Name: "N"}, {Size: 6}})
	y := g.Add(graph.Node{Op: "Cast", Name: "pooled", Inputs: []graph.Value{x}, Attrs: []graph.Attr{graph.AttrInt("to", int64(graph.Float32))}})[0]
	g.Output(y, graph.Float32, []graph.Dim{{Name: "N"}, {Size: 6}})
	m := textManifest(t)
	m.Dim, m.Output, m.Pooling = 6, "pooled", "pooler"
	m.Text = &models.TextInput{IDs: "input_ids", MaxLength: 6, PadID: 1, Padding: "max-length"}
	tiny := makeTiny(t, m, g, [][]byte{[]byte(`{"text":"red hat"}`)}, [][]float32{{101, 2417, 6045, 102, 1, 1}})
	e, err := NewLazyText(tiny.config)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	v, err := e.Encode(context.Background(), [][]int32{{7}, {8, 9}})
	if err != nil || !near(v[0], []float32{7, 1, 1, 1, 1, 1}) || !near(v[1], []float32{8, 9, 1, 1, 1, 1}) {
		t.Errorf("%v, %v", v, err)
	}
}

func TestTokenizerOfAnotherKindIsRefused(t *testing.T) {
	bpe := []byte(`{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,"pre_tokenizer":null,"post_processor":null,"decoder":null,"model":{"type":"BPE","vocab":{},"merges":[]}}`)
	x := makeTiny(t, textManifest(t), textGraph(), [][]byte{[]byte(`{"text":"red hat"}`)}, [][]float32{{1, 1, 0}})
	// The pinned file is replaced in the manifest, as a manifest for such a model would have it.
	sum := builtinFile(t, models.DefaultText, tokenizerFile)
	m := *x.manifest
	bad := *sum
	bad.Source, bad.SHA256, bad.Size = "file:none", sha(bpe), int64(len(bpe))
	m.Files.Tokenizer = &bad
	if err := os.WriteFile(x.config.Cache.Path(bad), bpe, 0o644); err != nil {
		t.Fatal(err)
	}
	x.config.Manifest = &m
	if _, err := OpenText(x.config); !errors.Is(err, wordpiece.ErrUnsupported) || !strings.Contains(err.Error(), "tiny: files.tokenizer") || !strings.Contains(err.Error(), "BPE") {
		t.Errorf("error %v", err)
	}
	e, err := NewLazyText(x.config)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Tokenize("red hat"); !errors.Is(err, wordpiece.ErrUnsupported) || !Unavailable(err) {
		t.Errorf("error %v", err)
	}
}

func TestLazyLoadsAtFirstUseAndAfterRepair(t *testing.T) {
	m := imageManifest(clip(), 48, "none", "none")
	a := photo(255, 0, 51)
	x := makeTiny(t, m, photoGraph("nchw", graph.Batch("N"), 48), [][]byte{a}, [][]float32{planesOfA()})
	e, err := NewLazyImage(x.config)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Dim() != 48 || e.Recipe() != x.manifest.Recipe("go") {
		t.Errorf("dim %d, recipe %s", e.Dim(), e.Recipe())
	}
	model, err := os.ReadFile(x.modelAt)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(x.modelAt); err != nil {
		t.Fatal(err)
	}
	rgb, err := e.Prepare(a) // needs no model
	if err != nil {
		t.Fatal(err)
	}
	encode := func() error {
		_, err := e.Encode(context.Background(), [][]byte{rgb})
		return err
	}
	if err := encode(); !errors.Is(err, ErrUnavailable) || !errors.Is(err, models.ErrAbsent) || !Unavailable(err) {
		t.Errorf("no model: %v", err)
	}
	flipped := bytes.Clone(model)
	flipped[len(model)/2] ^= 1
	if err := os.WriteFile(x.modelAt, flipped, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := encode(); !errors.Is(err, ErrUnavailable) || !errors.Is(err, models.ErrMismatch) {
		t.Errorf("one byte flipped: %v", err)
	}
	if err := os.WriteFile(x.modelAt, model, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := encode(); err != nil {
		t.Errorf("repaired: %v", err)
	}
	if err := os.Remove(x.modelAt); err != nil {
		t.Fatal(err)
	}
	if err := encode(); err != nil {
		t.Errorf("once loaded, the file is not needed: %v", err)
	}
}

func TestModelThatMissesItsGoldensIsRefused(t *testing.T) {
	wrong := planesOfA()
	slices.Reverse(wrong)
	x := makeTiny(t, imageManifest(clip(), 48, "none", "none"), photoGraph("nchw", graph.Batch("N"), 48), [][]byte{photo(255, 0, 51)}, [][]float32{wrong})
	e, err := NewLazyImage(x.config)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Load(context.Background()); !errors.Is(err, ErrUnavailable) || !errors.Is(err, models.ErrGoldens) || !strings.Contains(err.Error(), "golden-0: cosine") {
		t.Errorf("error %v", err)
	}
}

func TestConfigNamesTheField(t *testing.T) {
	x := makeTiny(t, imageManifest(clip(), 48, "none", "none"), photoGraph("nchw", graph.Batch("N"), 48), [][]byte{photo(1, 1, 1)}, [][]float32{make([]float32, 48)})
	for want, edit := range map[string]func(*Config){
		"Manifest: is missing":  func(c *Config) { c.Manifest = nil },
		"Cache: is missing":     func(c *Config) { c.Cache = nil },
		"Library: is missing":   func(c *Config) { c.Library = nil },
		"Decoder: is missing":   func(c *Config) { c.Decoder = nil },
		"MaxBatch: 5000 is not": func(c *Config) { c.MaxBatch = 5000 },
	} {
		c := x.config
		edit(&c)
		if _, err := OpenImage(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if _, err := NewLazyImage(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("lazy: error %v, want %q", err, want)
		}
	}
	if _, err := NewLazyText(x.config); err == nil || !strings.Contains(err.Error(), `tiny reads "image", want a model for "text"`) {
		t.Errorf("error %v", err)
	}
	c := x.config
	c.Library = NewLibrary(c.Cache, nil, onnx.Config{Library: "/nowhere/libonnxruntime.so"})
	if _, err := OpenImage(c); !errors.Is(err, onnx.ErrLibrary) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}
