package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"weft/extractors/pixels"
	"weft/fusion"
	"weft/storage/lake"
	"weft/tasks"
)

// pinned is a generation that this process can make vectors of.
type pinned struct {
	id       tasks.Generation
	spec     generationSpec
	encoders *encoderSet
	apart    []string // starts a process that tries suspects
	fusion   fused
}

// pin meets the bucket's live generation, or begins the first one. A process
// that would make other vectors does not start: it says what differs.
func (e encoders) pin(ctx context.Context, l *lake.Lake, log *slog.Logger) (*pinned, error) {
	live, spec, err := liveGeneration(ctx, l.Generations)
	fresh := errors.Is(err, errNoGeneration)
	if err != nil && !fresh {
		return nil, err
	}
	class := pixels.Class(e.Decoder)
	if e.Decoder == "auto" {
		class = pixels.Class(spec.Image.Decoder)
		if fresh {
			class = bestClass(log)
		}
	}
	set, err := e.open(class, log)
	if err != nil {
		if !fresh {
			err = fmt.Errorf("the bucket's generation %s decodes photos by class %q: %w", live, spec.Image.Decoder, err)
		}
		return nil, err
	}
	p := &pinned{encoders: set, spec: generationSpec{
		Version: 1,
		Image:   encoderSpec{Model: set.imageName, Recipe: set.image.Recipe(), Decoder: string(class)},
		Text:    encoderSpec{Model: set.textName, Recipe: textRecipe(set.text.Recipe(), tasks.TextRendering), Rendering: tasks.TextRendering},
		Fusion:  fusion.DefaultConfig(set.image.Dim(), set.text.Dim()),
		Towers:  spec.Towers, // whatever was promoted
	}}
	if p.apart, err = e.apartCommand(class); err != nil {
		return nil, err
	}
	id, _, err := lake.GenerationID(p.spec)
	if err != nil {
		return nil, err
	}
	p.id = tasks.Generation(id)
	if !fresh && p.id != live {
		return nil, fmt.Errorf("the bucket's live generation %s was made otherwise: %s; use the same models and decoder, or remove lake/v1/generations/live.json below the tenant to begin a new generation (every vector is then made again)",
			live, differences(spec, p.spec))
	}
	if p.fusion, err = e.fusionOf(p.spec, l.Models); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *pinned) close() error { return errors.Join(p.encoders.Close(), p.fusion.close()) }

// begin makes the generation durable and, in a new bucket, the live one.
func (p *pinned) begin(ctx context.Context, g lake.Generations) error {
	if _, err := g.Put(ctx, p.spec); err != nil {
		return err
	}
	err := g.SetLive(ctx, "", string(p.id))
	if errors.Is(err, lake.ErrLiveMoved) {
		return fmt.Errorf("%w: another process has begun a generation of its own at the same moment; start again to meet it", err)
	}
	return err
}

func differences(had, have generationSpec) string {
	var parts []error
	note := func(what string, a, b any) {
		if a != b {
			parts = append(parts, fmt.Errorf("%s was %v, here it is %v", what, a, b))
		}
	}
	note("image model", had.Image.Model, have.Image.Model)
	note("decoder class", had.Image.Decoder, have.Image.Decoder)
	note("image recipe", had.Image.Recipe, have.Image.Recipe)
	note("text model", had.Text.Model, have.Text.Model)
	note("text recipe", had.Text.Recipe, have.Text.Recipe)
	a, _ := had.Fusion.Fingerprint()
	b, _ := have.Fusion.Fingerprint()
	note("fusion", a, b)
	return errors.Join(parts...).Error()
}
