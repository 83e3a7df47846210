package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"

	"weft/extractors"
	"weft/extractors/pixels"
	"weft/fusion"
	"weft/tasks"
)

// neighbours is leave-one-out k-nearest-neighbour accuracy, which needs no training and says whether neighbours make sense.
func (c *evaluateCmd) neighbours(ctx context.Context, a *app) error {
	var vectors [][]float32
	var labels []string
	var err error
	if c.Photos != "" {
		vectors, labels, err = c.encodePhotos(ctx, a)
	} else {
		vectors, labels, err = c.readVectors(ctx, a)
	}
	if err != nil {
		return err
	}
	for i, v := range vectors {
		if vectors[i], err = fusion.Unit(v); err != nil {
			return err
		}
	}
	r, err := fusion.Neighbours(ctx, vectors, labels, c.K)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(r)
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "class\titems\tk-NN(%d)\tsame class\n", r.K)
	for _, l := range r.Classes {
		fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f\n", l.Label, l.Items, l.Accuracy, l.Same)
	}
	fmt.Fprintf(w, "all\t%d\t%.3f\t%.3f\n", r.Items, r.Accuracy, r.Same)
	return w.Flush()
}

// encodePhotos encodes every photo below the class folders; the folder is the label.
func (c *evaluateCmd) encodePhotos(ctx context.Context, a *app) ([][]float32, []string, error) {
	class := pixels.Class(c.Decoder)
	if class == "auto" {
		class = bestClass(a.log)
	}
	set, err := c.open(class, a.log)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = set.Close() }()
	paths, labels, err := labelledPhotos(c.Photos)
	if err != nil {
		return nil, nil, err
	}
	bar := countBar(a.err, "encode", len(paths))
	vectors := make([][]float32, len(paths))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(c.runners())
	for i, path := range paths {
		group.Go(func() error {
			v, err := encodePhoto(ctx, set.image, path)
			vectors[i] = v
			_ = bar.Add(1)
			return err
		})
	}
	err = group.Wait()
	_ = bar.Finish()
	return vectors, labels, err
}

func encodePhoto(ctx context.Context, e extractors.ImageEncoder, path string) ([]float32, error) {
	data, err := readPhoto(path)
	if err != nil {
		return nil, err
	}
	rgb, err := e.Prepare(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	v, err := e.Encode(ctx, [][]byte{rgb})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v[0], nil
}

// labelledPhotos lists DIR/<label>/<photo>, in the order of their names.
func labelledPhotos(root string) (paths, labels []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		label := filepath.Base(filepath.Dir(path))
		if tasks.ParseMediaKey(tasks.MediaPrefix+"p/"+d.Name()).Modality != tasks.Image || filepath.Dir(path) == filepath.Clean(root) {
			return nil
		}
		paths, labels = append(paths, path), append(labels, label)
		return nil
	})
	if err == nil && len(paths) == 0 {
		err = usagef("--photos %s: no photos in sub-folders; want DIR/<class>/<photo>.jpg", root)
	}
	return paths, labels, err
}

// readVectors reads the bucket's vectors and gives each the label of its product.
func (c *evaluateCmd) readVectors(ctx context.Context, a *app) (vectors [][]float32, labels []string, err error) {
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	defer cat.close(ctx)
	label := map[string]string{}
	if c.Labels != "" {
		if label, err = readLabels(c.Labels); err != nil {
			return nil, nil, err
		}
	}
	products := map[string][]float32{}
	for row, err := range cat.products(ctx) {
		if err != nil {
			return nil, nil, err
		}
		products[row.ID] = slices.Clone(row.Content)
		if c.Labels == "" {
			label[row.ID] = row.Category
		}
	}
	add := func(id string, v []float32) {
		if l := label[id]; l != "" {
			vectors, labels = append(vectors, v), append(labels, l)
		}
	}
	if c.By == "" || c.By == "product" {
		for _, id := range slices.Sorted(maps.Keys(products)) {
			add(id, products[id])
		}
	} else {
		for row, err := range cat.features(ctx, tasks.Modality(c.By)) {
			if err != nil {
				return nil, nil, err
			}
			add(row.Product, row.Vector)
		}
	}
	if len(vectors) == 0 {
		return nil, nil, fmt.Errorf("none of the %d products has a label: set their category, or give --labels", len(products))
	}
	return vectors, labels, nil
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
