package learning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/behaviour/divide"
	"weft/behaviour/split"
	"weft/fusion"
	"weft/fusion/dataset"
	"weft/gather"
	"weft/storage/objects"
	"weft/tasks"
)

// product is one of the catalogue with the objects that take part in it, in the order of their keys.
type product struct {
	id    tasks.ProductID
	media []objects.Info
}

// readMedia lists the catalogue: one listing of the bucket for all products.
func readMedia(ctx context.Context, r *gather.Reader) ([]product, error) {
	var all []product
	for info, err := range r.Objects.List(ctx, tasks.MediaPrefix, "") {
		if err != nil {
			return nil, fmt.Errorf("list the catalogue: %w", err)
		}
		m := tasks.ParseMediaKey(info.Key)
		if m.Err != nil || m.Modality == "" {
			continue
		}
		if len(all) == 0 || all[len(all)-1].id != m.Product {
			all = append(all, product{id: m.Product})
		}
		last := &all[len(all)-1]
		last.media = append(last.media, info)
	}
	return all, nil
}

const (
	// together is how many products are read before the next are, and atOnce how many of them at a time: each waits for the
	// store.
	together = 1024
	atOnce   = 16
)

// features fills in the features of each modality and the categories. Facts and reviews of after the train part are the
// future and stay out of all but content; a photo says no time and counts as always known.
func (c *Config) features(ctx context.Context, catalogue []product, d *divide.Division, a *Assembled, t *dataset.Tables) error {
	reader := c.Reader
	reader.Before = d.Until()
	t.Categories = map[string]string{}
	tables := map[string]*dataset.NamedFeatures{}
	for batch := range slices.Chunk(catalogue, together) {
		read := make([]gather.Product, len(batch))
		group, reading := errgroup.WithContext(ctx)
		group.SetLimit(atOnce)
		for i, p := range batch {
			group.Go(func() (err error) {
				read[i], err = readProduct(reading, &reader, p)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for i := range read {
			if err := c.take(&read[i], d, a, t, tables); err != nil {
				return err
			}
		}
		if c.Watch != nil {
			c.Watch("products", len(batch))
		}
	}
	for _, name := range []string{string(tasks.Image), string(tasks.Text), fusion.ReviewModality, fusion.PriceModality} {
		if f := tables[name]; f != nil {
			t.Features = append(t.Features, *f)
		}
	}
	return nil
}

// readProduct reads what a product's vector would be made of.
func readProduct(ctx context.Context, r *gather.Reader, p product) (gather.Product, error) {
	read, err := r.Product(ctx, p.id, p.media)
	if errors.Is(err, gather.ErrGone) { // changed since the listing: as if it waited
		return gather.Product{ID: p.id}, nil
	}
	if err == nil && read.Settled && len(read.Used) > 0 {
		err = r.AddReviews(ctx, &read, 0)
	}
	return read, err
}

// take adds the features of a product that may be known.
func (c *Config) take(p *gather.Product, d *divide.Division, a *Assembled, t *dataset.Tables, tables map[string]*dataset.NamedFeatures) error {
	if !p.Settled {
		a.Waiting++
		return nil
	}
	if p.Text != nil {
		var at time.Time // of a listing that does not say: always known
		if p.Listing.UpdatedAt != nil {
			at = *p.Listing.UpdatedAt
		}
		if from, _ := d.Fact(at); from != split.Train && !c.AllFacts {
			a.Later++
			stated, err := fusion.Pool(p.Parts())
			if err != nil {
				return err
			}
			if row := stated[string(tasks.Text)]; row != nil {
				t.Later.Name, t.Later.Dim = string(tasks.Text), len(row)
				t.Later.IDs, t.Later.Rows = append(t.Later.IDs, string(p.ID)), append(t.Later.Rows, row...)
			}
			if p.Listing.Category != "" {
				if t.LaterCategories == nil {
					t.LaterCategories = map[string]string{}
				}
				t.LaterCategories[string(p.ID)] = p.Listing.Category
			}
			p.Text, p.Listing.Price, p.Listing.Category = nil, nil, ""
		}
	}
	for _, r := range p.Reviews {
		if a.Reviews++; r.Vector == nil {
			a.Reviews--
			a.Unread++
		}
	}
	if p.Listing.Category != "" {
		t.Categories[string(p.ID)] = p.Listing.Category
	}
	rows, err := fusion.Pool(p.Parts())
	if err != nil {
		return err
	}
	for name, row := range rows {
		f := tables[name]
		if f == nil {
			f = &dataset.NamedFeatures{Name: name, Dim: len(row)}
			tables[name] = f
		}
		f.IDs, f.Rows = append(f.IDs, string(p.ID)), append(f.Rows, row...)
	}
	return nil
}
