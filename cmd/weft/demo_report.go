package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/disintegration/imaging"

	"weft/extractors/pixels"
	"weft/fusion"
	"weft/serve"
	"weft/storage/objects"
	"weft/tasks"
)

//go:embed neighbours.html
var reportFiles embed.FS

// neighbourhood is a product with those nearest to it.
type neighbourhood struct {
	serve.Entry
	Near   []serve.Hit
	Guess  string // of a product without a listing: the category of most of its neighbours
	vector []float32
}

// Kind is the category, or what is guessed of it.
func (n neighbourhood) Kind() string { return first(n.Category, n.Guess) }

// guess is the category of most neighbours; of equals, that of the nearest.
func guess(near []serve.Hit) (best string) {
	votes := map[string]int{}
	for _, h := range near {
		if h.Category != "" {
			votes[h.Category]++
		}
	}
	for _, h := range near {
		if votes[h.Category] > votes[best] {
			best = h.Category
		}
	}
	return best
}

// neighbourhoods reads every product and its k nearest, in the order of their ids.
func (t *tenant) neighbourhoods(ctx context.Context, k int) ([]neighbourhood, error) {
	cat := catalogue{stock: &stock{tenant: t.name, bucket: t.bucket, lake: t.lake}, generation: t.pinned.id, recipes: t.pinned.spec.recipes()}
	shelf, err := cat.shelf(ctx)
	if err != nil {
		return nil, err
	}
	index := shelf.Content()
	var out []neighbourhood
	for _, e := range index.Entries() {
		out = append(out, neighbourhood{Entry: *e})
	}
	slices.SortFunc(out, func(a, b neighbourhood) int { return strings.Compare(a.ID, b.ID) })
	for i := range out {
		v, _ := index.Vector(out[i].ID)
		near, err := index.Near(ctx, v, serve.Search{K: k, Keep: serve.Except(out[i].ID)})
		if err != nil {
			return nil, err
		}
		out[i].Near, out[i].vector = near, v
		if out[i].Category == "" {
			out[i].Guess = guess(near)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no product got a vector: see `weft audit`")
	}
	return out, nil
}

const thumbnailSide = 112

// thumbnail is a small JPEG of a product's first photo as a data: address, ""
// for a product without one. imaging panics in goroutines of its own on planes
// that do not fit together, so it only gets pixels that our decoder has made.
func thumbnail(ctx context.Context, bucket objects.Store, d *pixels.Decoder, id string) (string, error) {
	for info, err := range bucket.List(ctx, tasks.ProductPrefix(tasks.ProductID(id)), "") {
		if err != nil {
			return "", err
		}
		if tasks.ParseMediaKey(info.Key).Modality != tasks.Image {
			continue
		}
		data, _, err := bucket.Get(ctx, info.Key, objects.GetOptions{MaxBytes: pixels.DefaultLimits().MaxBytes})
		if err != nil {
			return "", err
		}
		const side = 2 * thumbnailSide
		rgb, err := d.Image(data, pixels.Spec{Size: side, Resize: side, Mode: pixels.ShortestCrop, Filter: pixels.Bicubic}, nil)
		if err != nil {
			continue // a photo that was given up has no thumbnail
		}
		picture := image.NewNRGBA(image.Rect(0, 0, side, side))
		for i := range side * side {
			copy(picture.Pix[4*i:], rgb[3*i:3*i+3])
			picture.Pix[4*i+3] = 0xff
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, imaging.Resize(picture, thumbnailSide, 0, imaging.Lanczos), &jpeg.Options{Quality: 80}); err != nil {
			return "", err
		}
		return "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(b.Bytes()), nil
	}
	return "", nil
}

// reportPage is what the template draws. Each thumbnail stands once, as a rule of
// the style sheet that pictures name by class: in the page a product appears many
// times.
type reportPage struct {
	Thumbnails template.CSS
	Products   []neighbourhood
	People     *people // nil: none were simulated
	Score      fusion.Neighbourhood
	Chance     float64
	Work       upReport
	Generation tasks.Generation
	Version    string
}

func writeReport(ctx context.Context, path string, shop *tenant, products []neighbourhood, people *people, work upReport, score fusion.Neighbourhood) error {
	d, err := pixels.Open(shop.pinned.encoders.class, pixels.DefaultLimits(), pixels.Libraries{})
	if err != nil {
		return err
	}
	page := reportPage{Products: products, People: people, Score: score, Chance: chance(score), Work: work, Generation: shop.pinned.id, Version: version}
	classes, byID := map[string]string{}, map[string]neighbourhood{}
	var rules strings.Builder
	for i, p := range products {
		byID[p.ID] = p
		src, err := thumbnail(ctx, shop.bucket, d, p.ID)
		if err != nil {
			return fmt.Errorf("thumbnail of %s: %w", p.ID, err)
		}
		if src != "" {
			classes[p.ID] = fmt.Sprintf("t%d", i)
			fmt.Fprintf(&rules, ".t%d{background-image:url(%s)}\n", i, src)
		}
	}
	page.Thumbnails = template.CSS(rules.String())
	t, err := template.New("neighbours.html").Funcs(template.FuncMap{
		"percent": func(x float64) string { return fmt.Sprintf("%.0f %%", 100*x) },
		"class":   func(id string) string { return classes[id] },
		"product": func(id string) neighbourhood { return byID[id] },
		"join":    func(names []string) string { return strings.Join(names, ", ") },
	}).ParseFS(reportFiles, "neighbours.html")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, page); err != nil {
		return fmt.Errorf("drawing the report: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return writeWhole(path, b.Bytes())
}
