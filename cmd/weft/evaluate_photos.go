package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"weft/extractors"
	"weft/extractors/pixels"
	"weft/fusion/dataset"
	"weft/tasks"
)

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
		m, err := dataset.ModalityOf(string(name), vectors)
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

// described gives each photo its text and class. Without any listing the folders are the classes, and their names all that is
// said; with listings, a photo whose folder has none with a category has no class and is left out.
func described(paths, folders []string) (kept, classes, texts []string, err error) {
	var listed, categories, said []string
	for _, path := range paths {
		body, err := os.ReadFile(filepath.Join(filepath.Dir(path), tasks.ListingName))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, nil, err
		}
		l, err := tasks.ParseListing(body)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", filepath.Join(filepath.Dir(path), tasks.ListingName), err)
		}
		if l.Category != "" {
			listed, categories, said = append(listed, path), append(categories, l.Category), append(said, l.Text())
		}
	}
	if listed == nil {
		return paths, folders, folders, nil
	}
	return listed, categories, said, nil
}
