package serve

import (
	"cmp"
	"math"
	"slices"
)

// Bounds of what is kept of shoppers to find those alike.
const (
	mostBasket   = 50        // products of one: who has more is like everybody
	mostBaskets  = 4_000_000 // products of all together: 16 MB
	mostAlike    = 50        // shoppers who lift products
	mostShoppers = 2000      // looked at for one product
)

// crowd is which shoppers did something with which products. Products are numbered.
type crowd struct {
	names    []string // of the products
	numbers  map[string]int32
	shoppers []string
	baskets  [][]int32 // by shopper
	by       [][]int32 // by product: shoppers
	held     int
}

func newCrowd() *crowd { return &crowd{numbers: map[string]int32{}} }

// add takes what one shopper did something with.
func (c *crowd) add(shopper string, products map[string]float64) {
	if len(products) < 2 || len(products) > mostBasket || c.held+len(products) > mostBaskets {
		return // alone it leads nowhere
	}
	basket := make([]int32, 0, len(products))
	for id := range products {
		n, known := c.numbers[id]
		if !known {
			n = int32(len(c.names))
			c.numbers[id], c.names, c.by = n, append(c.names, id), append(c.by, nil)
		}
		basket = append(basket, n)
	}
	at := int32(len(c.shoppers))
	c.shoppers, c.baskets, c.held = append(c.shoppers, shopper), append(c.baskets, basket), c.held+len(products)
	for _, n := range basket {
		c.by[n] = append(c.by[n], at)
	}
}

// alike tells which products are chosen by the shoppers most like one who likes some,
// each by the sum of their likenesses as a share of the largest. Likeness is the cosine
// of the two sets of products.
func (s *Snapshot) alike(user string, liked []string) map[string]float64 {
	c := s.crowd
	if c == nil || len(liked) == 0 {
		return nil
	}
	shared := map[int32]int{}
	for _, id := range liked {
		if n, known := c.numbers[id]; known {
			for _, other := range c.by[n][:min(len(c.by[n]), mostShoppers)] {
				shared[other]++
			}
		}
	}
	type neighbour struct {
		at       int32
		likeness float64
	}
	var near []neighbour
	for at, n := range shared {
		if c.shoppers[at] != user {
			near = append(near, neighbour{at, float64(n) / math.Sqrt(float64(len(liked)*len(c.baskets[at])))})
		}
	}
	slices.SortFunc(near, func(a, b neighbour) int {
		return cmp.Or(cmp.Compare(b.likeness, a.likeness), cmp.Compare(c.shoppers[a.at], c.shoppers[b.at]))
	})
	sums, most := map[string]float64{}, 0.0
	for _, other := range near[:min(len(near), mostAlike)] {
		for _, n := range c.baskets[other.at] {
			sums[c.names[n]] += other.likeness
		}
	}
	for _, id := range liked { // what the user knows already needs nobody's word
		delete(sums, id)
	}
	for _, sum := range sums {
		most = max(most, sum)
	}
	for id := range sums {
		sums[id] /= most
	}
	return sums
}
