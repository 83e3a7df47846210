package main

import (
	"cmp"
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
	var r judgedContent
	if r.Neighbourhood, err = fusion.Neighbours(ctx, units, set.labels, c.K); err != nil {
		return err
	}
	if r.Content, err = c.measureContent(ctx, a, set.features, set.categories, content.Trial{K: c.K, Resamples: c.Resamples, Seed: c.Seed}); err != nil {
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
	if err := w.Flush(); err != nil {
		return err
	}
	return printContent(a.out, r.Content)
}

// encodePhotos encodes every photo below the folders, and what is said of it. The class is the folder, or the category of the
// listing beside the photo.
func (c *evaluateCmd) encodePhotos(ctx context.Context, a *app) (out labelled, err error) {
	paths, labels, err := labelledPhotos(c.Photos)
	if err != nil {
		return out, err
	}
	paths, labels, texts, err := described(paths, labels)
	if err != nil {
		return out, err
	}
	images, err := c.encodeImages(ctx, a, paths)
	if err != nil {
		return out, err
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(texts)))
	encoded, err := c.encodeTexts(ctx, a, distinct)
	if err != nil {
		return out, err
	}
	words := make([][]float32, len(texts))
	for i, text := range texts {
		at, _ := slices.BinarySearch(distinct, text)
		words[i] = encoded[at]
	}
	out = labelled{vectors: images, labels: labels, categories: labels}
	for name, vectors := range map[tasks.Modality][][]float32{tasks.Image: images, tasks.Text: words} {
		m, err := modalityOf(string(name), vectors)
		if err != nil {
			return out, err
		}
		out.features = append(out.features, m)
	}
	slices.SortFunc(out.features, func(a, b dataset.Modality) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// encodeImages encodes each photo on its own.
func (c *evaluateCmd) encodeImages(ctx context.Context, a *app, paths []string) ([][]float32, error) {
	class := pixels.Class(c.Decoder)
	if class == "auto" {
		class = bestClass(a.log)
	}
	set, err := c.open(class, a.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = set.Close() }()
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
	return vectors, err
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
