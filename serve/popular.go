package serve

import (
	"cmp"
	"context"
	"fmt"
	"iter"
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
// Nothing that a shopper without consent did is counted.
//
// Memory: a number for each product with events, two references for each product, a
// number for each product of a shopper (see crowd), the ids of those who said no, and
// the events of one shopper at a time.
type Snapshot struct {
	AsOf      time.Time // of the newest event counted; zero without any
	Shoppers  int       // who are counted
	Catalogue *profile.Catalogue

	names      map[string]bool    // of the facts that products have, and of what all have
	crowd      *crowd             // nil without events
	popularity map[string]float64 // by product, above 0 to 1
	ranked     []string           // all products: the most popular first, then the newest
	categories map[string][]string
}

// TakeSnapshot reads the shelf and, unless tables is nil, all events that the lake
// holds as of its last refresh; consent is what a shopper who said nothing is taken to
// have said about profiling. With an error of the lake the snapshot holds the
// products without their popularity.
func TakeSnapshot(ctx context.Context, shelf *Shelf, tables *behaviour.Tables, consent bool) (*Snapshot, error) {
	entries := shelf.content.Entries()
	s := &Snapshot{names: map[string]bool{nameID: true, nameCategory: true, namePrice: true}, categories: map[string][]string{}, Catalogue: profile.NewCatalogue(func(yield func(profile.Fact) bool) {
		for _, e := range entries {
			if !yield(profile.Fact{Title: e.Title, Category: e.Category, Price: e.Price}) {
				return
			}
		}
	})}
	known := make(map[string]bool, len(entries))
	for _, e := range entries {
		known[e.ID] = true
		for i := range e.Facts {
			s.names[e.Facts[i].Name] = true
		}
	}
	var err error
	if tables != nil {
		err = s.count(ctx, tables, known, consent)
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
func (s *Snapshot) count(ctx context.Context, tables *behaviour.Tables, known map[string]bool, consent bool) error {
	exceptions, err := exceptions(ctx, tables, consent)
	if err != nil {
		return err
	}
	crowd := newCrowd()
	now := time.Now()
	sums, strongest, shopper := map[string]float64{}, map[string]float64{}, ""
	settle := func() {
		if len(strongest) > 0 {
			s.Shoppers++
			crowd.add(shopper, strongest)
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
		if w <= 0 || !known[e.Product] || exceptions[shopper] == consent {
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
	s.popularity, s.AsOf, s.crowd = sums, time.UnixMilli(newest).UTC(), crowd
	return nil
}

// exceptions are the shoppers who said other than what silence is taken for.
func exceptions(ctx context.Context, tables *behaviour.Tables, consent bool) (map[string]bool, error) {
	said := "no"
	if !consent {
		said = "yes"
	}
	found := map[string]bool{}
	for u, err := range tables.Users.Select(ctx, lake.Query{Columns: []string{"id", "profiling"}}) {
		if err != nil {
			return nil, fmt.Errorf("who agreed to profiling: %w", err)
		}
		if u.Profiling == said {
			found[u.ID] = true
		}
	}
	return found, nil
}

// popularIn tells whether anything but one product is popular in a category.
func (s *Snapshot) popularIn(category, except string) bool {
	for _, id := range s.categories[category] {
		if id != except {
			return s.popularity[id] > 0
		}
	}
	return false
}

// popular lists the most popular products of a category ("" for all) that a search
// allows, with their popularity as score. Where the category has not enough, all
// categories follow, within the limit for each.
func (s *Snapshot) popular(shelf *Shelf, category string, q Search) []Hit {
	var found []Hit
	taken := map[string]bool{}
	inCategory := map[string]int{}
	for pass, list := range [][]string{s.categories[category], s.ranked} {
		for h := range s.lifted(shelf, list, q) {
			if len(found) == q.K {
				return found
			}
			limit := pass == 1 && q.PerCategory > 0 && h.Category != "" && inCategory[h.Category] >= q.PerCategory
			if taken[h.ID] || limit || q.Keep != nil && !q.Keep(&h.Entry) {
				continue
			}
			taken[h.ID] = true
			inCategory[h.Category]++
			found = append(found, h)
		}
	}
	return found
}

// liftedNewest is how many of the products without popularity a factor may reorder.
const liftedNewest = 2000

// lifted yields products in the order of their popularity times the factor of a search,
// those without popularity by the factor alone.
func (s *Snapshot) lifted(shelf *Shelf, list []string, q Search) iter.Seq[Hit] {
	return func(yield func(Hit) bool) {
		var some []Hit
		factors := map[string]float64{}
		rest := 0
		for i, id := range list {
			e, ok := shelf.content.Entry(id)
			if !ok {
				continue
			}
			h := Hit{e, float32(s.popularity[id])}
			switch {
			case q.Factor == nil:
				if !yield(h) {
					return
				}
				continue
			case s.popularity[id] == 0:
				rest++
			}
			f := q.Factor(&h.Entry)
			h.Score *= float32(f)
			factors[id] = f
			some = append(some, h)
			if rest < liftedNewest && i < len(list)-1 {
				continue
			}
			list = list[i+1:]
			break
		}
		if q.Factor == nil {
			return
		}
		slices.SortStableFunc(some, func(a, b Hit) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(factors[b.ID], factors[a.ID]))
		})
		for _, h := range some {
			if !yield(h) {
				return
			}
		}
		if rest < liftedNewest {
			return
		}
		for _, id := range list {
			if e, ok := shelf.content.Entry(id); ok && !yield(Hit{Entry: e}) {
				return
			}
		}
	}
}
