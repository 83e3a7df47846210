package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"weft/client"
	"weft/fusion/profile"
	"weft/onnx"
)

// headsFile is the profile model in a model's folder.
const headsFile = "profile.onnx"

// heads is the profile model that was promoted with a trained fusion, if there is one: it is opened when somebody is first
// asked about.
type heads struct {
	open func(context.Context) (*profile.Session, error) // nil without an error: there is none

	mu      sync.Mutex
	opened  bool
	session *profile.Session
}

// openHeads opens the profile model of a folder, for user vectors of that length; nil where there is none.
func (e encoders) openHeads(dir string, vector int) (*profile.Session, error) {
	file, err := os.ReadFile(filepath.Join(dir, headsFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e.Provider, e.GPUMemory = onnx.CPU, 0
	runtime, err := e.runtime("a profile model runs in ONNX Runtime")
	if err != nil {
		return nil, err
	}
	s, err := profile.Open(runtime, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, headsFile), err)
	}
	if !s.Card().AskedByTouched(vector) {
		return nil, errors.Join(fmt.Errorf("%w: %s does not read user vectors of %d numbers as weft train lays them out: train it again", profile.ErrFile, filepath.Join(dir, headsFile), vector), s.Close())
	}
	return s, nil
}

func (h *heads) get(ctx context.Context) (*profile.Session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.opened {
		s, err := h.open(ctx)
		if err != nil {
			return nil, err
		}
		h.session, h.opened = s, true
	}
	return h.session, nil
}

// tell says what the model makes of a shopper who has agreed to be asked about, by the vector and what was touched.
func (h *heads) tell(ctx context.Context, vector []float32, weights map[string]float64) ([]client.Guess, error) {
	s, err := h.get(ctx)
	if err != nil || s == nil {
		return nil, err
	}
	e := profile.Example{User: "-", Consent: true}
	e.Vector, e.Features = profile.Touched(vector, weights)
	said, err := profile.Predict(ctx, s, []profile.Example{e})
	if err != nil {
		return nil, err
	}
	var all []client.Guess
	for _, a := range said[0].Answers {
		g := client.Guess{Name: a.Head, Value: a.Value, Confidence: a.Confidence}
		for _, t := range a.Tags {
			g.Tags = append(g.Tags, client.GuessedTag{Value: t.Value, Confidence: t.Confidence})
		}
		g.Unknown = g.Value == "" && len(g.Tags) == 0
		all = append(all, g)
	}
	return all, nil
}

func (h *heads) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.session == nil {
		return nil
	}
	err := h.session.Close()
	h.session, h.opened = nil, false
	return err
}
