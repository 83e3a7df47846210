package scheduler

import (
	"context"
	"iter"

	"weft/behaviour"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// View is what a sweep or an audit of one generation looks at.
type View struct {
	Objects    objects.Store // below the tenant
	Lake       *lake.Lake
	Behaviour  *behaviour.Tables // nil: shoppers and reviews are not looked at
	Consent    bool              // what shoppers who said nothing are taken to have said about profiling
	Generation tasks.Generation
	Recipes    map[tasks.Modality]string // of the generation
}

func (s *Scheduler) view() View {
	return View{Objects: s.Objects, Lake: s.Lake, Behaviour: s.Behaviour, Consent: s.Consent, Generation: s.Generation, Recipes: s.Recipes}
}

// openStreams begins the five readings of a sweep. Columns that a sweep does not
// look at, the vectors above all, stay in the bucket.
func openStreams(ctx context.Context, v View) *streams { return openStreamsAfter(ctx, v, "") }

// openStreamsAfter lists only what comes behind a folder. The other readings begin at
// the beginning: their groups up to that folder are to be passed over.
func openStreamsAfter(ctx context.Context, v View, folder string) *streams {
	l, prefix := v.Lake, lake.GenerationPrefix(string(v.Generation))
	return &streams{
		listing:  pull(v.Objects.List(ctx, tasks.MediaPrefix, pastFolder(folder))),
		objects:  pull(l.Objects.Select(ctx, lake.Query{Prefix: tasks.MediaPrefix, Columns: []string{"etag", "content_sha256"}})),
		dead:     pull(l.Dead.Select(ctx, lake.Query{Prefix: tasks.MediaPrefix, Columns: []string{"etag", "dropped"}})),
		products: pull(l.Products.Select(ctx, lake.Query{Prefix: prefix, Columns: []string{"sources"}})),
		reviews:  pull(productReviews(ctx, v)),
		prefix:   prefix,
	}
}

func productReviews(ctx context.Context, v View) iter.Seq2[behaviour.ProductReview, error] {
	if v.Behaviour == nil {
		return func(func(behaviour.ProductReview, error) bool) {}
	}
	return v.Behaviour.ProductReviews.Select(ctx, lake.Query{Columns: []string{"rating", "time", "helpful", "digest", "text"}})
}
