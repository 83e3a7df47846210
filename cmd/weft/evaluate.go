package main

import (
	"context"
)

type evaluateCmd struct {
	tables
	place
	encoders
	measured
	Photos string `help:"Nearest neighbours of photos: a folder with one sub-folder of photos per class, or per product with a listing." type:"existingdir" placeholder:"DIR" group:"Neighbours"`
	By     string `help:"Neighbours of the bucket's vectors: product (fused), image or text (features)." enum:",product,image,text" default:"" group:"Neighbours"`
	Labels string `help:"CSV of id,label; default each product's category." type:"existingfile" placeholder:"FILE" group:"Neighbours"`
	K      int    `short:"k" help:"Neighbours that vote." default:"10" group:"Neighbours"`
	JSON   bool   `help:"Print JSON."`
}

// measured says what is measured and how.
type measured struct {
	Model     []string `help:"Folder that weft train wrote; NAME=DIR names it in the table. Repeatable." placeholder:"DIR" sep:"none" group:"Recommendations"`
	Baselines []string `help:"Only these, such as EASE,ALS; default all." placeholder:"NAME,…" group:"Recommendations"`
	Lengths   []int    `help:"Lengths of the list." default:"10,20,50" placeholder:"K,…" group:"Recommendations" name:"lengths"`
	Resamples int      `help:"Resamples of the bootstrap." default:"1000" group:"Recommendations"`
	Seed      uint64   `help:"Seed of the bootstrap, of ALS and of chance." default:"1" group:"Recommendations"`
	Refit     string   `help:"Fit what was chosen again on train and val before the test: auto (all splits but a given one), yes or no." enum:"auto,yes,no" default:"auto" group:"Recommendations"`
	Ablation  bool     `help:"Also measure each --model without each of its modalities, by its content alone, and by choices alone." default:"true" negatable:"" group:"Recommendations"`
	Report    string   `help:"Also write an HTML page with plots." type:"path" placeholder:"FILE" group:"Recommendations"`
}

// Help is shown by --help.
func (evaluateCmd) Help() string {
	return `Recommendations, on a catalogue (--data, --objects) or on tables (--tables). Every item is ranked for every user, what the
user had is left out, and models of weft train (--model) stand in one table with popularity, ItemKNN, ALS, EASE and
content. Settings are chosen on the validation part, the test part is used once, intervals are 95 % bootstraps over users.
What each modality brings to a trained model is told by leaving it out, of products and of histories, of all products and of
the new ones; beside that, its content alone and people's choices alone.

Neighbours, with --photos, or of a bucket with --by or --labels, or without any event: how often the K nearest others
(exact cosine) vote for an item's own class. With them, how content does on products that were left out when it was fitted:
neighbours by the photo against the encoder's own, and texts that find photos.

Examples:
  weft evaluate --data shop --model model/ --report evaluation.html
  weft evaluate --tables shop/
  weft evaluate --tables shop/ --modality image=shop/image.npy --modality text=shop/text.parquet --model out/ --json
  weft evaluate --tables log/ --interactions events.csv.gz --user-column CustomerID --item-column StockCode --time-column InvoiceDate \
    --modality text=log/items.csv:description --modality price=log/items.csv:price
  weft evaluate --photos clothing/ -k 10
  weft evaluate --photos examples/catalogue
  weft evaluate --data shop --by image --labels labels.csv --json`
}

// Run is `weft evaluate`.
func (c *evaluateCmd) Run(ctx context.Context, a *app) error {
	catalogue := c.Data != "" || c.Objects != ""
	neighbours := c.Photos != "" || c.By != "" || c.Labels != ""
	switch {
	case c.Tables != "" && (neighbours || catalogue):
		return usagef("--tables measures recommendations, --photos, --by and --labels neighbours, --data and --objects name a catalogue: give one of them")
	case len(c.Model) > 0 && neighbours:
		return usagef("--model %s is measured by recommendations; --photos, --by and --labels measure neighbours", c.Model[0])
	case len(c.Model) > 0 && c.Tables == "" && !catalogue:
		return usagef("--model %s: say with --data or --tables what to measure it on", c.Model[0])
	case c.Tables != "":
		return c.measure(ctx, a)
	case catalogue && !neighbours:
		acted, err := c.acted(ctx, a)
		if err != nil {
			return err
		}
		if acted || len(c.Model) > 0 {
			return c.measure(ctx, a)
		}
		a.log.Info("the catalogue holds no event: neighbours are measured")
	}
	return c.neighbours(ctx, a)
}

// acted tells whether there is any event.
func (c *evaluateCmd) acted(ctx context.Context, a *app) (bool, error) {
	s, err := c.openStock(ctx, a)
	if err != nil {
		return false, err
	}
	defer s.close(ctx)
	for _, err := range s.tables.Events.Scan(ctx) {
		return err == nil, err
	}
	return false, nil
}
