package scheduler

import (
	"context"
	"errors"
	"testing"

	"weft/storage/objects"
	"weft/tasks"
)

func TestPlan(t *testing.T) {
	const photo, listing = "media/p1/a.jpg", "media/p1/product.json"
	media := func(etags ...string) []medium { // of the photo, then of the listing
		var out []medium
		for i, etag := range etags {
			key := []string{photo, listing}[i]
			out = append(out, medium{tasks.ParseMediaKey(key), objects.Info{Key: key, ETag: etag}})
		}
		return out
	}
	sources := func(parts ...tasks.Part) string { return tasks.Sources(parts) }
	both := sources(tasks.Part{Key: photo, ETag: "1"}, tasks.Part{Key: listing, ETag: "1"})
	for name, c := range map[string]struct {
		media    []medium
		known    known
		features string // contents that are encoded
		embed    []tasks.Type
		fuse     bool
		dead     int
		declined int
		parts    int
	}{
		"new":             {media: media("1", "1"), embed: []tasks.Type{tasks.ImageEmbed, tasks.TextEmbed}, parts: 2},
		"one is encoded":  {media: media("1", "1"), known: known{contents: map[string]content{photo: {"1", "x"}}}, features: "x", embed: []tasks.Type{tasks.TextEmbed}, parts: 2},
		"of another ETag": {media: media("2"), known: known{contents: map[string]content{photo: {"1", "x"}}}, features: "x", embed: []tasks.Type{tasks.ImageEmbed}, parts: 1},
		"feature lost":    {media: media("1"), known: known{contents: map[string]content{photo: {"1", "x"}}}, embed: []tasks.Type{tasks.ImageEmbed}, parts: 1},
		"to be fused": {media: media("1", "1"), known: known{contents: map[string]content{photo: {"1", "x"}, listing: {"1", "y"}}}, features: "xy",
			fuse: true, parts: 2},
		"current":                  {media: media("1", "1"), known: known{vector: true, sources: both}, parts: 2},
		"of other parts":           {media: media("1"), known: known{vector: true, sources: both, contents: map[string]content{photo: {"1", "x"}}}, features: "x", fuse: true, parts: 1},
		"deleted":                  {known: known{vector: true, sources: both}, fuse: true},
		"dead":                     {media: media("1"), known: known{dead: map[string]letter{photo: {"1", false}}}, dead: 1},
		"dropped":                  {media: media("1"), known: known{dead: map[string]letter{photo: {"1", true}}}, declined: 1},
		"dead before it was fixed": {media: media("2"), known: known{dead: map[string]letter{photo: {"1", false}}}, embed: []tasks.Type{tasks.ImageEmbed}, parts: 1},
		"one dead, the other fused": {media: media("1", "1"), dead: 1, parts: 1,
			known: known{dead: map[string]letter{photo: {"1", false}}, vector: true, sources: sources(tasks.Part{Key: listing, ETag: "1"})}},
	} {
		t.Run(name, func(t *testing.T) {
			has := func(_ context.Context, sha string, _ tasks.Modality) (bool, error) {
				for _, f := range c.features {
					if sha == string(f) {
						return true, nil
					}
				}
				return false, nil
			}
			got, err := plan(t.Context(), c.media, nil, c.known, has)
			if err != nil || got.fuse != c.fuse || got.dead != c.dead || got.declined != c.declined || got.parts != c.parts || len(got.embed) != len(c.embed) {
				t.Fatalf("%+v, %v", got, err)
			}
			for i, want := range c.embed {
				if got.embed[i].Type != want || got.embed[i].Product != "p1" || got.embed[i].ETag == "" {
					t.Errorf("task %d is %+v, want %s", i, got.embed[i], want)
				}
			}
		})
	}
}

func TestPlanHandsOnAFailedLookUp(t *testing.T) {
	const photo = "media/p1/a.jpg"
	broken := errors.New("broken")
	_, err := plan(t.Context(), []medium{{tasks.ParseMediaKey(photo), objects.Info{Key: photo, ETag: "1"}}},
		nil, known{contents: map[string]content{photo: {"1", "x"}}}, func(context.Context, string, tasks.Modality) (bool, error) { return false, broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
