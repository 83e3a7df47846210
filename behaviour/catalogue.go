package behaviour

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/storage/objects"
	"weft/tasks"
)

// catalogue tells which products there are: those with a photo or a listing in the
// bucket. It remembers what it has seen for a while.
type catalogue struct {
	store objects.Store

	mu   sync.Mutex
	seen map[tasks.ProductID]sighting
}

// sighting is whether a product was there, and until when that is believed.
type sighting struct {
	there bool
	until time.Time
}

const (
	// presentFor and absentFor bound how long a product counts as it was last seen.
	presentFor = 15 * time.Second
	absentFor  = time.Second
	// maxSightings bounds what is remembered.
	maxSightings = 200_000
	// listings is how many products are looked for at once: each waits for the store.
	listings = 16
)

// missing returns those of the products that are not in the catalogue.
func (c *catalogue) missing(ctx context.Context, products map[tasks.ProductID]bool, now time.Time) (map[tasks.ProductID]bool, error) {
	c.mu.Lock()
	if c.seen == nil || len(c.seen) > maxSightings {
		c.seen = map[tasks.ProductID]sighting{}
	}
	absent := map[tasks.ProductID]bool{}
	var unseen []tasks.ProductID
	for id := range products {
		switch s := c.seen[id]; {
		case !now.Before(s.until):
			unseen = append(unseen, id)
		case !s.there:
			absent[id] = true
		}
	}
	c.mu.Unlock()
	group, looking := errgroup.WithContext(ctx)
	group.SetLimit(listings)
	for _, id := range unseen {
		group.Go(func() error {
			there, err := c.holds(looking, id)
			if err != nil {
				return err
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			s := sighting{there, now.Add(presentFor)}
			if !there {
				s.until = now.Add(absentFor)
				absent[id] = true
			}
			c.seen[id] = s
			return nil
		})
	}
	return absent, group.Wait()
}

// holds tells whether anything in a product's folder makes it a product.
func (c *catalogue) holds(ctx context.Context, id tasks.ProductID) (bool, error) {
	for info, err := range c.store.List(ctx, tasks.ProductPrefix(id), "") {
		if err != nil {
			return false, err
		}
		if m := tasks.ParseMediaKey(info.Key); m.Err == nil && m.Modality != "" {
			return true, nil
		}
	}
	return false, nil
}
