package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// listing is product.json.
type listing struct {
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Category    string            `json:"category"`
	Brand       string            `json:"brand"`
	Price       float64           `json:"price"`
	Currency    string            `json:"currency"`
	Attributes  map[string]string `json:"attributes"`
	Images      []string          `json:"images,omitempty"`
	UpdatedAt   time.Time         `json:"updated_at"`
}

// catalogueDate is when the sample was drawn up; each listing was last touched some days before.
var catalogueDate = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

// describeProduct writes the listing of e. The same entry gives the same listing on every run and machine.
func describeProduct(e entry) listing {
	seed := sha256.Sum256([]byte(e.Product))
	rng := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:]), binary.LittleEndian.Uint64(seed[8:])))
	g := garments[e.Class]
	f := facts{
		Colour: e.Look.Colour, Accent: e.Look.Accent, Plural: g.Plural,
		Noun: pick(rng, g.Nouns), Style: pick(rng, g.Styles), Detail: pick(rng, g.Details),
		Occasion: pick(rng, g.Occasions), Material: pick(rng, g.Materials), Pairing: pick(rng, g.Pairings),
	}
	sentences := []string{f.fill(pick(rng, openings)), f.fill(pick(rng, details))}
	if f.Accent != "" {
		sentences = append(sentences, f.fill(pick(rng, accents)))
	}
	if rng.IntN(3) > 0 {
		sentences = append(sentences, f.fill(pick(rng, pairings)))
	}
	if rng.IntN(2) > 0 {
		sentences = append(sentences, f.fill(pick(rng, closings)))
	}
	attributes := map[string]string{"colour": f.Colour, "material": f.Material, "style": f.Style, "size": pick(rng, g.Sizes)}
	if f.Accent != "" {
		attributes["second_colour"] = f.Accent
	}
	l := listing{
		Title:       titleCase(f.fill(pick(rng, titles))),
		Description: strings.Join(sentences, " "),
		Category:    g.Category,
		Brand:       pick(rng, brands),
		Price:       float64(g.Low+rng.IntN(g.High-g.Low)) + 0.9,
		Currency:    "EUR",
		Attributes:  attributes,
		UpdatedAt:   catalogueDate.Add(-time.Duration(rng.IntN(90*24*60)) * time.Minute),
	}
	for _, part := range []string{partPhoto, partDetail} {
		if e.has(part) {
			l.Images = append(l.Images, fmt.Sprintf("media/%s/%s.jpg", e.Product, part))
		}
	}
	return l
}

// encode is the listing's file form, ending in a newline.
func (l listing) encode() ([]byte, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(l); err != nil {
		return nil, fmt.Errorf("listing %q: %w", l.Title, err)
	}
	return body.Bytes(), nil
}

// facts are the words a sentence may use, as {colour}, {a colour}, {noun} and so on.
type facts struct {
	Colour, Accent, Noun, Style, Detail, Occasion, Material, Pairing string
	Plural                                                           bool
}

// fill puts the facts into a sentence; {is}, {it} and {this} agree with a noun such as "trousers" or "dress".
func (f facts) fill(sentence string) string {
	is, it, this, noun := "is", "it", "this", article
	if f.Plural {
		is, it, this, noun = "are", "they", "these", func(words string) string { return words }
	}
	filled := strings.NewReplacer(
		"{a colour noun}", noun(f.Colour+" "+f.Noun), "{a style noun}", noun(f.Style+" "+f.Noun), "{a style}", article(f.Style),
		"{colour}", f.Colour, "{accent}", f.Accent, "{noun}", f.Noun, "{style}", f.Style, "{detail}", f.Detail,
		"{occasion}", f.Occasion, "{material}", f.Material, "{pairing}", f.Pairing,
		"{is}", is, "{it}", it, "{this}", this,
	).Replace(sentence)
	return strings.ToUpper(filled[:1]) + filled[1:]
}

func article(words string) string {
	if strings.ContainsRune("aeiouA", rune(words[0])) {
		return "an " + words
	}
	return "a " + words
}

// titleCase capitalises every word but the small ones.
func titleCase(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		switch w {
		case "in", "with", "for", "and", "of", "the", "a", "an":
			if i > 0 {
				continue
			}
		}
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

func pick(rng *rand.Rand, from []string) string { return from[rng.IntN(len(from))] }
