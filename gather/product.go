package gather

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"weft/behaviour/parts"
	"weft/fusion"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// Product is what a product's vector is made of.
type Product struct {
	ID      tasks.ProductID
	Settled bool         // every part has a feature or a dead letter; otherwise nothing else is filled in
	Used    []tasks.Part // what takes part: media in the order of their keys, then reviews
	Photos  map[string][]float32
	Text    []float32 // of the listing; nil: none
	Listing tasks.Listing
	Reviews []Review // the one of most weight first
}

// Review is one that takes part in its product's vector.
type Review struct {
	*Words
	Weight float64
	Key    string // of the row: product/user/id
}

// Media lists the objects that take part in a product, in the order of their keys.
func (r *Reader) Media(ctx context.Context, id tasks.ProductID) ([]objects.Info, error) {
	var media []objects.Info
	for info, err := range r.Objects.List(ctx, tasks.ProductPrefix(id), "") {
		if err != nil {
			return nil, fmt.Errorf("listing product %s: %w", id, err)
		}
		if m := tasks.ParseMediaKey(info.Key); m.Modality != "" && m.Err == nil {
			media = append(media, info)
		}
	}
	return media, nil
}

// Product reads the features of a product's media, as Media lists them. Its reviews are read apart (AddReviews), for a
// product that has anything else. ErrGone if a listing has changed meanwhile.
func (r *Reader) Product(ctx context.Context, id tasks.ProductID, media []objects.Info) (Product, error) {
	p := Product{ID: id, Photos: map[string][]float32{}}
	for _, info := range media {
		m := tasks.ParseMediaKey(info.Key)
		row, ok, err := Find(ctx, r.Lake.Objects, r.Shared, info.Key, func(o lake.Object) bool { return o.ETag == info.ETag })
		if err != nil {
			return p, err
		}
		if !ok {
			_, dead, err := Find(ctx, r.Lake.Dead, r.Shared, info.Key, func(d lake.Dead) bool { return d.ETag == info.ETag })
			if err != nil || !dead {
				return p, err
			}
			continue
		}
		f, ok, err := Find(ctx, r.Lake.Features, r.Shared, lake.FeatureKey(row.ContentSHA256, r.Recipes[m.Modality]), Any)
		if err != nil || !ok {
			return p, err
		}
		if m.Modality == tasks.Text {
			if p.Listing, err = r.listing(ctx, info); err != nil {
				return p, err
			}
			p.Text = f.Vector
		} else {
			p.Photos[info.Key] = f.Vector
		}
		p.Used = append(p.Used, tasks.Part{Key: info.Key, ETag: info.ETag})
	}
	p.Settled = true
	return p, nil
}

// listing reads the facts that travel with the vector.
func (r *Reader) listing(ctx context.Context, info objects.Info) (tasks.Listing, error) {
	body, _, err := r.Objects.Get(ctx, info.Key, objects.GetOptions{IfMatch: info.ETag, MaxBytes: tasks.MaxListingBytes})
	if errors.Is(err, objects.ErrNotExist) || errors.Is(err, objects.ErrPrecondition) {
		return tasks.Listing{}, ErrGone
	}
	if err != nil {
		return tasks.Listing{}, fmt.Errorf("reading %s: %w", info.Key, err)
	}
	return tasks.ParseListing(body)
}

// AddReviews adds the reviews that take part. age is how long ago other processes may have stored one without this
// one looking.
func (r *Reader) AddReviews(ctx context.Context, p *Product, age time.Duration) error {
	if r.Behaviour == nil {
		return nil
	}
	if r.Shared {
		if err := r.Behaviour.ProductReviews.RefreshIfOlder(ctx, age); err != nil {
			return fmt.Errorf("looking for reviews of %s: %w", p.ID, err)
		}
	}
	before := r.Before
	if before == 0 {
		before = math.MaxInt64
	}
	picked, err := parts.ReviewsBefore(ctx, r.Behaviour.ProductReviews, p.ID, before)
	if err != nil {
		return err
	}
	kept := picked.Kept()
	var newest int64
	for i := range kept {
		newest = max(newest, kept[i].Time)
	}
	for i := range kept {
		w, err := r.words(ctx, kept[i].Text)
		if err != nil {
			return err
		}
		p.Reviews = append(p.Reviews, Review{Words: w, Weight: parts.ReviewWeight(&kept[i], newest), Key: kept[i].Key})
	}
	p.Used = append(p.Used, picked.Parts()...)
	return nil
}

// Missing are the texts that take part and have no feature: fill in Vector, or leave it and the text is left out.
func (p *Product) Missing() iter.Seq[*Words] {
	return missing(func(yield func(*Words) bool) {
		for _, r := range p.Reviews {
			if !yield(r.Words) {
				return
			}
		}
	})
}

// Order is the keys of the photos: those of the listing's images, then by name. The first is the main one.
func (p *Product) Order() (keys []string) {
	for _, key := range p.Listing.Images {
		if _, ok := p.Photos[key]; ok && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, part := range p.Used {
		if _, ok := p.Photos[part.Key]; ok && !slices.Contains(keys, part.Key) {
			keys = append(keys, part.Key)
		}
	}
	return keys
}

// Image is the key of the main photo, empty without one.
func (p *Product) Image() string {
	if keys := p.Order(); len(keys) > 0 {
		return keys[0]
	}
	return ""
}

// Sources is the digest of what takes part.
func (p *Product) Sources() string { return tasks.Sources(p.Used) }

// Parts are what a fusion makes the vector of, in a fixed order.
func (p *Product) Parts() fusion.ProductParts {
	all := fusion.ProductParts{ID: string(p.ID), Price: p.Listing.Price}
	for _, key := range p.Order() {
		all.Parts = append(all.Parts, fusion.Part{Modality: string(tasks.Image), Weight: 1, Vector: p.Photos[key]})
	}
	if p.Text != nil {
		all.Parts = append(all.Parts, fusion.Part{Modality: string(tasks.Text), Weight: 1, Vector: p.Text})
	}
	for _, r := range p.Reviews {
		if r.Vector != nil {
			all.Parts = append(all.Parts, fusion.Part{Modality: fusion.ReviewModality, Weight: r.Weight, Vector: r.Vector})
		}
	}
	return all
}
