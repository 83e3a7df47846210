package serve

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"weft/behaviour"
	"weft/behaviour/parts"
	"weft/behaviour/profile"
	"weft/storage/lake"
)

// popularHalfLife is how long it takes an act to count half for popularity.
const popularHalfLife = 30 * 24 * time.Hour

// Snapshot is what is known of the shop as a whole at one moment: which products are
// popular, and what one shopper's prices and words are compared with. It is computed
// from the events in the lake and the shelf, never stored, and not changed afterwards.
//
// A product's popularity is the number of shoppers who did something with it, each
// counted by the strongest act (the weights of package parts; those against a product
// do not count) and half for each 30 days that it is older than the newest event; it
// is told as a share of the most popular product's. However often one shopper looks,
// it is one shopper.
//
// Memory: a number for each product with events, two references for each product, and
// the events of one shopper at a time.
type Snapshot struct {
	AsOf      time.Time // of the newest event counted; zero without any
	Shoppers  int       // who are counted
	Catalogue *profile.Catalogue

	popularity map[string]float64 // by product, above 0 to 1
	ranked     []string           // all products: the most popular first, then the newest
	categories map[string][]string
}

// TakeSnapshot reads the shelf and, unless tables is nil, all events that the lake
// holds as of its last refresh. With an error of the lake the snapshot holds the
// products without their popularity.
func TakeSnapshot(ctx context.Context, shelf *Shelf, tables *behaviour.Tables) (*Snapshot, error) {
	entries := shelf.content.Entries()
	s := &Snapshot{categories: map[string][]string{}, Catalogue: profile.NewCatalogue(func(yield func(profile.Fact) bool) {
		for _, e := range entries {
			if !yield(profile.Fact{Title: e.Title, Category: e.Category, Price: e.Price}) {
				return
			}
		}
	})}
	known := make(map[string]bool, len(entries))
	for _, e := range entries {
		known[e.ID] = true
	}
	var err error
	if tables != nil {
		err = s.count(ctx, tables, known)
	}
	slices.SortFunc(entries, func(a, b *Entry) int {
		return cmp.Or(cmp.Compare(s.popularity[b.ID], s.popularity[a.ID]), cmp.Compare(b.UpdatedAt, a.UpdatedAt), strings.Compare(a.ID, b.ID))
	})
	for _, e := range entries {
		s.ranked = append(s.ranked, e.ID)
		if e.Category != "" {
			s.categories[e.Category] = append(s.categories[e.Category], e.ID)
		}
	}
	return s, err
}

// count reads the events, which come shopper by shopper.
func (s *Snapshot) count(ctx context.Context, tables *behaviour.Tables, known map[string]bool) error {
	now := time.Now()
	sums, strongest, shopper := map[string]float64{}, map[string]float64{}, ""
	settle := func() {
		if len(strongest) > 0 {
			s.Shoppers++
		}
		for product, w := range strongest {
			sums[product] += w
		}
		clear(strongest)
	}
	var newest int64
	for e, err := range tables.Events.Select(ctx, lake.Query{Columns: []string{"user", "product", "type", "time"}}) {
		if err != nil {
			return fmt.Errorf("counting popularity: %w", err)
		}
		if e.User != shopper {
			settle()
			shopper = e.User
		}
		w := parts.Weight(e.Type)
		if w <= 0 || !known[e.Product] {
			continue
		}
		newest = max(newest, e.Time)
		age := now.Sub(time.UnixMilli(e.Time))
		strongest[e.Product] = max(strongest[e.Product], w*math.Exp2(-age.Hours()/popularHalfLife.Hours()))
	}
	settle()
	var most float64
	for _, sum := range sums {
		most = max(most, sum)
	}
	if most == 0 {
		return nil
	}
	for product := range sums { // the share of the most popular: what time is called now cancels out
		sums[product] /= most
	}
	s.popularity, s.AsOf = sums, time.UnixMilli(newest).UTC()
	return nil
}

// popular lists the k most popular products of a category ("" for all) that keep
// allows, with their popularity as score. Where the category has not enough, all
// categories follow, and where the limit leaves too few, it gives way.
func (s *Snapshot) popular(shelf *Shelf, category string, k, perCategory int, keep func(*Entry) bool) []Hit {
	var found []Hit
	taken := map[string]bool{}
	inCategory := map[string]int{}
	for pass, list := range [][]string{s.categories[category], s.ranked, s.ranked} {
		for _, id := range list {
			if len(found) == k {
				return found
			}
			e, ok := shelf.content.Entry(id)
			limit := pass == 1 && perCategory > 0 && e.Category != "" && inCategory[e.Category] == perCategory
			if !ok || taken[id] || limit || keep != nil && !keep(&e) {
				continue
			}
			taken[id] = true
			inCategory[e.Category]++
			found = append(found, Hit{e, float32(s.popularity[id])})
		}
	}
	return found
}
