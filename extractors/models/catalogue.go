package models

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

//go:embed builtin
var builtin embed.FS

// ErrUnknown is wrapped when no manifest has the name asked for.
var ErrUnknown = errors.New("unknown model")

// Names of the manifests that come with weft.
const (
	DefaultImage   = "efficientnet-lite0"
	DefaultText    = "all-minilm-l6-v2"
	DefaultRuntime = "onnxruntime"

	// HalfImage is DefaultImage in half precision, for GPUs: another recipe.
	HalfImage = "efficientnet-lite0-fp16"
)

// Catalogue is a set of manifests with distinct names.
type Catalogue []*Manifest

// Builtin returns the manifests that come with weft: the runtime library, the
// image encoders and the text encoder.
func Builtin() (Catalogue, error) {
	var all Catalogue
	for _, name := range []string{DefaultRuntime, DefaultImage, HalfImage, DefaultText} {
		data, err := builtin.ReadFile("builtin/" + name + ".json")
		if err != nil {
			return nil, fmt.Errorf("builtin manifest %s: %w", name, err)
		}
		m, err := Parse(data)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// Load reads a user's manifests: one file, or a folder in which every *.json is
// a manifest (files that manifests name belong in a folder below it).
func Load(path string) (Catalogue, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("load manifests: %w", err)
	}
	files := []string{path}
	if info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(path, "*.json")); err != nil {
			return nil, fmt.Errorf("load manifests: %w", err)
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("load manifests: no *.json in %s", path)
		}
	}
	var all Catalogue
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("load manifests: %w", err)
		}
		m, err := Parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if m.dir, err = filepath.Abs(filepath.Dir(file)); err != nil {
			return nil, fmt.Errorf("load manifests: %w", err)
		}
		if all, err = all.With(m); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return all, nil
}

// With returns the catalogue with more manifests; a name that is taken, and two
// manifests of one space with different dims, are errors.
func (c Catalogue) With(more ...*Manifest) (Catalogue, error) {
	all := slices.Clone(c)
	for _, m := range more {
		for _, other := range all {
			if other.Name == m.Name {
				return nil, fmt.Errorf("%w: name: %q is taken by another manifest", ErrManifest, m.Name)
			}
			if m.Space != "" && m.Space == other.Space && m.Dim != other.Dim {
				return nil, fmt.Errorf("%w %q: dim: %d, but %q of the same space %q has %d",
					ErrManifest, m.Name, m.Dim, other.Name, m.Space, other.Dim)
			}
		}
		all = append(all, m)
	}
	return all, nil
}

// Find returns the manifest of that name; the error lists the names there are.
func (c Catalogue) Find(name string) (*Manifest, error) {
	names := make([]string, len(c))
	for i, m := range c {
		if m.Name == name {
			return m, nil
		}
		names[i] = m.Name
	}
	return nil, fmt.Errorf("%w %q, want one of %s", ErrUnknown, name, strings.Join(names, ", "))
}

// Library returns the runtime library's file for this platform.
func (m *Manifest) Library() (File, error) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	file, ok := m.Platforms[platform]
	if !ok {
		return File{}, fmt.Errorf("%w: %s %s has no library for %s", ErrUnknown, m.Name, m.Version, platform)
	}
	return file, nil
}

// Listing is one line of `weft models list`.
type Listing struct {
	Name     string   `json:"name"`
	Modality Modality `json:"modality"`
	Dim      int      `json:"dim"`
	SHA256   string   `json:"sha256"`
	Source   string   `json:"source"`
	Present  bool     `json:"present"`
}

// List describes the manifests and whether the cache holds their files, by size
// only: verifying reads them.
func (c Catalogue) List(cache *Cache) []Listing {
	lines := make([]Listing, 0, len(c))
	for _, m := range c {
		line := Listing{Name: m.Name, Modality: m.Modality, Dim: m.Dim, Present: cache.Present(m)}
		main := m.Files.Model
		if m.Modality == Runtime {
			if file, err := m.Library(); err == nil {
				main = &file
			}
		}
		if main != nil {
			line.SHA256, line.Source = main.SHA256, main.Source
		}
		if m.Convert != "" {
			line.Source = m.Files.Checkpoint.Source
		}
		lines = append(lines, line)
	}
	return lines
}
