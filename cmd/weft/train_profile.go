package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"weft/fusion/dataset"
	"weft/fusion/profile"
)

// heldOut is the share of users with attributes that the profile heads are tested on, and do not learn from.
const heldOut = .2

// profileFiles learns attributes from the user vectors in dir, with what each user touched in the known rows
// behind them and how much it was as features. It makes profile.onnx, and how well its heads do on users they have not
// learned from as profile.json and profile.html. Users without consent have no values here and are not looked at.
func profileFiles(ctx context.Context, a *app, d *dataset.Dataset, known []dataset.Interaction, dir string, seed uint64) (map[string][]byte, error) {
	rows, _, dim, err := dataset.ReadNPY(filepath.Join(dir, "users.npy"))
	if err != nil {
		return nil, err
	}
	t := profile.Table{Users: d.Users, Consent: make([]bool, len(d.Users))}
	for _, attribute := range d.Profiles {
		t.Columns = append(t.Columns, profile.Column{Name: attribute.Name, Values: attribute.Values})
		for u, value := range attribute.Values {
			t.Consent[u] = t.Consent[u] || value != ""
		}
	}
	vectors, features := map[string][]float32{}, map[string][]float32{}
	for u, touched := range dataset.ByUser(known, len(d.Users)) {
		if !t.Consent[u] {
			continue
		}
		weights := make(map[string]float64, len(touched))
		for _, i := range touched {
			weights[d.Items[i.Item]] += float64(i.Weight)
		}
		vectors[d.Users[u]], features[d.Users[u]] = profile.Touched(rows[u*dim:(u+1)*dim], weights)
	}
	study, err := profile.Learn(ctx, t, vectors, features, profile.TableConfig{},
		profile.Config{Seed: seed, FeatureNames: profile.TouchedFeatures()}, heldOut)
	if study != nil {
		for _, c := range study.Columns {
			a.log.Info("profile column", "name", c.Name, "use", c.Use, "why", c.Why)
		}
		if study.Training != nil {
			for head, why := range study.Training.Skipped {
				a.log.Warn("profile head left out", "head", head, "why", why)
			}
		}
	}
	if errors.Is(err, profile.ErrNothing) {
		a.log.Warn("no attribute of --profiles can be learned", "why", err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("profile heads: %w", err)
	}
	file, err := study.Model.ONNX()
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(study.Evaluation.Heads, "", "  ")
	if err != nil {
		return nil, err
	}
	page := bytes.NewBufferString("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>weft train: attributes of users</title>\n" +
		"<body style=\"font: 15px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem\">\n<h1>Attributes of users, told and true</h1>\n")
	if err := study.Evaluation.WriteHTML(page); err != nil {
		return nil, err
	}
	return map[string][]byte{headsFile: file, "profile.json": append(text, '\n'), "profile.html": page.Bytes()}, nil
}
