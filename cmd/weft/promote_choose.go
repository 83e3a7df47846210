package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"weft/fusion"
	"weft/fusion/towers"
	"weft/promote"
	"weft/tasks"
)

// choose finds the generation to go to, and holds a model against the gate.
func (p *promotion) choose(ctx context.Context) error {
	switch info, err := os.Stat(p.cmd.Model); {
	case p.cmd.Back:
		return p.back(ctx)
	case err == nil && info.IsDir():
		return p.fromFolder(ctx, p.cmd.Model)
	}
	return p.fromBucket(ctx)
}

// back is the generation before the live one.
func (p *promotion) back(ctx context.Context) error {
	moves, err := p.lake.Generations.Moves(ctx)
	if err != nil {
		return err
	}
	for i := len(moves) - 1; i >= 0; i-- {
		if moves[i].To == string(p.live) {
			p.out.Why = "back"
			p.target, err = specOf(ctx, p.lake.Generations, tasks.Generation(moves[i].From))
			return err
		}
	}
	return fmt.Errorf("generation %s is the first of this bucket: there is none to go back to", p.live)
}

// fromFolder is the generation with the model in a folder, which is stored in the bucket if the gate lets it pass.
func (p *promotion) fromFolder(ctx context.Context, dir string) error {
	manifest, fingerprint, err := towers.ReadManifest(dir)
	if err == nil {
		err = errors.Join(manifest.Fits(p.spec.dims()), manifest.CheckFiles(dir))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	serves, err := p.cmd.fusionOf(p.spec, p.lake.Models)
	if err != nil {
		return err
	}
	defer func() { _ = serves.close() }()
	gate, err := promote.Judge(ctx, dir, p.lake, p.live, serves)
	if err != nil {
		return err
	}
	p.out.Gate = &gate
	p.app.log.Info("gate: the model is " + gate.String())
	if err := p.pass(gate.Passed, "it is "+gate.String()); err != nil {
		return err
	}
	if err := p.store(ctx, dir); err != nil {
		return err
	}
	p.target = p.with(fingerprint, manifest.Dim)
	return nil
}

// pass says whether the promotion goes on.
func (p *promotion) pass(passed bool, why string) error {
	p.out.Why = "promoted"
	if passed {
		return nil
	}
	p.out.Why = "forced"
	if p.cmd.Force {
		return nil
	}
	return fmt.Errorf("the model is not promoted: %s; --force promotes it all the same", why)
}

// with is the live generation with another model.
func (p *promotion) with(fingerprint string, dim int) generationSpec {
	spec := p.spec
	spec.Towers = &towersSpec{Dim: dim, Model: fingerprint, Version: towers.Version}
	return spec
}

// store puts the model into the bucket, with what it gives for made-up inputs.
func (p *promotion) store(ctx context.Context, dir string) error {
	concat, err := fusion.NewConcat(p.spec.Fusion)
	if err != nil {
		return err
	}
	m, err := p.cmd.openTowers(dir, concat)
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }()
	goldens, err := m.Goldens(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(goldens)
	if err != nil {
		return err
	}
	h, err := p.cmd.openHeads(dir, m.Dim())
	if err != nil {
		return err
	}
	if h != nil {
		defer func() { _ = h.Close() }()
	}
	names, told := towers.Files()
	for _, name := range append(told, headsFile) {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			names = append(names, name)
		}
	}
	_, err = p.lake.Models.Put(ctx, dir, names, map[string][]byte{towers.GoldensFile: text})
	return err
}

// fromBucket is the generation with a model that was stored before; what it was then measured at counts.
func (p *promotion) fromBucket(ctx context.Context) error {
	all, err := p.lake.Models.List(ctx)
	if err != nil {
		return err
	}
	var found []string
	for _, fingerprint := range all {
		if strings.HasPrefix(fingerprint, p.cmd.Model) {
			found = append(found, fingerprint)
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("%q is no folder, and the beginning of %d of the %d models in the bucket: give a folder that `weft train` wrote, or more of an id from `weft models list --data DIR`", p.cmd.Model, len(found), len(all))
	}
	dir, err := p.cmd.fetchFusion(ctx, p.lake.Models, found[0])
	if err != nil {
		return err
	}
	manifest, _, err := towers.ReadManifest(dir)
	if err == nil {
		err = manifest.Fits(p.spec.dims())
	}
	if err != nil {
		return err
	}
	moves, err := p.lake.Generations.Moves(ctx)
	if err != nil {
		return err
	}
	passed := false
	for _, m := range moves {
		var gate *promote.Gate
		if m.Model == found[0] && json.Unmarshal(m.Figure, &gate) == nil && gate != nil {
			p.out.Gate, passed = gate, gate.Passed
		}
	}
	p.target = p.with(found[0], manifest.Dim)
	return p.pass(passed, "it is in the bucket, but no promotion of it has passed the gate; promote its folder to measure it")
}
