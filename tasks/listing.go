package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxListingBytes bounds a product.json.
const MaxListingBytes = 2 << 20

// Listing is what product.json says of a product. Fields that weft does not
// know are kept in Attributes when they hold a plain value.
type Listing struct {
	Title       string         `json:"title,omitempty"`
	Description string         `json:"description,omitempty"`
	Category    string         `json:"category,omitempty"`
	Brand       string         `json:"brand,omitempty"`
	Price       *float64       `json:"price,omitempty"`
	Currency    string         `json:"currency,omitempty"`
	Attributes  map[string]any `json:"attributes,omitempty"`
	Images      []string       `json:"images,omitempty"` // keys below the tenant, the first is the main photo
	UpdatedAt   *time.Time     `json:"updated_at,omitempty"`
}

// ListingError says which field of a listing cannot be read, and why.
type ListingError struct {
	Reason Reason // bad_json, bad_listing, too_many_bytes
	Field  string // "" for the whole
	Msg    string
}

// Error names the field.
func (e *ListingError) Error() string {
	if e.Field == "" {
		return "listing: " + e.Msg
	}
	return fmt.Sprintf("listing: field %q: %s", e.Field, e.Msg)
}

// ParseListing reads a product.json. Errors are *ListingError.
func ParseListing(b []byte) (Listing, error) {
	if len(b) > MaxListingBytes {
		return Listing{}, &ListingError{Reason: ReasonTooManyBytes, Msg: fmt.Sprintf("%d bytes, the limit is %d", len(b), MaxListingBytes)}
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return Listing{}, &ListingError{Reason: ReasonEmpty, Msg: "no bytes"}
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return Listing{}, &ListingError{Reason: ReasonBadJSON, Msg: fmt.Sprintf("not a JSON object: %v", err)}
	}
	if fields == nil {
		return Listing{}, &ListingError{Reason: ReasonBadJSON, Msg: "not a JSON object but null"}
	}
	var l Listing
	if err := json.Unmarshal(b, &l); err != nil {
		var te *json.UnmarshalTypeError
		if errors.As(err, &te) {
			return Listing{}, &ListingError{Reason: ReasonBadListing, Field: te.Field, Msg: fmt.Sprintf("want %s, got a JSON %s", te.Type, te.Value)}
		}
		return Listing{}, &ListingError{Reason: ReasonBadListing, Msg: err.Error()}
	}
	if l.Price != nil && (*l.Price < 0 || math.IsInf(*l.Price, 0)) {
		return Listing{}, &ListingError{Reason: ReasonBadListing, Field: "price", Msg: fmt.Sprintf("%v: want a number of at least 0", *l.Price)}
	}
	l.keepUnknown(fields)
	return l, nil
}

var listingFields = map[string]bool{
	"id": true, "title": true, "description": true, "category": true, "brand": true, "price": true,
	"currency": true, "attributes": true, "images": true, "updated_at": true,
}

// keepUnknown moves plain values of unknown fields into Attributes, which win.
func (l *Listing) keepUnknown(fields map[string]json.RawMessage) {
	for name, raw := range fields {
		if listingFields[strings.ToLower(name)] {
			continue
		}
		var v any
		if json.Unmarshal(raw, &v) != nil {
			continue
		}
		switch v.(type) {
		case string, float64, bool:
			if l.Attributes == nil {
				l.Attributes = map[string]any{}
			}
			if _, taken := l.Attributes[name]; !taken {
				l.Attributes[name] = v
			}
		}
	}
}

// Text renders what a text encoder reads: title, description, category, brand
// and attributes (in the order of their names), one sentence each. Price and
// currency are left out: they change often and say little of the product. It is
// "" when there is nothing to read. The order is part of the recipe
// (TextRendering).
func (l Listing) Text() string {
	var parts []string
	add := func(s string) {
		s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
		if s == "" {
			return
		}
		if r, _ := utf8.DecodeLastRuneInString(s); !strings.ContainsRune(".!?:;。！？", r) {
			s += "."
		}
		parts = append(parts, s)
	}
	add(l.Title)
	add(l.Description)
	add(l.Category)
	add(l.Brand)
	for _, name := range slices.Sorted(maps.Keys(l.Attributes)) {
		if s := plain(l.Attributes[name]); s != "" {
			add(name + ": " + s)
		}
	}
	return strings.Join(parts, " ")
}

// TextRendering is the version of Listing.Text: it is part of the generation,
// since another rendering means other features.
const TextRendering = 1

// plain renders a scalar or a list of scalars; anything deeper is left out.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case float64:
		return fmt.Sprintf("%g", v)
	case []any:
		var items []string
		for _, item := range v {
			if _, nested := item.([]any); nested {
				continue
			}
			if s := plain(item); s != "" {
				items = append(items, s)
			}
		}
		return strings.Join(items, ", ")
	}
	return ""
}
