package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"weft/fusion"
	"weft/scheduler"
	"weft/storage/lake"
	"weft/tasks"
)

// catalogue is a tenant's bucket opened for reading: what get, similar, export
// and audit need when nothing runs there.
type catalogue struct {
	*stock
	generation tasks.Generation
	spec       generationSpec
	recipes    map[tasks.Modality]string
	fusion     fused // once a recommender asked for it
}

func (c *catalogue) close(ctx context.Context) {
	_ = c.fusion.close()
	c.stock.close(ctx)
}

// generationSpec is what a generation pins: its canonical JSON is its identity.
type generationSpec struct {
	Version int           `json:"version"`
	Image   encoderSpec   `json:"image"`
	Text    encoderSpec   `json:"text"`
	Fusion  fusion.Config `json:"fusion"`
	Towers  *towersSpec   `json:"towers,omitempty"` // nil: Fusion serves untrained
}

type encoderSpec struct {
	Model     string `json:"model"`
	Recipe    string `json:"recipe"`
	Decoder   string `json:"decoder,omitempty"`   // images: the decoder class
	Rendering int    `json:"rendering,omitempty"` // text: version of the rendering of a listing
}

func (s generationSpec) recipes() map[tasks.Modality]string {
	return map[tasks.Modality]string{tasks.Image: s.Image.Recipe, tasks.Text: s.Text.Recipe}
}

// textRecipe makes the rendering of listings part of the text's recipe.
func textRecipe(recipe string, rendering int) string { return fmt.Sprintf("%s-%d", recipe, rendering) }

var errNoGeneration = errors.New("no live generation")

// liveGeneration reads what the bucket's live generation pins.
func liveGeneration(ctx context.Context, g lake.Generations) (tasks.Generation, generationSpec, error) {
	id, err := g.Live(ctx)
	if err == nil && id == "" {
		err = errNoGeneration
	}
	if err != nil {
		return "", generationSpec{}, err
	}
	spec, err := specOf(ctx, g, tasks.Generation(id))
	return tasks.Generation(id), spec, err
}

func parseSpec(id tasks.Generation, raw []byte) (spec generationSpec, err error) {
	if err := json.Unmarshal(raw, &spec); err != nil {
		return spec, fmt.Errorf("generation %s: %w", id, err)
	}
	return spec, nil
}

// openCatalogue opens the bucket for reading. It is an error that nothing was
// ever computed there.
func (p place) openCatalogue(ctx context.Context, a *app) (*catalogue, error) {
	s, err := p.openStock(ctx, a)
	if err != nil {
		return nil, err
	}
	gen, spec, err := liveGeneration(ctx, s.lake.Generations)
	if errors.Is(err, errNoGeneration) {
		return nil, fmt.Errorf("tenant %s has no vectors yet: run `weft up` (or a scheduler and a worker) over it first", s.tenant)
	}
	if err != nil {
		return nil, err
	}
	return &catalogue{stock: s, generation: gen, spec: spec, recipes: spec.recipes()}, nil
}

// view is what an audit looks at.
func (c *catalogue) view() scheduler.View {
	return scheduler.View{Objects: c.bucket, Lake: c.lake, Behaviour: c.tables, Consent: profilingByDefault, Generation: c.generation, Recipes: c.recipes}
}

// profilingByDefault is what shoppers who said nothing are taken to have said about
// profiling.
const profilingByDefault = true
