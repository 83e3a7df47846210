package models

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func readFixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustParse(t *testing.T, data []byte) *Manifest {
	t.Helper()
	m, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// change sets the value at a dotted path of a JSON object, or removes it if
// value is nil.
func change(t *testing.T, data []byte, at string, value any) []byte {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	object := root
	keys := strings.Split(at, ".")
	for _, k := range keys[:len(keys)-1] {
		next, ok := object[k].(map[string]any)
		if !ok {
			next = map[string]any{}
			object[k] = next
		}
		object = next
	}
	if last := keys[len(keys)-1]; value == nil {
		delete(object, last)
	} else {
		object[last] = value
	}
	out, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func builtinJSON(t *testing.T, name string) []byte {
	t.Helper()
	data, err := builtin.ReadFile("builtin/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestBuiltin(t *testing.T) {
	all, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	image, err := all.Find(DefaultImage)
	if err != nil || image.Modality != Image || image.Dim != 1280 || image.Image.PixelMean() != [3]float32{127, 127, 127} {
		t.Errorf("image %+v, %v", image, err)
	}
	text, err := all.Find(DefaultText)
	if err != nil || text.Modality != Text || text.Dim != 384 || text.Text.Padding != "longest" {
		t.Errorf("text %+v, %v", text, err)
	}
	runtime, err := all.Find(DefaultRuntime)
	if err != nil || runtime.Modality != Runtime || len(runtime.Platforms) != 3 {
		t.Errorf("runtime %+v, %v", runtime, err)
	}
	if _, err := all.Find("resnet"); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "onnxruntime, efficientnet-lite0, efficientnet-lite0-fp16, all-minilm-l6-v2") {
		t.Errorf("error %v", err)
	}
	cache, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*Manifest{image, text} {
		goldens, err := cache.Goldens(m) // all embedded: no pull needed
		if err != nil || len(goldens) < 6 {
			t.Errorf("%s: %d goldens, %v", m.Name, len(goldens), err)
		}
	}
}

func TestPairOfTowers(t *testing.T) {
	image := mustParse(t, readFixture(t, "clip-image.json"))
	text := mustParse(t, change(t, change(t, change(t, readFixture(t, "siglip-text.json"), "space", image.Space), "dim", 512), "name", "clip-text"))
	pair, err := Catalogue{image}.With(text)
	if err != nil || len(pair) != 2 {
		t.Fatal(err)
	}
	if mean := image.Image.PixelMean(); mean[0] < 122.770 || mean[0] > 122.772 {
		t.Errorf("mean %v in pixel units", mean)
	}
	other := mustParse(t, change(t, readFixture(t, "siglip-text.json"), "space", image.Space))
	if _, err := pair.With(other); !errors.Is(err, ErrManifest) || !strings.Contains(err.Error(), "dim: 768") {
		t.Errorf("two dims in a space: %v", err)
	}
	if _, err := pair.With(image); !errors.Is(err, ErrManifest) || !strings.Contains(err.Error(), "taken") {
		t.Errorf("one name twice: %v", err)
	}
}

func TestValidateNamesTheField(t *testing.T) {
	image, text, runtime := readFixture(t, "clip-image.json"), readFixture(t, "siglip-text.json"), builtinJSON(t, DefaultRuntime)
	converted := builtinJSON(t, DefaultImage)
	for _, c := range []struct {
		base  []byte
		at    string
		value any
		want  string
	}{
		{image, "colour", "red", `unknown field "colour"`},
		{image, "image.gamma", 2, `unknown field "gamma"`},
		{image, "files.model.md5", "x", `unknown field "md5"`},
		{image, "name", "CLIP!", `name: "CLIP!" does not match`},
		{image, "modality", "audio", `modality: "audio" is not one of image, text, runtime`},
		{image, "dim", 0, "dim: 0 is not from 1 to 65536"},
		{image, "dim", "512", "dim"},
		{image, "license", nil, "license: is missing"},
		{image, "precision", "fp8", `precision: "fp8" is not one of fp32, fp16, int8`},
		{image, "pooling", "sum", `pooling: "sum" is not one of none, cls, mean, max, pooler`},
		{image, "normalisation", nil, `normalisation: "" is not one of none, l2`},
		{image, "output", nil, "output: is missing"},
		{image, "max_batch", -1, "max_batch: -1"},
		{image, "convert", "resnet", `convert: "resnet" is not one of efficientnet-lite0`},
		{image, "files.model", nil, "files.model: is missing"},
		{image, "files.model.sha256", "ABC", `files.model.sha256: "ABC" is not 64 lower-case hex digits`},
		{image, "files.model.size", -5, "files.model.size: -5"},
		{image, "files.model.source", "ftp://host/file", `files.model.source: "ftp://host/file": want pip:`},
		{image, "files.model.source", "pip:pkg==1#file", "files.model.wheel: is missing"},
		{image, "files.tokenizer", map[string]any{}, "files.tokenizer"},
		{image, "image", nil, `modality "image" needs image`},
		{image, "image.input", "", "image.input: is missing"},
		{image, "image.size", 0, "image.size: 0 is not from 1 to 4096"},
		{image, "image.resize", 100, "image.resize: 100 is not from 224 to 4096"},
		{image, "image.mode", "squash", "image.resize: 224: mode"},
		{image, "image.mode", "stretch", `image.mode: "stretch" is not one of shortest-crop, squash`},
		{image, "image.filter", "nearest", `image.filter: "nearest"`},
		{image, "image.mean", []float64{1, 2}, "image.mean: 2 values, want 3"},
		{image, "image.std", []float64{1, 2, 3, 4}, "image.std: 4 values, want 3"},
		{image, "image.std", []float64{1, 0, 3}, "image.std: 0 is not above 0"},
		{image, "image.scale", 256, "image.scale: 256 is not 1 or 255"},
		{image, "image.channels", "gbr", `image.channels: "gbr" is not one of rgb, bgr`},
		{image, "image.layout", "hwc", `image.layout: "hwc" is not one of nchw, nhwc`},
		{image, "goldens", nil, "goldens: is missing"},
		{image, "goldens.inputs", []any{}, "goldens.inputs: 0 files"},
		{image, "goldens.vectors.size", 0, "goldens.vectors.size: 0"},
		{image, "version", "1.0", "belong to modality"},
		{text, "text", nil, `modality "text" needs text`},
		{text, "files.tokenizer", nil, "files.tokenizer: is missing"},
		{text, "text.ids", "", "text.ids: is missing"},
		{text, "text.max_length", 1, "text.max_length: 1 is not from 2"},
		{text, "text.padding", "left", `text.padding: "left" is not one of longest, max-length`},
		{runtime, "version", nil, "version: is missing"},
		{runtime, "platforms", nil, "platforms: is missing"},
		{runtime, "dim", 3, "has no dim"},
		{converted, "files.checkpoint", nil, "files.checkpoint: is missing"},
		{converted, "files.model.source", "embed:x", "has no source"},
		{converted, "files.checkpoint.wheel.sha256", "0", "files.checkpoint.wheel.sha256"},
	} {
		_, err := Parse(change(t, c.base, c.at, c.value))
		if !errors.Is(err, ErrManifest) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %v: error %v, want %q", c.at, c.value, err, c.want)
		}
	}
	for _, bad := range []string{"", "[]", "{", `{} {}`} {
		if _, err := Parse([]byte(bad)); !errors.Is(err, ErrManifest) {
			t.Errorf("Parse(%q): %v", bad, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "no *.json in") {
		t.Errorf("empty folder: %v", err)
	}
	for _, name := range []string{"clip-image.json", "siglip-text.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), readFixture(t, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Load(dir)
	if err != nil || len(all) != 2 || all[0].dir != dir {
		t.Fatalf("folder: %v, %v", all, err)
	}
	if one, err := Load(filepath.Join(dir, "siglip-text.json")); err != nil || len(one) != 1 || one[0].MaxBatch != 1 {
		t.Errorf("file: %v, %v", one, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(`{"version":"1.0","model":{}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); !errors.Is(err, ErrManifest) || !strings.Contains(err.Error(), "tokenizer.json") {
		t.Errorf("a file that is no manifest: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such path: %v", err)
	}
}

func TestParseSource(t *testing.T) {
	for s, want := range map[string]Source{
		"pip:some_pkg==1.0.0#some_pkg/models/a.pth": {"pip", "some_pkg", "1.0.0", "some_pkg/models/a.pth"},
		"hf:owner/repo-x@main#onnx/model.onnx":      {"hf", "owner/repo-x", "main", "onnx/model.onnx"},
		"https://example.org/a/b.onnx?x=1":          {"https", "https://example.org/a/b.onnx?x=1", "", ""},
		"file:models/a.onnx":                        {"file", "", "", "models/a.onnx"},
		"file:///srv/a.onnx":                        {"file", "", "", "/srv/a.onnx"},
		"embed:a/b.json":                            {"embed", "", "", "a/b.json"},
	} {
		if got, err := ParseSource(s); err != nil || got != want {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "model.onnx", "pip:pkg#x", "pip:pkg==1", "pip:pkg==1#../x", "pip:pkg==1#/x", "pip:--index==1#x", "pip:pkg>=1#x",
		"hf:repo@main#x", "hf:a/b#x", "hf:a/b@main#", "hf:a/b@../c#x", "http://example.org/x", "https:///x", "https://user:pw@example.org/x", "file:", "embed:../x", "embed:/x"} {
		if got, err := ParseSource(s); err == nil || !strings.Contains(err.Error(), "want pip:") {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
}

// TestRecipePinned holds the fingerprints that stored features carry. A change
// here means that every catalogue is encoded again: make it on purpose.
func TestRecipePinned(t *testing.T) {
	image, text := mustParse(t, builtinJSON(t, DefaultImage)), mustParse(t, builtinJSON(t, DefaultText))
	for _, c := range []struct{ got, want string }{
		{image.Recipe("exact"), "0f096496ba09d120"},
		{image.Recipe("go"), "d937d8eb2e9fe014"},
		{text.Recipe(""), "5f97b99d3a2dd450"},
		{text.Recipe("exact"), "5f97b99d3a2dd450"},
		{mustParse(t, builtinJSON(t, DefaultRuntime)).Recipe("go"), ""},
	} {
		if c.got != c.want {
			t.Errorf("recipe %q, want %q", c.got, c.want)
		}
	}
}

func TestRecipeFollowsWhatDecidesTheVector(t *testing.T) {
	image, text := readFixture(t, "clip-image.json"), readFixture(t, "siglip-text.json")
	hash := strings.Repeat("e", 64)
	for _, c := range []struct {
		base  []byte
		at    string
		value any
		same  bool
	}{
		{image, "name", "other", true},
		{image, "notes", "x", true},
		{image, "space", "y", true},
		{image, "files.model.source", "file:x.onnx", true},
		{image, "max_batch", 4, true},
		{image, "image.layout", "nchw", true}, // the default
		{image, "files.model.sha256", hash, false},
		{image, "dim", 256, false},
		{image, "precision", "fp32", false},
		{image, "output", "y", false},
		{image, "pooling", "pooler", false},
		{image, "normalisation", "none", false},
		{image, "image.size", 192, false},
		{image, "image.resize", 256, false},
		{image, "image.filter", "bilinear", false},
		{image, "image.mean", []float64{0.5, 0.5, 0.5}, false},
		{image, "image.std", []float64{0.5, 0.5, 0.5}, false},
		{image, "image.channels", "bgr", false},
		{text, "homepage", "https://example.org", true},
		{text, "files.tokenizer.sha256", hash, false},
		{text, "text.max_length", 128, false},
		{text, "text.padding", "longest", false},
	} {
		before, after := mustParse(t, c.base).Recipe("exact"), mustParse(t, change(t, c.base, c.at, c.value)).Recipe("exact")
		if (before == after) != c.same || len(before) != 16 {
			t.Errorf("%s = %v: recipe %s → %s", c.at, c.value, before, after)
		}
	}
	m := mustParse(t, image)
	if m.Recipe("exact") == m.Recipe("go") {
		t.Error("the decoder class is not in the recipe")
	}
}

// FuzzParse looks for a manifest that passes and then breaks what uses it.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"clip-image.json", "siglip-text.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	cache, err := Open(Config{Dir: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(again)
		if err != nil || back.Recipe("go") != m.Recipe("go") {
			t.Errorf("written and read again: %v", err)
		}
		if lines := (Catalogue{m}).List(cache); len(lines) != 1 {
			t.Errorf("%d lines", len(lines))
		}
	})
}
