package scheduler

import (
	"context"

	"weft/storage/objects"
	"weft/tasks"
)

// known is what the lake says of the objects of one product.
type known struct {
	contents map[string]content // by object key: what was read there
	dead     map[string]letter  // by object key: what was given up
	vector   bool               // the product has a vector in this generation
	sources  string             // digest of the parts of that vector
}

// letter is a dead letter: the version of an object that was given up, and whether
// somebody has acknowledged that for good.
type letter struct {
	etag    string
	dropped bool
}

// content is what an object held when a worker read it.
type content struct{ etag, sha string }

// step is what a product needs next.
type step struct {
	embed    []tasks.Task // parts without a feature
	fuse     bool         // every part is settled, the vector is not of these parts
	dead     int          // parts given up at their present ETag
	declined int          // as dead, and acknowledged
	parts    int          // parts that the vector is made of
}

// current tells that the product's vector is what its media say.
func (s step) current() bool { return len(s.embed) == 0 && !s.fuse }

// encoded tells whether the feature of a content is durable.
type encoded func(ctx context.Context, sha string, m tasks.Modality) (bool, error)

// plan compares the media of one product, in the order of the listing, with
// what is known of them. A vector made of exactly these parts is current
// without looking at any feature; otherwise each part without a feature is to
// be embedded, and once all parts are settled the product is to be fused. (The
// worker that settles the last part asks for the fusion as well: plan only
// finds what was lost.) Reviews are parts of a product that has others; the fusion
// encodes their texts.
func plan(ctx context.Context, media []medium, reviews []tasks.Part, k known, has encoded) (step, error) {
	var s step
	var parts []tasks.Part
	var alive []medium
	for _, m := range media {
		if l, ok := k.dead[m.Key]; ok && l.etag == m.info.ETag {
			if l.dropped {
				s.declined++
			} else {
				s.dead++
			}
			continue
		}
		alive = append(alive, m)
		parts = append(parts, tasks.Part{Key: m.Key, ETag: m.info.ETag})
	}
	s.parts = len(parts)
	if len(parts) > 0 {
		parts = append(parts, reviews...)
	}
	if sources := tasks.Sources(parts); sources == k.sources && k.vector == (s.parts > 0) {
		return s, nil
	}
	for _, m := range alive {
		c, read := k.contents[m.Key]
		if read && c.etag == m.info.ETag {
			ok, err := has(ctx, c.sha, m.Modality)
			if err != nil {
				return step{}, err
			}
			if ok {
				continue
			}
		}
		t := tasks.ImageEmbed
		if m.Modality == tasks.Text {
			t = tasks.TextEmbed
		}
		s.embed = append(s.embed, tasks.Task{Type: t, Product: m.Product, Key: m.Key, ETag: m.info.ETag})
	}
	s.fuse = len(s.embed) == 0
	return s, nil
}

// medium is a listed object that takes part in a product.
type medium struct {
	tasks.Medium
	info objects.Info
}
