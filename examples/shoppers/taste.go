package shoppers

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// kind is why a product was chosen.
type kind int

const (
	browse kind = iota
	consider
	buy
	dislike
	kinds int = iota
)

// sharpness is β of each kind, all multiples of ½ (see powers).
var sharpness = [kinds]float64{browse: 0.5, consider: 1, buy: 1.5, dislike: -0.5}

// kindShares is how often each kind comes up.
var kindShares = [kinds]float64{browse: 0.46, consider: 0.30, buy: 0.18, dislike: 0.06}

// tastes holds what every value of every attribute adds to the appeal of every product: appeal[i] of product i.
type tastes struct {
	products   []Product
	family     []string
	popularity []float64 // q, > 0
	quality    []float64 // 0 to 1: ratings and returns follow it
	gender     [][]float64
	age        [][]float64
	interest   [][]float64
	price      [][]float64
	archetype  [][]float64
}

func newTastes(seed uint64, products []Product) *tastes {
	t := &tastes{products: products, family: make([]string, len(products))}
	var categories, colours []string
	for i, p := range products {
		t.family[i] = Family(p.Colour)
		if t.family[i] == "" {
			t.family[i] = p.Colour
		}
		categories, colours = append(categories, p.Category), append(colours, t.family[i])
		rng := stream(seed, "product "+p.ID)
		t.popularity = append(t.popularity, math.Exp(0.5*rng.NormFloat64()))
		t.quality = append(t.quality, rng.Float64())
	}
	categories, colours = distinct(categories), distinct(colours)
	tables := map[string][]tilt{"gender": genderTilts(), "age": ageTilts(), "interest": interestTilts()}
	for name, table := range tables {
		for _, word := range slices.Concat(categories, colours) {
			drawn(seed, table, name, word, 0.6)
		}
	}
	t.gender, t.age, t.interest = t.spread(tables["gender"]), t.spread(tables["age"]), t.spread(tables["interest"])
	t.archetype = t.spread(archetypeTilts(seed, categories, colours))
	tier := tiers(products)
	for _, byTier := range priceTilts() {
		row := make([]float64, len(products))
		for i := range products {
			if tier[i] >= 0 {
				row[i] = byTier[tier[i]]
			}
		}
		t.price = append(t.price, row)
	}
	return t
}

// spread writes tables by word out to rows by product.
func (t *tastes) spread(tables []tilt) [][]float64 {
	rows := make([][]float64, len(tables))
	for i, table := range tables {
		rows[i] = make([]float64, len(t.products))
		for j, p := range t.products {
			// A word may be both, as "denim" is a colour here and a material elsewhere; categories and colours do not meet.
			rows[i][j] = table[p.Category] + table[t.family[j]] + table[p.Style]
		}
	}
	return rows
}

// nature is what makes a shopper choose: indices into the tables and a mask of interests.
type nature struct {
	gender, age, price, archetype int
	interests                     uint16
}

// appeal is u of every product to a shopper of that nature.
func (t *tastes) appeal(n nature) []float64 {
	u := make([]float64, len(t.products))
	add := func(row []float64) {
		for i, x := range row {
			u[i] += x
		}
	}
	add(t.gender[n.gender])
	add(t.age[n.age])
	add(t.price[n.price])
	add(t.archetype[n.archetype])
	for j, row := range t.interest {
		if n.interests&(1<<j) != 0 {
			add(row)
		}
	}
	return u
}

// chances are the weights of all products for a choice of kind k, given their appeal.
func (t *tastes) chances(u []float64, k kind) []float64 {
	w := make([]float64, len(u))
	for i, x := range u {
		w[i] = t.popularity[i] * math.Exp(sharpness[k]*x)
	}
	return w
}

// shares sums weights by a word of the product and divides by the total; products without the word are left out.
func shares(weights []float64, word func(i int) string) map[string]float64 {
	by := map[string]float64{}
	var total float64
	for i, w := range weights {
		if s := word(i); s != "" {
			by[s] += w
			total += w
		}
	}
	for s := range by {
		by[s] = math.Round(by[s]/total*1e6) / 1e6
	}
	return by
}

func distinct(words []string) []string {
	sort.Strings(words)
	words = slices.Compact(words)
	return slices.DeleteFunc(words, func(s string) bool { return s == "" })
}

// checkProducts refuses what shoppers cannot choose from.
func checkProducts(products []Product) error {
	if len(products) < 2 {
		return fmt.Errorf("%w: %d products; shoppers need at least 2 to choose from", ErrCatalogue, len(products))
	}
	seen := map[string]bool{}
	for i, p := range products {
		switch {
		case p.ID == "":
			return fmt.Errorf("%w: product %d has no id", ErrCatalogue, i)
		case seen[p.ID]:
			return fmt.Errorf("%w: product id %q comes twice", ErrCatalogue, p.ID)
		case math.IsNaN(p.Price) || math.IsInf(p.Price, 0) || p.Price < 0:
			return fmt.Errorf("%w: product %q has the price %v; give a number of at least 0", ErrCatalogue, p.ID, p.Price)
		}
		seen[p.ID] = true
	}
	return nil
}
