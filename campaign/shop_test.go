package campaign

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"weft/storage/objects"
	"weft/tasks"
)

// shop writes the catalogue, straight to the server, and knows which files are
// poison. Its writes do not overlap, so the bucket holds what was written last.
type shop struct {
	store    objects.Store // below the tenant
	contents *contents

	mu      sync.Mutex
	dice    *rand.Rand
	ids     []string                // of products that exist
	photos  map[string][]string     // by product: names of good photos
	dead    map[string]tasks.Reason // by key
	recent  [][]byte                // photos written lately: some are shown again under other products
	next    int
	written int
	err     error // the first write that failed for good
}

func newShop(store objects.Store, c *contents, seed uint64) *shop {
	return &shop{store: store, contents: c, dice: rand.New(rand.NewPCG(seed, 2)), photos: map[string][]string{}, dead: map[string]tasks.Reason{}}
}

func mediaKey(id, name string) string { return tasks.ProductPrefix(tasks.ProductID(id)) + name }

// put writes an object; a server that is away is waited for. The caller holds mu.
func (s *shop) put(ctx context.Context, key string, body []byte) {
	s.change(ctx, key, func() error {
		_, err := s.store.Put(ctx, key, body, objects.Condition{})
		return err
	})
}

func (s *shop) remove(ctx context.Context, key string) {
	s.change(ctx, key, func() error { return s.store.Delete(ctx, key) })
	delete(s.dead, key)
}

func (s *shop) change(ctx context.Context, key string, change func() error) {
	for {
		err := change()
		switch {
		case err == nil:
			s.written++
			return
		case errors.Is(err, objects.ErrUnavailable) && ctx.Err() == nil:
		default:
			if s.err == nil {
				s.err = fmt.Errorf("writing %s: %w", key, err)
			}
			return
		}
	}
}

// photo is a new photo, or one in ten times one that another product has too.
func (s *shop) photo() []byte {
	if len(s.recent) > 0 && s.dice.IntN(10) == 0 {
		return s.recent[s.dice.IntN(len(s.recent))]
	}
	body := s.contents.photo(s.dice)
	s.recent = append(s.recent[max(0, len(s.recent)-15):], body)
	return body
}

// create adds a product with a listing and one or two photos.
func (s *shop) create(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	id := fmt.Sprintf("item-%05d", s.next)
	s.ids = append(s.ids, id)
	s.put(ctx, mediaKey(id, tasks.ListingName), s.contents.listing(s.dice))
	for i := range 1 + s.dice.IntN(2) {
		name := fmt.Sprintf("photo-%d.jpg", i+1)
		s.photos[id] = append(s.photos[id], name)
		s.put(ctx, mediaKey(id, name), s.photo())
	}
}

// work makes one change that a catalogue team makes, keeping about size products.
func (s *shop) work(ctx context.Context, size int) {
	s.mu.Lock()
	roll, count := s.dice.IntN(100), len(s.ids)
	s.mu.Unlock()
	switch {
	case count < size/2, roll < 25 && count < size:
		s.create(ctx)
	case roll < 55:
		s.overwritePhoto(ctx)
	case roll < 75:
		s.overwriteListing(ctx)
	case roll < 85:
		s.spoil(ctx)
	default:
		s.delete(ctx)
	}
}

func (s *shop) pick() string { return s.ids[s.dice.IntN(len(s.ids))] }

func (s *shop) overwritePhoto(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := s.pick(); len(s.photos[id]) > 0 {
		s.put(ctx, mediaKey(id, s.photos[id][0]), s.photo())
	}
}

func (s *shop) overwriteListing(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := mediaKey(s.pick(), tasks.ListingName)
	delete(s.dead, key) // a bad one is mended
	s.put(ctx, key, s.contents.listing(s.dice))
}

// spoil puts poison into a product.
func (s *shop) spoil(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.contents.bad(s.dice)
	key := mediaKey(s.pick(), p.name)
	s.put(ctx, key, p.body)
	s.dead[key] = p.reason
}

// flood puts n bad photos into new products, a hundred in each.
func (s *shop) flood(ctx context.Context, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	photos := slices.DeleteFunc(slices.Clone(s.contents.poison), func(p poison) bool { return p.name == tasks.ListingName })
	for i := range n {
		p := photos[i%len(photos)]
		key := mediaKey(fmt.Sprintf("flood-%04d", s.next+i/100), fmt.Sprintf("%04d-%s", i, p.name))
		s.put(ctx, key, p.body)
		s.dead[key] = p.reason
	}
	s.next += n/100 + 1
}

// delete removes a product, or one photo of it.
func (s *shop) delete(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.dice.IntN(len(s.ids))
	id := s.ids[i]
	if photos := s.photos[id]; len(photos) > 1 {
		s.photos[id] = photos[:len(photos)-1]
		s.remove(ctx, mediaKey(id, photos[len(photos)-1]))
		return
	}
	keys := []string{mediaKey(id, tasks.ListingName)}
	for _, name := range s.photos[id] {
		keys = append(keys, mediaKey(id, name))
	}
	for key := range s.dead {
		if strings.HasPrefix(key, mediaKey(id, "")) && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		s.remove(ctx, key)
	}
	s.ids = slices.Delete(s.ids, i, i+1)
	delete(s.photos, id)
}

// overwrite replaces a photo at the moment when a worker is about to read it.
func (s *shop) overwrite(ctx context.Context, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, dead := s.dead[key]; !dead && s.has(key) {
		s.put(ctx, key, s.contents.photo(s.dice))
	}
}

// take deletes a photo at the moment when a worker is about to read it.
func (s *shop) take(ctx context.Context, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.has(key) {
		m := tasks.ParseMediaKey(key)
		name := strings.TrimPrefix(key, tasks.ProductPrefix(m.Product))
		s.photos[string(m.Product)] = slices.DeleteFunc(s.photos[string(m.Product)], func(n string) bool { return n == name })
		s.remove(ctx, key)
	}
}

// has tells whether key is a good photo. The caller holds mu.
func (s *shop) has(key string) bool {
	m := tasks.ParseMediaKey(key)
	return slices.Contains(s.photos[string(m.Product)], strings.TrimPrefix(key, tasks.ProductPrefix(m.Product)))
}

// expectation is what must come of the bucket as it is.
type expectation struct {
	sources map[string]string       // by product: the digest of its living parts; "" where all are dead
	dead    map[string]tasks.Reason // by key
	objects int
}

// expect lists the bucket. It is the campaign's own reading of the rules, apart from
// the sweep's and the audit's.
func (s *shop) expect(ctx context.Context) (expectation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := expectation{sources: map[string]string{}, dead: map[string]tasks.Reason{}}
	parts := map[string][]tasks.Part{}
	for info, err := range s.list(ctx) {
		if err != nil {
			return e, err
		}
		e.objects++
		id := string(tasks.ParseMediaKey(info.Key).Product)
		if reason, dead := s.dead[info.Key]; dead {
			e.dead[info.Key] = reason
		} else {
			parts[id] = append(parts[id], tasks.Part{Key: info.Key, ETag: info.ETag})
		}
		e.sources[id] = ""
	}
	for id, living := range parts {
		e.sources[id] = tasks.Sources(living)
	}
	return e, s.err
}

func (s *shop) list(ctx context.Context) iter.Seq2[objects.Info, error] {
	return s.store.List(ctx, tasks.MediaPrefix, "")
}

// load changes the catalogue until ctx ends, rate times a second.
func (s *shop) load(ctx context.Context, rate int, size int) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.work(context.WithoutCancel(ctx), size) // a change is made whole
		case <-ctx.Done():
			return
		}
	}
}
