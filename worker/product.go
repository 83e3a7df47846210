package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"weft/fusion"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
)

// product makes a product's vector of its stored features: list, gather, fuse,
// settle. It computes from what is stored and never adds to what was there, so
// it may run at any time, twice, or late: the source version, taken before the
// listing, decides which result stays.
func (w *Worker) product(ctx context.Context, t tasks.Task) error {
	return w.fuseProduct(ctx, t, 0)
}

// lastPart is product for a part that has just been settled: reviews that other
// processes stored in this second may be overlooked, the sweep finds them.
func (w *Worker) lastPart(ctx context.Context, t tasks.Task) error {
	return w.fuseProduct(ctx, t, repeatAge)
}

func (w *Worker) fuseProduct(ctx context.Context, t tasks.Task, reviewAge time.Duration) error {
	version, err := w.Vectors.Now(ctx)
	if err != nil {
		return fmt.Errorf("taking the source version: %w", err)
	}
	media, err := w.media(ctx, t.Product)
	if err != nil {
		return err
	}
	gathered, settled, err := w.gather(ctx, media)
	if err != nil {
		return err
	}
	if !settled {
		w.metrics.finished(t, "waiting") // whoever settles the last part comes here again
		return nil
	}
	if len(gathered.used) == 0 {
		return w.withdraw(ctx, t.Product, version)
	}
	picked, err := w.reviews(ctx, t.Product, reviewAge)
	if err != nil {
		return err
	}
	if gathered.reviews, err = w.readReviews(ctx, picked); err != nil {
		return err
	}
	gathered.used = append(gathered.used, picked.Parts()...)
	return w.publish(ctx, t.Product, version, gathered)
}

// media lists the objects that take part in a product, in the order of their keys.
func (w *Worker) media(ctx context.Context, id tasks.ProductID) ([]objects.Info, error) {
	defer w.metrics.time("list")()
	var media []objects.Info
	for info, err := range w.Objects.List(ctx, tasks.ProductPrefix(id), "") {
		if err != nil {
			return nil, fmt.Errorf("listing product %s: %w", id, err)
		}
		if m := tasks.ParseMediaKey(info.Key); m.Modality != "" && m.Err == nil {
			media = append(media, info)
		}
	}
	return media, nil
}

// gathered is what a product's vector is made of.
type gathered struct {
	used    []tasks.Part
	photos  map[string][]float32 // by object key
	text    []float32
	listing tasks.Listing
	reviews []fusion.Part
}

// gather collects the features of the media. settled is false while a part has
// neither a feature nor a dead letter.
func (w *Worker) gather(ctx context.Context, media []objects.Info) (g gathered, settled bool, err error) {
	defer w.metrics.time("gather")()
	g.photos = map[string][]float32{}
	for _, info := range media {
		m := tasks.ParseMediaKey(info.Key)
		row, ok, err := find(ctx, w, w.Lake.Objects, info.Key, func(r lake.Object) bool { return r.ETag == info.ETag })
		if err != nil {
			return g, false, err
		}
		if !ok {
			_, dead, err := find(ctx, w, w.Lake.Dead, info.Key, func(r lake.Dead) bool { return r.ETag == info.ETag })
			if err != nil || !dead {
				return g, false, err
			}
			continue
		}
		f, ok, err := find(ctx, w, w.Lake.Features, lake.FeatureKey(row.ContentSHA256, w.Recipes[m.Modality]), func(lake.Feature) bool { return true })
		if err != nil || !ok {
			return g, false, err
		}
		if m.Modality == tasks.Text {
			if g.listing, err = w.listing(ctx, info); err != nil {
				return g, false, err
			}
			g.text = f.Vector
		} else {
			g.photos[info.Key] = f.Vector
		}
		g.used = append(g.used, tasks.Part{Key: info.Key, ETag: info.ETag})
	}
	return g, true, nil
}

// listing reads the facts that travel with the vector.
func (w *Worker) listing(ctx context.Context, info objects.Info) (tasks.Listing, error) {
	body, _, err := w.Objects.Get(ctx, info.Key, objects.GetOptions{IfMatch: info.ETag, MaxBytes: tasks.MaxListingBytes})
	if errors.Is(err, objects.ErrNotExist) || errors.Is(err, objects.ErrPrecondition) {
		return tasks.Listing{}, errGone
	}
	if err != nil {
		return tasks.Listing{}, fmt.Errorf("reading %s: %w", info.Key, err)
	}
	return tasks.ParseListing(body)
}

// order is the keys of the photos: those of the listing's images, then by name.
// The first is the main one.
func (g gathered) order() (keys []string) {
	for _, key := range g.listing.Images {
		if _, ok := g.photos[key]; ok && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, p := range g.used {
		if _, ok := g.photos[p.Key]; ok && !slices.Contains(keys, p.Key) {
			keys = append(keys, p.Key)
		}
	}
	return keys
}

// image is the key of the main photo, empty without one.
func (g gathered) image() string {
	if keys := g.order(); len(keys) > 0 {
		return keys[0]
	}
	return ""
}

func (g gathered) parts() []fusion.Part {
	var parts []fusion.Part
	for _, key := range g.order() {
		parts = append(parts, fusion.Part{Modality: string(tasks.Image), Weight: 1, Vector: g.photos[key]})
	}
	if g.text != nil {
		parts = append(parts, fusion.Part{Modality: string(tasks.Text), Weight: 1, Vector: g.text})
	}
	return append(parts, g.reviews...)
}

// publish makes the vector durable, then readable.
func (w *Worker) publish(ctx context.Context, id tasks.ProductID, version int64, g gathered) error {
	stop := w.metrics.time("fuse")
	vector, modalities, err := w.Fusion.Fuse(g.parts())
	stop()
	if err != nil {
		return &fault{reason: tasks.ReasonNotFinite, stage: "fuse", err: err}
	}
	defer w.metrics.time("publish")()
	sources, now := tasks.Sources(g.used), time.Now().UnixMilli()
	row := lake.Product{
		Row: lake.Row{Key: lake.ProductKey(string(w.Generation), string(id)), Version: version}, ID: string(id), Generation: string(w.Generation),
		Vector: vector, Modalities: modalities, Sources: sources, UpdatedAt: now,
		Title: g.listing.Title, Category: g.listing.Category, Price: g.listing.Price, Image: g.image(),
	}
	if err := w.Lake.Products.Append(ctx, row); err != nil {
		return fmt.Errorf("storing the vector of %s: %w", id, err)
	}
	record := vectors.Record{
		ID: row.ID, Vector: vector, Content: vector, Modalities: modalities, SourceVersion: version, Sources: sources, UpdatedAt: now,
		Title: row.Title, Category: row.Category, Price: row.Price, Image: row.Image,
	}
	if _, err := w.Vectors.Put(ctx, w.Generation, vectors.Product, record); err != nil {
		return fmt.Errorf("publishing the vector of %s: %w", id, err)
	}
	w.metrics.publish()
	return nil
}

// withdraw removes a product that has no parts left.
func (w *Worker) withdraw(ctx context.Context, id tasks.ProductID, version int64) error {
	defer w.metrics.time("publish")()
	key := lake.ProductKey(string(w.Generation), string(id))
	if _, ok, err := find(ctx, w, w.Lake.Products, key, func(lake.Product) bool { return true }); err != nil {
		return err
	} else if ok {
		if err := w.Lake.Products.Delete(ctx, key, version); err != nil {
			return fmt.Errorf("withdrawing %s: %w", id, err)
		}
	}
	if _, err := w.Vectors.Delete(ctx, w.Generation, vectors.Product, string(id), version); err != nil {
		return fmt.Errorf("withdrawing %s: %w", id, err)
	}
	return nil
}
