package scheduler

import (
	"iter"
	"strings"

	"weft/behaviour"
	"weft/behaviour/parts"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// The sweep reads five streams that are sorted alike (the listing by object
// key, the lake's objects and dead letters by object key, its products and reviews by
// media folder) and walks them product by product: one product in memory,
// whatever the size of the catalogue.

// stream is a sorted stream with one item of look-ahead.
type stream[T any] struct {
	next func() (T, error, bool)
	stop func()
	head T
	err  error
	more bool
}

func pull[T any](seq iter.Seq2[T, error]) *stream[T] {
	next, stop := iter.Pull2(seq)
	s := &stream[T]{next: next, stop: stop}
	s.advance()
	return s
}

func (s *stream[T]) advance() {
	s.head, s.err, s.more = s.next()
	if s.err != nil {
		s.more = false
	}
}

// group is all that is known of one folder below media/.
type group struct {
	folder   string // "media/<product-id>/"
	product  tasks.ProductID
	media    []medium      // listed and part of the product
	refused  []refusal     // listed under a bad id or name
	ignored  int           // listed, not for weft
	known    known         // by the lake
	reviews  parts.Reviews // that take part in the product
	vanished []lake.Object // read once, no longer listed
	lifted   []lake.Dead   // given up once, no longer listed
}

// refusal is an object whose key weft will not take.
type refusal struct {
	info     objects.Info
	err      error
	dead     bool // there is a dead letter for it already
	declined bool // which was acknowledged
}

// streams are the five of them.
type streams struct {
	listing  *stream[objects.Info]
	objects  *stream[lake.Object]
	dead     *stream[lake.Dead]
	products *stream[lake.Product]
	reviews  *stream[behaviour.ProductReview]
	prefix   string // of the products' keys: the generation
}

func (s *streams) close() {
	s.listing.stop()
	s.objects.stop()
	s.dead.stop()
	s.products.stop()
	s.reviews.stop()
}

func (s *streams) failed() error {
	for _, err := range []error{s.listing.err, s.objects.err, s.dead.err, s.products.err, s.reviews.err} {
		if err != nil {
			return err
		}
	}
	return nil
}

// folderOf is the folder that a key lies in: up to the slash after the product
// id, or the whole key where there is none.
func folderOf(key string) string {
	rest, ok := strings.CutPrefix(key, tasks.MediaPrefix)
	if !ok {
		return key
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return key[:len(tasks.MediaPrefix)+i+1]
	}
	return key
}

func (s *streams) productFolder() string {
	return tasks.MediaPrefix + strings.TrimPrefix(s.products.head.Key, s.prefix)
}

func (s *streams) reviewFolder() string {
	product, _ := userOf(s.reviews.head.Key)
	return tasks.MediaPrefix + product
}

// next collects the group with the smallest folder. ok is false at the end.
func (s *streams) next() (g group, ok bool) {
	first := ""
	consider := func(more bool, folder string) {
		if more && (first == "" || folder < first) {
			first = folder
		}
	}
	consider(s.listing.more, folderOf(s.listing.head.Key))
	consider(s.objects.more, folderOf(s.objects.head.Key))
	consider(s.dead.more, folderOf(s.dead.head.Key))
	if s.products.more {
		consider(true, s.productFolder())
	}
	if s.reviews.more {
		consider(true, s.reviewFolder())
	}
	if first == "" {
		return group{}, false
	}
	g = group{folder: first, known: known{contents: map[string]content{}, dead: map[string]letter{}}}
	if id, err := tasks.ParseProductID(strings.TrimSuffix(strings.TrimPrefix(first, tasks.MediaPrefix), "/")); err == nil {
		g.product = id
	}
	listed := map[string]bool{}
	for ; s.listing.more && folderOf(s.listing.head.Key) == first; s.listing.advance() {
		info := s.listing.head
		listed[info.Key] = true
		switch m := tasks.ParseMediaKey(info.Key); {
		case m.Err != nil:
			g.refused = append(g.refused, refusal{info: info, err: m.Err})
		case m.Modality == "":
			g.ignored++
		default:
			g.media = append(g.media, medium{m, info})
		}
	}
	for ; s.objects.more && folderOf(s.objects.head.Key) == first; s.objects.advance() {
		if row := s.objects.head; listed[row.Key] {
			g.known.contents[row.Key] = content{etag: row.ETag, sha: row.ContentSHA256}
		} else {
			g.vanished = append(g.vanished, row)
		}
	}
	for ; s.dead.more && folderOf(s.dead.head.Key) == first; s.dead.advance() {
		if row := s.dead.head; listed[row.Key] {
			g.known.dead[row.Key] = letter{row.ETag, row.Dropped != 0}
		} else if strings.HasPrefix(row.Key, tasks.MediaPrefix) {
			g.lifted = append(g.lifted, row)
		}
	}
	for ; s.products.more && s.productFolder() == first; s.products.advance() {
		g.known.vector, g.known.sources = true, s.products.head.Sources
	}
	for ; s.reviews.more && s.reviewFolder() == first; s.reviews.advance() {
		g.reviews.Add(s.reviews.head)
	}
	for i, r := range g.refused {
		l, ok := g.known.dead[r.info.Key]
		g.refused[i].dead = ok && l.etag == r.info.ETag
		g.refused[i].declined = g.refused[i].dead && l.dropped
	}
	return g, true
}
