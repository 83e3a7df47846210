package extractors

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"weft/extractors/models"
	"weft/extractors/pixels"
	"weft/onnx"
	"weft/onnx/graph"
	"weft/onnx/onnxtest"
)

// tiny is an encoder made for a test: a graph of a few nodes with its manifest,
// pulled into a cache of its own.
type tiny struct {
	config   Config
	modelAt  string // where the cache keeps the model
	manifest *models.Manifest
}

// echoDecoder turns the bytes of a "photo" into pixels as they are, so that a
// test knows every pixel.
type echoDecoder struct{ spec *pixels.Spec }

func (d echoDecoder) Image(data []byte, s pixels.Spec, _ []byte) ([]byte, error) {
	*d.spec = s
	if len(data) != 3*s.Size*s.Size {
		return nil, &pixels.Error{Code: pixels.Corrupt, Msg: "not as many bytes as pixels"}
	}
	return data, nil
}

func (echoDecoder) Class() pixels.Class { return pixels.Go }

// makeTiny writes graph and goldens to files, completes the manifest with them
// and pulls it. golden gives for each input the vector that the manifest says.
func makeTiny(t *testing.T, m models.Manifest, g *graph.Graph, inputs [][]byte, golden [][]float32) tiny {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, data []byte) models.File {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		return models.File{Source: "file:" + name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data))}
	}
	model, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	m.Name, m.License, m.Homepage, m.Precision = "tiny", "Apache-2.0", "https://example.org", "fp32"
	pinned := file("tiny.onnx", model)
	m.Files.Model = &pinned
	m.Goldens = &models.Goldens{Vectors: file("goldens.npy", npy(golden))}
	for i, in := range inputs {
		m.Goldens.Inputs = append(m.Goldens.Inputs, file(fmt.Sprintf("golden-%d", i), in))
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	file("manifest.json", data)
	all, err := models.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := models.Open(models.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := models.PullAll(context.Background(), cache, all, nil); err != nil {
		t.Fatal(err)
	}
	return tiny{
		config: Config{Manifest: all[0], Cache: cache, Decoder: echoDecoder{new(pixels.Spec)},
			Library: NewLibrary(cache, nil, onnx.Config{Library: onnxtest.Library(t)})},
		modelAt:  cache.Path(*all[0].Files.Model),
		manifest: all[0],
	}
}

func npy(rows [][]float32) []byte {
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }\n", len(rows), len(rows[0]))
	out := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(out[8:], uint16(len(header)))
	out = append(out, header...)
	for _, row := range rows {
		for _, v := range row {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	return out
}

// tinySize is the side of the photos that tiny image models read.
const tinySize = 4

// photo is a photo of one value per channel, apart from its first pixel, whose
// red is 0.
func photo(r, g, b byte) []byte {
	var rgb []byte
	for range tinySize * tinySize {
		rgb = append(rgb, r, g, b)
	}
	rgb[0] = 0
	return rgb
}

// photoGraph gives the image tensor back in another shape: [batch, …] where
// shape holds the other dimensions.
func photoGraph(layout string, batch []graph.Dim, shape ...int64) *graph.Graph {
	g := graph.New("tiny-image")
	dims := graph.Sizes(3, tinySize, tinySize)
	if layout == "nhwc" {
		dims = graph.Sizes(tinySize, tinySize, 3)
	}
	x := g.Input("pixel_values", graph.Float32, append(batch, dims...))
	to := g.Weight(graph.Ints("w.shape", []int64{int64(len(shape) + 1)}, append([]int64{0}, shape...)))
	y := g.Add(graph.Node{Op: "Reshape", Name: "features", Inputs: []graph.Value{x, to}})[0]
	g.Output(y, graph.Float32, append(graph.Batch("N"), graph.Sizes(shape...)...))
	return g
}

// textGraph gives for every token the triple (id, mask, type) as floats.
func textGraph() *graph.Graph {
	g := graph.New("tiny-text")
	axis := g.Weight(graph.Ints("w.axis", []int64{1}, []int64{2}))
	var parts []graph.Value
	for _, name := range []string{"input_ids", "attention_mask", "token_type_ids"} {
		x := g.Input(name, graph.Int64, []graph.Dim{{Name: "N"}, {Name: "T"}})
		x = g.Op("Cast", []graph.Value{x}, graph.AttrInt("to", int64(graph.Float32)))
		parts = append(parts, g.Op("Unsqueeze", []graph.Value{x, axis}))
	}
	y := g.Add(graph.Node{Op: "Concat", Name: "hidden", Inputs: parts, Attrs: []graph.Attr{graph.AttrInt("axis", 2)}})[0]
	g.Output(y, graph.Float32, []graph.Dim{{Name: "N"}, {Name: "T"}, {Size: 3}})
	return g
}

// builtinFile is a file of a builtin manifest.
func builtinFile(t *testing.T, name string, pick func(*models.Manifest) *models.File) *models.File {
	t.Helper()
	all, err := models.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	m, err := all.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return pick(m)
}

func tokenizerFile(m *models.Manifest) *models.File { return m.Files.Tokenizer }

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
