package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"weft/fusion/dataset"
	"weft/fusion/profile"
)

// heldOut is the share of users with attributes that the profile heads are tested on, and do not learn from.
const heldOut = .2

// trainProfile learns attributes from the user vectors in dir. It writes profile.onnx, which answers for any user vector of
// this model, and profile.json, how well the heads do on users they have not learned from. Users without consent have no
// values here and are not looked at.
func trainProfile(ctx context.Context, a *app, d *dataset.Dataset, dir string, seed uint64) error {
	rows, _, dim, err := dataset.ReadNPY(filepath.Join(dir, "users.npy"))
	if err != nil {
		return err
	}
	t := profile.Table{Users: d.Users, Consent: make([]bool, len(d.Users))}
	for _, attribute := range d.Profiles {
		t.Columns = append(t.Columns, profile.Column{Name: attribute.Name, Values: attribute.Values})
		for u, value := range attribute.Values {
			t.Consent[u] = t.Consent[u] || value != ""
		}
	}
	vectors := make(map[string][]float32, len(d.Users))
	for u, name := range d.Users {
		vectors[name] = rows[u*dim : (u+1)*dim]
	}
	found, err := profile.Infer(t, profile.TableConfig{})
	if err != nil {
		return err
	}
	for _, c := range found.Columns {
		a.log.Info("profile column", "name", c.Name, "use", c.Use, "why", c.Why)
	}
	if len(found.Specs) == 0 {
		a.log.Warn("no column of --profiles can be learned; see above")
		return nil
	}
	examples, _ := t.Examples(found.Labels, vectors, nil)
	learn, test := profile.Split(examples, seed, heldOut)
	model, training, err := profile.Train(ctx, learn, profile.Config{Heads: found.Specs, Seed: seed})
	if training != nil {
		for head, why := range training.Skipped {
			a.log.Warn("profile head left out", "head", head, "why", why)
		}
	}
	if errors.Is(err, profile.ErrNothing) {
		return nil // said above
	}
	if err != nil {
		return fmt.Errorf("profile heads: %w", err)
	}
	measured, err := profile.Evaluate(ctx, model, test, profile.EvalConfig{})
	if err != nil {
		return fmt.Errorf("profile heads: %w", err)
	}
	file, err := model.ONNX()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(measured.Heads, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "profile.onnx"), file, 0o644),
		os.WriteFile(filepath.Join(dir, "profile.json"), append(text, '\n'), 0o644))
}
