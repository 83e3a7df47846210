package shoppers

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Product is what the simulated shoppers see of a product.
type Product struct {
	ID       string  // as weft knows it: the name of its folder
	Category string  // "" if unknown
	Colour   string  // the colour word of the listing, "" if unknown
	Style    string  // "" if unknown
	Price    float64 // in the shop's currency; 0 if unknown
}

// ErrCatalogue marks a catalogue that no shopper can be simulated over.
var ErrCatalogue = errors.New("catalogue cannot be used")

// ReadCatalogue reads the products of a folder in the layout of a weft bucket, DIR/<product-id>/product.json, in the
// order of their ids. A product without a listing is kept with nothing known of it: shoppers find it by its popularity
// alone.
func ReadCatalogue(dir string) ([]Product, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCatalogue, err)
	}
	var products []Product
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		p := Product{ID: e.Name()}
		path := filepath.Join(dir, e.Name(), "product.json")
		body, err := os.ReadFile(path)
		if err == nil {
			p, err = parseListing(e.Name(), body)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s: %w", ErrCatalogue, path, err)
		}
		products = append(products, p)
	}
	if len(products) == 0 {
		return nil, fmt.Errorf("%w: %s holds no product folders", ErrCatalogue, dir)
	}
	return products, nil
}

func parseListing(id string, body []byte) (Product, error) {
	var l struct {
		Category   string         `json:"category"`
		Price      float64        `json:"price"`
		Attributes map[string]any `json:"attributes"`
	}
	if err := json.Unmarshal(body, &l); err != nil {
		return Product{}, err
	}
	text := func(name string) string { s, _ := l.Attributes[name].(string); return s }
	colour := text("colour")
	if colour == "" {
		colour = text("color")
	}
	return Product{ID: id, Category: l.Category, Colour: colour, Style: text("style"), Price: l.Price}, nil
}

// families are the colour words that the tables treat alike.
func families() map[string][]string {
	return map[string][]string{
		"black":  {"black", "charcoal"},
		"grey":   {"grey", "light grey", "gray", "silver"},
		"white":  {"white", "cream", "ivory"},
		"blue":   {"blue", "light blue", "pale blue", "teal", "turquoise"},
		"denim":  {"navy", "denim blue", "grey blue", "indigo"},
		"red":    {"red", "burgundy", "rust", "coral"},
		"pink":   {"pink", "blush", "dusty pink", "magenta", "mauve", "lilac", "purple", "plum"},
		"earth":  {"brown", "tan", "beige", "khaki", "olive", "camel"},
		"bright": {"yellow", "mustard", "orange", "lime", "green", "mint", "pale green", "sage", "dark green"},
	}
}

// Family is the colour family of a colour word, "" if the word is not known.
func Family(colour string) string {
	for family, words := range families() {
		if slices.Contains(words, strings.ToLower(colour)) {
			return family
		}
	}
	return ""
}

// tiers sorts each category's products into three price tiers of about equal size; -1 is a product without a price.
func tiers(products []Product) []int {
	prices := map[string][]float64{}
	for _, p := range products {
		if p.Price > 0 {
			prices[p.Category] = append(prices[p.Category], p.Price)
		}
	}
	for _, list := range prices {
		slices.Sort(list)
	}
	tier := make([]int, len(products))
	for i, p := range products {
		if p.Price <= 0 {
			tier[i] = -1
			continue
		}
		list := prices[p.Category]
		below, _ := slices.BinarySearch(list, p.Price)
		tier[i] = min(2, 3*below/len(list))
	}
	return tier
}
