package profile

import (
	"iter"
	"math"
	"slices"
	"strings"
	"unicode"
)

// Catalogue is what one shopper's prices and words are compared with. It is made
// once for many profiles, holds one number per product and one per word, and is
// not changed afterwards.
type Catalogue struct {
	products int
	prices   []float64      // ascending
	words    map[string]int // in how many titles
}

// NewCatalogue reads all products.
func NewCatalogue(products iter.Seq[Fact]) *Catalogue {
	c := &Catalogue{words: map[string]int{}}
	for f := range products {
		c.products++
		if usable(f.Price) {
			c.prices = append(c.prices, *f.Price)
		}
		for _, w := range words(f.Title) {
			c.words[w]++
		}
	}
	slices.Sort(c.prices)
	return c
}

func usable(price *float64) bool {
	return price != nil && *price >= 0 && !math.IsInf(*price, 0) // NaN is not ≥ 0
}

// rank is the part of the catalogue's prices that lie below price, those equal to
// it by half; false without prices.
func (c *Catalogue) rank(price float64) (float64, bool) {
	if c == nil || len(c.prices) == 0 {
		return 0, false
	}
	below, _ := slices.BinarySearch(c.prices, price)
	upTo, _ := slices.BinarySearch(c.prices, math.Nextafter(price, math.Inf(1)))
	return float64(below+upTo) / 2 / float64(len(c.prices)), true
}

// median is the median price; false without prices.
func (c *Catalogue) median() (float64, bool) {
	if c == nil || len(c.prices) == 0 {
		return 0, false
	}
	return quantile(c.prices, 0.5), true
}

// rarity is log(N/n)/log N of a word in n of N titles: 1 in a single one, 0 in
// all. It is 1 where nothing is known.
func (c *Catalogue) rarity(word string) float64 {
	if c == nil || c.products < 2 {
		return 1
	}
	n := max(1, c.words[word])
	return math.Log(float64(c.products)/float64(n)) / math.Log(float64(c.products))
}

// quantile interpolates between the values, which are ascending and at least one.
func quantile(values []float64, q float64) float64 {
	at := q * float64(len(values)-1)
	i := int(at)
	if i+1 == len(values) {
		return values[i]
	}
	return values[i] + (at-float64(i))*(values[i+1]-values[i])
}

// words are the different words of a text that can be tags: at least three
// characters, lower case, no numbers, none of the words that every title has. Text
// without spaces between words (Chinese, Japanese, Thai) gives no useful ones.
func words(text string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	}) {
		if len([]rune(w)) < 3 || len(w) > 40 || idle(w) || !strings.ContainsFunc(w, unicode.IsLetter) || slices.Contains(out, w) {
			continue
		}
		out = append(out, w)
	}
	return out
}

// idle tells words that name no interest.
func idle(w string) bool {
	switch w {
	case "and", "the", "for", "with", "from", "into", "your", "our", "you", "are", "all", "any", "not", "this", "that", "has", "have",
		"set", "pack", "piece", "pieces", "pcs", "pair", "box", "size", "small", "medium", "large", "mini", "new", "assorted", "inch", "per", "one", "two", "three":
		return true
	}
	return false
}
