package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"weft/fusion"
	"weft/fusion/content"
	"weft/fusion/dataset"
	"weft/tasks"
)

// labelled are products whose neighbours are measured.
type labelled struct {
	vectors [][]float32 // that neighbours are found by
	labels  []string
	// features are what content is made of, and categories of what kind; their products need not be those of vectors.
	features   []dataset.Modality
	categories []string
}

// judgedContent is what is said of neighbours, and of content where it can be asked.
type judgedContent struct {
	fusion.Neighbourhood
	Content *content.Quality `json:"content,omitempty"`
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

// pooled are the features of a catalogue's products, as training reads them, with the products in order.
func (c *catalogue) pooled(ctx context.Context) (ids []string, features []dataset.Modality, err error) {
	parts := map[string]*fusion.ProductParts{}
	for row, err := range c.features(ctx, "") {
		if err != nil {
			return nil, nil, err
		}
		p := parts[row.Product]
		if p == nil {
			p = &fusion.ProductParts{ID: row.Product}
			parts[row.Product] = p
		}
		p.Parts = append(p.Parts, fusion.Part{Modality: row.Modality, Weight: 1, Vector: row.Vector})
	}
	ids = slices.Sorted(maps.Keys(parts))
	rows := make([]map[string][]float32, len(ids))
	for i, id := range ids {
		if rows[i], err = fusion.Pool(*parts[id]); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range []tasks.Modality{tasks.Image, tasks.Text} {
		vectors := make([][]float32, len(ids))
		for i := range ids {
			vectors[i] = rows[i][string(name)]
		}
		m, err := modalityOf(string(name), vectors)
		if err != nil {
			return nil, nil, err
		}
		if m.Dim > 0 {
			features = append(features, m)
		}
	}
	return ids, features, nil
}

// modalityOf lays vectors beside each other; nil is absent.
func modalityOf(name string, vectors [][]float32) (m dataset.Modality, err error) {
	m = dataset.Modality{Name: name, Present: make([]bool, len(vectors))}
	for _, v := range vectors {
		m.Dim = max(m.Dim, len(v))
	}
	m.Rows = make([]float32, m.Dim*len(vectors))
	for i, v := range vectors {
		if m.Present[i] = v != nil; m.Present[i] && copy(m.Row(int32(i)), v) != m.Dim {
			return m, fmt.Errorf("%s features have %d and %d numbers: they are of different encoders", name, len(v), m.Dim)
		}
	}
	return m, nil
}

// measureContent measures what can be asked of content; nil where nothing can. Names of categories are encoded where there
// are texts to compare them with.
func (e encoders) measureContent(ctx context.Context, a *app, features []dataset.Modality, categories []string, trial content.Trial) (*content.Quality, error) {
	photo := ""
	for _, m := range features {
		if photo == "" && m.Name != string(tasks.Text) && m.Dim > 1 {
			photo = m.Name
		}
	}
	hasText := slices.ContainsFunc(features, func(m dataset.Modality) bool { return m.Name == string(tasks.Text) })
	if photo == "" || categories == nil && !hasText {
		return nil, nil
	}
	if hasText && categories != nil {
		names := slices.Compact(slices.Sorted(slices.Values(categories)))
		names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
		if len(names) <= mostNames {
			vectors, err := e.encodeTexts(ctx, a, names)
			if err != nil {
				return nil, err
			}
			trial.Words = map[string][]float32{}
			for i, n := range names {
				trial.Words[n] = vectors[i]
			}
		}
	}
	multiplier, closeIt := e.multiplier(a)
	defer closeIt()
	bar := countBar(a.err, "content, on products left out", 0)
	defer func() { _ = bar.Finish() }()
	trial.Watch = func(done, of int) { bar.ChangeMax(of); _ = bar.Set(done) }
	q, err := content.Measure(ctx, multiplier, features, categories, photo, trial)
	if errors.Is(err, content.ErrContent) {
		a.log.Warn("content is not measured", "why", err)
		return nil, nil
	}
	return q, err
}

// mostNames bounds the categories whose names are encoded: more are a thesaurus.
const mostNames = 500

// printContent is the table of content's quality.
func printContent(out io.Writer, q *content.Quality) error {
	if q == nil {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "\ncontent, on products left out (%d products, %d heads)\tmean\t95 %% interval\tby chance\n", q.Products, q.Fits)
	line := func(name string, f, chance *content.Figure) {
		if f == nil {
			return
		}
		by := ""
		if chance != nil {
			by = fmt.Sprintf("%.3f", chance.Mean)
		}
		fmt.Fprintf(w, "%s\t%.3f\t%.3f to %.3f\t%s\n", name, f.Mean, f.CI95[0], f.CI95[1], by)
	}
	line(fmt.Sprintf("k-NN(%d) by the photo, content", q.K), q.KNN, nil)
	line(fmt.Sprintf("k-NN(%d) by the photo, encoder", q.K), q.RawKNN, nil)
	line("difference", q.Gain, nil)
	line(fmt.Sprintf("its text finds photos of its class, precision@%d", q.K), q.Precision, q.RandomPrecision)
	line(fmt.Sprintf("its text finds photos of its class, recall@%d", q.K), q.Recall, q.RandomRecall)
	line(fmt.Sprintf("its text finds its own photo, first %d of %d", q.K, q.Candidates), q.Own, q.RandomOwn)
	line(fmt.Sprintf("the name of a class finds photos of it, precision@%d", q.K), q.Word, q.RandomPrecision)
	return w.Flush()
}
