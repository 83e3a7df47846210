package main

import (
	"context"
)

type evaluateCmd struct {
	tables
	place
	encoders
	measured
	Photos string `help:"Nearest neighbours of photos: a folder with one sub-folder of photos per class." type:"existingdir" placeholder:"DIR" group:"Neighbours"`
	By     string `help:"Which vectors: product (fused), image or text (features)." enum:"product,image,text" default:"product" group:"Neighbours"`
	Labels string `help:"CSV of id,label; default each product's category." type:"existingfile" placeholder:"FILE" group:"Neighbours"`
	K      int    `short:"k" help:"Neighbours that vote." default:"10" group:"Neighbours"`
	JSON   bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (evaluateCmd) Help() string {
	return `With --tables: recommendations. Every item is ranked for every user, what the user had is left out, and models of
weft train (--model) stand in one table with popularity, ItemKNN, ALS, EASE and content. Settings are chosen on the
validation part, the test part is used once, intervals are 95 % bootstraps over users.

With --photos or a bucket: neighbours. How often the K nearest others (exact cosine) vote for an item's own class.

Examples:
  weft evaluate --tables shop/
  weft evaluate --tables shop/ --modality image=shop/image.npy --modality text=shop/text.parquet --model out/ --json
  weft evaluate --tables log/ --interactions events.csv.gz --user-column CustomerID --item-column StockCode --time-column InvoiceDate \
    --modality text=log/items.csv:description --modality price=log/items.csv:price
  weft evaluate --photos clothing/ -k 10
  weft evaluate --data shop --by image --labels labels.csv --json`
}

// Run is `weft evaluate`.
func (c *evaluateCmd) Run(ctx context.Context, a *app) error {
	switch {
	case c.Tables != "" && (c.Photos != "" || c.Data != "" || c.Objects != ""):
		return usagef("--tables measures recommendations, --photos, --data and --objects neighbours: give one of them")
	case c.Tables != "":
		return c.measure(ctx, a)
	case len(c.Model) > 0:
		return usagef("--model %s: say with --tables what to measure it on", c.Model[0])
	default:
		return c.neighbours(ctx, a)
	}
}
