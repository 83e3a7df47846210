package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"weft/evaluation"
	"weft/fusion"
	"weft/fusion/content"
	"weft/fusion/dataset"
	"weft/tasks"
)

// neighbours is leave-one-out k-nearest-neighbour accuracy, which needs no training and says whether neighbours make sense.
func (c *evaluateCmd) neighbours(ctx context.Context, a *app) error {
	var set labelled
	var err error
	if c.Photos != "" {
		set, err = c.encodePhotos(ctx, a)
	} else {
		set, err = c.readVectors(ctx, a)
	}
	if err != nil {
		return err
	}
	units := make([][]float32, len(set.vectors))
	for i, v := range set.vectors {
		if units[i], err = fusion.Unit(v); err != nil {
			return err
		}
	}
	var r evaluation.Neighbours
	if r.Neighbourhood, err = fusion.Neighbours(ctx, units, set.labels, c.K); err != nil {
		return err
	}
	if r.Content, err = c.measureContent(ctx, a, set.features, set.categories, content.Trial{K: c.K, Resamples: c.Resamples, Seed: c.Seed}); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(r)
	}
	return r.Print(a.out)
}

// labelled are products whose neighbours are measured.
type labelled struct {
	vectors [][]float32 // that neighbours are found by
	labels  []string
	// features are what content is made of, and categories of what kind; their products need not be those of vectors.
	features   []dataset.Modality
	categories []string
}

// readVectors reads the bucket's vectors and gives each the label of its product.
func (c *evaluateCmd) readVectors(ctx context.Context, a *app) (out labelled, err error) {
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return out, err
	}
	defer cat.close(ctx)
	label := map[string]string{}
	if c.Labels != "" {
		if label, err = readLabels(c.Labels); err != nil {
			return out, err
		}
	}
	products := map[string][]float32{}
	for row, err := range cat.products(ctx) {
		if err != nil {
			return out, err
		}
		products[row.ID] = slices.Clone(row.Content)
		if c.Labels == "" {
			label[row.ID] = row.Category
		}
	}
	add := func(id string, v []float32) {
		if l := label[id]; l != "" {
			out.vectors, out.labels = append(out.vectors, v), append(out.labels, l)
		}
	}
	if c.By == "" || c.By == "product" {
		for _, id := range slices.Sorted(maps.Keys(products)) {
			add(id, products[id])
		}
	} else {
		for row, err := range cat.features(ctx, tasks.Modality(c.By)) {
			if err != nil {
				return out, err
			}
			add(row.Product, row.Vector)
		}
	}
	if len(out.vectors) == 0 {
		return out, fmt.Errorf("none of the %d products has a label: set their category, or give --labels", len(products))
	}
	ids, features, err := cat.pooled(ctx)
	if err != nil {
		return out, err
	}
	out.features = features
	for _, id := range ids {
		out.categories = append(out.categories, label[id])
	}
	return out, nil
}

func readLabels(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f)
	r.FieldsPerRecord = 2
	labels := map[string]string{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return labels, nil
		}
		if err != nil {
			return nil, fmt.Errorf("--labels %s: %w", path, err)
		}
		labels[row[0]] = row[1]
	}
}
