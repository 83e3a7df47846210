package scheduler

import (
	"context"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// openStreams begins the four readings of a sweep. Columns that a sweep does not
// look at, the vectors above all, stay in the bucket.
func openStreams(ctx context.Context, store objects.Store, l *lake.Lake, gen tasks.Generation) *streams {
	prefix := lake.GenerationPrefix(string(gen))
	return &streams{
		listing:  pull(store.List(ctx, tasks.MediaPrefix, "")),
		objects:  pull(l.Objects.Select(ctx, lake.Query{Prefix: tasks.MediaPrefix, Columns: []string{"etag", "content_sha256"}})),
		dead:     pull(l.Dead.Select(ctx, lake.Query{Prefix: tasks.MediaPrefix, Columns: []string{"etag", "dropped"}})),
		products: pull(l.Products.Select(ctx, lake.Query{Prefix: prefix, Columns: []string{"sources"}})),
		prefix:   prefix,
	}
}
