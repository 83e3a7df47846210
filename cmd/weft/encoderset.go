package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"weft/extractors"
	"weft/extractors/models"
	"weft/extractors/pixels"
	"weft/onnx"
)

// modelShelf is the manifests that may be named and the cache of their files.
type modelShelf struct {
	all   models.Catalogue
	cache *models.Cache
}

func (e encoders) shelf() (modelShelf, error) {
	all, err := models.Builtin()
	if err != nil {
		return modelShelf{}, err
	}
	if e.Models != "" {
		more, err := models.Load(e.Models)
		if err != nil {
			return modelShelf{}, fmt.Errorf("--models %s: %w", e.Models, err)
		}
		if all, err = all.With(more...); err != nil {
			return modelShelf{}, fmt.Errorf("--models %s: %w", e.Models, err)
		}
	}
	cache, err := models.Open(models.Config{Dir: e.Cache})
	return modelShelf{all, cache}, err
}

const runtimeName = "onnxruntime"

// library finds ONNX Runtime; it is loaded when the first model is.
func (e encoders) library(s modelShelf) (*extractors.Library, error) {
	m, err := s.all.Find(runtimeName)
	if err != nil {
		return nil, err
	}
	return extractors.NewLibrary(s.cache, m, onnx.Config{Library: e.Runtime, Provider: e.Provider,
		MemoryLimit: e.GPUMemory << 20, EngineCache: e.engines(s.cache)}), nil
}

// engines is where TensorRT keeps what it builds, beside the models.
func (e encoders) engines(c *models.Cache) string {
	if e.Provider != onnx.TensorRT {
		return ""
	}
	return filepath.Join(c.Dir(), "engines")
}

// encoderSet is one image and one text encoder, loaded at their first use.
type encoderSet struct {
	image     *extractors.LazyImage
	text      *extractors.LazyText
	decoder   extractors.Decoder
	class     pixels.Class
	imageName string
	textName  string
}

// open prepares both encoders with a decoder class. It reads no model: a start
// that finds nothing to do stays quick.
func (e encoders) open(class pixels.Class, log *slog.Logger) (*encoderSet, error) {
	s, err := e.shelf()
	if err != nil {
		return nil, err
	}
	image, err := e.imageConfig(s, e.Image, class)
	if err != nil {
		return nil, err
	}
	text, err := e.textConfig(s, e.Text)
	if err != nil {
		return nil, err
	}
	image.Loaded, text.Loaded = e.loaded(log), e.loaded(log)
	set := &encoderSet{class: class, decoder: image.Decoder, imageName: e.Image, textName: e.Text}
	if set.image, err = extractors.NewLazyImage(image); err != nil {
		return nil, err
	}
	if set.text, err = extractors.NewLazyText(text); err != nil {
		return nil, err
	}
	return set, nil
}

// loaded says how an accelerator does; on a CPU there is nothing to say.
func (e encoders) loaded(log *slog.Logger) func(*models.Report) {
	return func(r *models.Report) {
		switch {
		case r.Partly != "":
			log.Warn("a part of the encoder runs on the CPU", "model", r.Name, "provider", e.Provider, "rows", r.Rows, "items_per_second", int(r.PerSecond), "why", r.Partly)
		case r.Rows > 0:
			log.Info("encoder on its accelerator", "model", r.Name, "provider", e.Provider, "rows", r.Rows, "items_per_second", int(r.PerSecond))
		}
	}
}

func (e encoders) imageConfig(s modelShelf, name string, class pixels.Class) (extractors.Config, error) {
	c, err := e.textConfig(s, name)
	if err != nil {
		return c, err
	}
	c.Decoder, err = pixels.Open(class, pixels.DefaultLimits(), pixels.Libraries{})
	return c, err
}

// textConfig is the configuration of an encoder that needs no decoder.
func (e encoders) textConfig(s modelShelf, name string) (extractors.Config, error) {
	m, err := s.all.Find(name)
	if err := errors.Join(err, e.validate()); err != nil {
		return extractors.Config{}, usageError{err}
	}
	if !s.cache.Present(m) {
		return extractors.Config{}, fmt.Errorf("model %s is not in the cache %s: run `weft models pull` (or `make models`)", name, s.cache.Dir())
	}
	lib, err := e.library(s)
	return extractors.Config{Manifest: m, Cache: s.cache, Library: lib, MaxBatch: e.batch(m.Modality), Devices: e.Devices, Sessions: e.Sessions}, err
}

// bestClass is the decoder class to begin a bucket with: exact where both
// libraries can be loaded, and it says why where they cannot.
func bestClass(log *slog.Logger) pixels.Class {
	if _, err := pixels.Open(pixels.Exact, pixels.DefaultLimits(), pixels.Libraries{}); err != nil {
		log.Warn("photos are decoded by class go, whose pixels differ a little from the reference's", "why", err)
		return pixels.Go
	}
	return pixels.Exact
}

func (s *encoderSet) Close() error { return errors.Join(s.image.Close(), s.text.Close()) }
