package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/extractors/models"
)

func TestModelsList(t *testing.T) {
	for cache, want := range map[string]bool{realCache(t): true, t.TempDir(): false} {
		found := map[string]int{}
		for _, l := range answer[[]models.Listing](t, "models", "list", "--json", "--cache", cache) {
			found[l.Name] = l.Dim
			if l.Present != want || len(l.SHA256) != 64 || l.Source == "" || l.Modality == "" {
				t.Errorf("in %s: %+v, want present %v", cache, l, want)
			}
		}
		if found["efficientnet-lite0"] != 1280 || found["efficientnet-lite0-fp16"] != 1280 || found["all-minilm-l6-v2"] != 384 || len(found) != 4 {
			t.Errorf("models %v; want the runtime and the three encoders", found)
		}
	}
}

func TestModelsVerify(t *testing.T) {
	reports := json.NewDecoder(strings.NewReader(done(t, "models", "verify", "--json")))
	for _, name := range []string{"efficientnet-lite0", "all-minilm-l6-v2"} {
		var r models.Report
		must(t, reports.Decode(&r))
		if r.Name != name || !r.OK || r.Worst < 0.9999 || len(r.Cases) == 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestModelsFlippedByte changes one byte of a model: everything that would run it
// refuses, names the file and says how to get another.
func TestModelsFlippedByte(t *testing.T) {
	cache, file := copiedCache(t, "efficientnet-lite0")
	body := read(t, file)
	body[len(body)/2] ^= 1
	must(t, os.WriteFile(file, body, 0o644))
	s := newShop(t)
	s.stock(samples(t, 1)...)
	for _, args := range [][]string{
		{"models", "verify", "efficientnet-lite0", "--cache", cache},
		s.upArgs("--cache", cache),
	} {
		o := weft(t, args...)
		if o.code != exitFailed || !strings.Contains(o.err, file) || !strings.Contains(o.err, "weft models pull") {
			t.Errorf("weft %s: exit %d, %s", args[0], o.code, o.err)
		}
	}
	if a := s.up(); a.Encoded["image"] != 1 || a.Dead != 0 {
		t.Errorf("with a whole model again: %+v", a)
	}
}

// TestRuntimeMissing needs a process that has loaded no runtime yet.
func TestRuntimeMissing(t *testing.T) {
	cache, _ := copiedCache(t, "efficientnet-lite0")
	must(t, os.RemoveAll(filepath.Join(cache, "runtime")))
	s := newShop(t)
	s.stock(samples(t, 1)...)
	for _, c := range []struct{ flag, value, says string }{
		{"--cache", cache, "weft models pull"},
		{"--onnxruntime", filepath.Join(cache, "libabsent.so"), "libabsent.so"},
	} {
		p := spawn(t, s.upArgs(c.flag, c.value)...)
		if code := p.wait(); code != exitFailed || !strings.Contains(p.err.String(), c.says) {
			t.Errorf("%s %s: exit %d, %s", c.flag, c.value, code, p.err.String())
		}
	}
}

// copiedCache is a cache of links to the real files, and the path in it of a
// model's file, which is a copy.
func copiedCache(t *testing.T, name string) (cache, file string) {
	t.Helper()
	cache, real := t.TempDir(), realCache(t)
	all, err := models.Builtin()
	must(t, err)
	m, err := all.Find(name)
	must(t, err)
	for _, pattern := range []string{"blobs/sha256/*", "runtime/*/*"} {
		files, err := filepath.Glob(filepath.Join(real, filepath.FromSlash(pattern)))
		must(t, err)
		for _, f := range files {
			rel, err := filepath.Rel(real, f)
			must(t, err)
			to := filepath.Join(cache, rel)
			if filepath.Base(f) == m.Files.Model.SHA256 {
				write(t, to, read(t, f))
				file = to
				continue
			}
			must(t, os.MkdirAll(filepath.Dir(to), 0o755))
			must(t, os.Symlink(f, to))
		}
	}
	if file == "" {
		t.Fatalf("%s is not in %s: run `make models`", name, real)
	}
	return cache, file
}
