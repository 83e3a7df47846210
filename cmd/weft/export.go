package main

import (
	"context"
	"fmt"
	"iter"

	"weft/storage/lake"
	"weft/tasks"
)

type exportCmd struct {
	place
	What     string `arg:"" help:"products, users or features." enum:"products,users,features"`
	Modality string `help:"Only features of this modality: image or text." placeholder:"NAME"`
	Format   string `help:"parquet, npy (with a sidecar of ids) or jsonl." enum:"parquet,npy,jsonl" default:"parquet"`
	Out      string `help:"File to write; it appears whole or not at all." required:"" type:"path" placeholder:"FILE"`
}

// Help is shown by --help.
func (exportCmd) Help() string {
	return `Rows come in the order of their ids. A .npy file has one row per id of FILE.ids.txt.

Examples:
  weft export products --data shop --format parquet --out products.parquet
  weft export users --data shop --format npy --out users.npy
  weft export features --data shop --modality image --format npy --out image.npy`
}

// featureRow is one photo or listing with its feature.
type featureRow struct {
	Product  string    `json:"product" parquet:"product"`
	Key      string    `json:"key" parquet:"key"`
	SHA256   string    `json:"content_sha256" parquet:"content_sha256"`
	Modality string    `json:"modality" parquet:"modality,dict"`
	Recipe   string    `json:"recipe" parquet:"recipe,dict"`
	Vector   []float32 `json:"vector" parquet:"vector,list"`
}

// productRow is one product with its vectors.
type productRow struct {
	ID            string    `json:"id" parquet:"id"`
	Vector        []float32 `json:"vector" parquet:"vector,list"`
	Content       []float32 `json:"content" parquet:"content,list"`
	Modalities    []string  `json:"modalities" parquet:"modalities,list"`
	SourceVersion int64     `json:"source_version" parquet:"source_version"`
	Sources       string    `json:"sources" parquet:"sources"`
	UpdatedAt     int64     `json:"updated_at" parquet:"updated_at"`
	Title         string    `json:"title,omitempty" parquet:"title"`
	Category      string    `json:"category,omitempty" parquet:"category,dict"`
	Price         *float64  `json:"price,omitempty" parquet:"price,optional"`
	Image         string    `json:"image,omitempty" parquet:"image"`
	Attributes    facts     `json:"attributes,omitempty" parquet:"attributes"`
	Generation    string    `json:"generation" parquet:"generation,dict"`
}

// facts is a JSON object: text in a column, itself in a line of JSON.
type facts string

// MarshalJSON writes the object.
func (f facts) MarshalJSON() ([]byte, error) { return []byte(f), nil }

// UnmarshalJSON reads it back.
func (f *facts) UnmarshalJSON(object []byte) error { *f = facts(object); return nil }

// userRow is one shopper with their vector.
type userRow struct {
	ID            string    `json:"id" parquet:"id"`
	Vector        []float32 `json:"vector" parquet:"vector,list"`
	Modalities    []string  `json:"modalities" parquet:"modalities,list"`
	SourceVersion int64     `json:"source_version" parquet:"source_version"`
	Sources       string    `json:"sources" parquet:"sources"`
	UpdatedAt     int64     `json:"updated_at" parquet:"updated_at"`
	Generation    string    `json:"generation" parquet:"generation,dict"`
}

// Run writes the file.
func (c *exportCmd) Run(ctx context.Context, a *app) error {
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return err
	}
	defer cat.close(ctx)
	bar := countBar(a.err, "export", -1)
	count := func() { _ = bar.Add(1) }
	var n int
	switch c.What {
	case "users":
		n, err = writeRows(c.Format, c.Out, cat.users(ctx), func(r userRow) (string, []float32) { count(); return r.ID, r.Vector })
	case "products":
		n, err = writeRows(c.Format, c.Out, cat.products(ctx), func(r productRow) (string, []float32) { count(); return r.ID, r.Vector })
	default:
		n, err = writeRows(c.Format, c.Out, cat.features(ctx, tasks.Modality(c.Modality)), func(r featureRow) (string, []float32) { count(); return r.Key, r.Vector })
	}
	_ = bar.Finish()
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	fmt.Fprintf(a.err, "%d %s in %s\n", n, c.What, c.Out)
	return nil
}

// products yields the live generation's products in the order of their ids.
func (c *catalogue) products(ctx context.Context) iter.Seq2[productRow, error] {
	return func(yield func(productRow, error) bool) {
		for row, err := range c.lake.Products.Select(ctx, lake.Query{Prefix: lake.GenerationPrefix(string(c.generation))}) {
			content := row.Content
			if len(content) == 0 {
				content = row.Vector
			}
			out := productRow{row.ID, row.Vector, content, row.Modalities, row.Version, row.Sources, row.UpdatedAt, row.Title, row.Category, row.Price, row.Image, facts(row.Attributes), row.Generation}
			if !yield(out, err) {
				return
			}
		}
	}
}

// users yields the live generation's shoppers in the order of their ids.
func (c *catalogue) users(ctx context.Context) iter.Seq2[userRow, error] {
	return func(yield func(userRow, error) bool) {
		for row, err := range c.lake.UserVectors.Select(ctx, lake.Query{Prefix: lake.GenerationPrefix(string(c.generation))}) {
			if !yield(userRow{row.User, row.Vector, row.Modalities, row.Version, row.Sources, row.UpdatedAt, row.Generation}, err) {
				return
			}
		}
	}
}

// features yields the features of the objects that the live generation's
// recipes have read, in the order of their keys.
func (c *catalogue) features(ctx context.Context, m tasks.Modality) iter.Seq2[featureRow, error] {
	return func(yield func(featureRow, error) bool) {
		for row, err := range c.lake.Objects.Scan(ctx) {
			if err != nil {
				yield(featureRow{}, err)
				return
			}
			if m != "" && tasks.Modality(row.Modality) != m {
				continue
			}
			recipe := c.recipes[tasks.Modality(row.Modality)]
			f, ok, err := c.lake.Features.Get(ctx, lake.FeatureKey(row.ContentSHA256, recipe))
			if err == nil && !ok {
				continue // of another generation
			}
			if !yield(featureRow{row.Product, row.Key, row.ContentSHA256, row.Modality, recipe, f.Vector}, err) || err != nil {
				return
			}
		}
	}
}
