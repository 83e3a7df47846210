package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"weft/client"
	"weft/fusion"
	"weft/fusion/profile"
	"weft/fusion/towers"
	"weft/onnx"
	"weft/storage/lake"
	"weft/tasks"
)

// towersSpec is the trained fusion of a generation. The untrained one stays in the generation beside it: it says what
// products look like where a model reads no features.
type towersSpec struct {
	Dim     int    `json:"dim"`   // of the vectors in ranking space
	Model   string `json:"model"` // fingerprint, below lake/v1/models
	Version int    `json:"version"`
}

// fused is the fusion of a generation.
type fused struct {
	fusion.Model
	trained *towers.Lazy // nil: untrained
	heads   *heads       // nil: untrained
}

// fusionOf prepares the fusion that a generation pins. A trained one is fetched and opened when it is first used, or by load.
func (e encoders) fusionOf(spec generationSpec, models lake.Models) (fused, error) {
	concat, err := fusion.NewConcat(spec.Fusion)
	if err != nil || spec.Towers == nil {
		return fused{Model: concat}, err
	}
	if spec.Towers.Version != towers.Version {
		return fused{}, fmt.Errorf("the generation's trained fusion is given its input by rules of version %d, this weft has %d: use the weft that promoted it, or train and promote again",
			spec.Towers.Version, towers.Version)
	}
	fingerprint := spec.Towers.Model
	lazy := towers.NewLazy(spec.Towers.Dim, func(ctx context.Context) (*towers.Model, error) {
		dir, err := e.fetchFusion(ctx, models, fingerprint)
		if err != nil {
			return nil, err
		}
		m, err := e.openTowers(dir, concat)
		if err != nil {
			return nil, err
		}
		if err := m.Verify(ctx, dir); err != nil {
			return nil, errors.Join(err, m.Close())
		}
		return m, nil
	})
	return fused{Model: lazy, trained: lazy, heads: &heads{open: func(ctx context.Context) (*profile.Session, error) {
		dir, err := e.fetchFusion(ctx, models, fingerprint)
		if err != nil {
			return nil, err
		}
		s, err := e.openHeads(dir, spec.Towers.Dim)
		if errors.Is(err, profile.ErrFile) { // of another weft, since promoting refuses it: profiles go without
			return nil, nil
		}
		return s, err
	}}}, nil
}

// fetchFusion brings a trained fusion from the bucket into the cache of models.
func (e encoders) fetchFusion(ctx context.Context, models lake.Models, fingerprint string) (string, error) {
	s, err := e.shelf()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.cache.Dir(), "fusion", fingerprint)
	return dir, models.Fetch(ctx, fingerprint, dir)
}

// openTowers opens the model in a folder. Towers are small: they run on the CPU wherever the encoders do, and so give the
// same vectors everywhere.
func (e encoders) openTowers(dir string, concat *fusion.Concat) (*towers.Model, error) {
	e.Provider, e.GPUMemory = onnx.CPU, 0
	runtime, err := e.runtime("a trained fusion runs in ONNX Runtime")
	if err != nil {
		return nil, err
	}
	return towers.Open(towers.Config{Runtime: runtime, Dir: dir, Concat: concat})
}

// load opens a trained fusion now, so that a process that cannot have it does not start.
func (f fused) load(ctx context.Context) error {
	if f.trained == nil {
		return nil
	}
	if err := f.trained.Load(ctx); err != nil {
		return fmt.Errorf("the generation's trained fusion: %w", err)
	}
	return nil
}

func (f fused) close() error {
	if f.trained == nil {
		return nil
	}
	return errors.Join(f.trained.Close(), f.heads.close())
}

// tell is heads.tell; nil: there is nothing to ask.
func (f fused) tell() func(context.Context, []float32, map[string]float64) ([]client.Guess, error) {
	if f.heads == nil {
		return nil
	}
	return f.heads.tell
}

// dims are the lengths of the features that a generation makes, by modality as a trained fusion reads them.
func (s generationSpec) dims() map[string]int {
	dims := map[string]int{fusion.PriceModality: 1}
	for _, b := range s.Fusion.Blocks {
		for _, m := range b.Modalities {
			dims[m.Name] = b.Dim
		}
	}
	return dims
}

// specOf reads what a generation pins.
func specOf(ctx context.Context, g lake.Generations, id tasks.Generation) (generationSpec, error) {
	raw, err := g.Get(ctx, string(id))
	if err != nil {
		return generationSpec{}, err
	}
	return parseSpec(id, raw)
}

const untrained = "untrained"

// fusionID is the fingerprint of the generation's trained fusion, or untrained.
func (s generationSpec) fusionID() string {
	if s.Towers == nil {
		return untrained
	}
	return s.Towers.Model
}
