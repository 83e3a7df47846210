package tables

import (
	"encoding/json"
	"fmt"

	"weft/behaviour/listings"
	"weft/behaviour/split"
)

// Interaction is one row of interactions.parquet.
type Interaction struct {
	User   string  `parquet:"user,dict,snappy"`
	Item   string  `parquet:"item,dict,snappy"`
	Time   int64   `parquet:"time,timestamp(millisecond),snappy"`
	Type   string  `parquet:"type,dict,snappy"`
	Weight float64 `parquet:"weight,snappy"`
	Split  string  `parquet:"split,dict,snappy"`
	Event  string  `parquet:"event,snappy"` // its id
}

// Fact is one product in products.parquet and products_later.parquet.
type Fact struct {
	Item        string   `parquet:"item,snappy"`
	Title       string   `parquet:"title,snappy"`
	Description string   `parquet:"description,snappy"`
	Category    string   `parquet:"category,dict,snappy"`
	Brand       string   `parquet:"brand,dict,snappy"`
	Price       *float64 `parquet:"price,optional,snappy"`
	Currency    string   `parquet:"currency,dict,snappy"`
	Attributes  string   `parquet:"attributes,snappy"`                                 // JSON object, or empty
	UpdatedAt   *int64   `parquet:"updated_at,optional,timestamp(millisecond),snappy"` // null: not told
	Split       string   `parquet:"split,dict,snappy"`                                 // the first part that may know these facts
}

func factOf(p *listings.Product, from split.Part) (Fact, error) {
	r := Fact{Item: p.ID, Title: p.Title, Description: p.Listing.Description, Category: p.Category, Brand: p.Brand, Price: p.Price, Currency: p.Currency, Split: string(from)}
	if !p.UpdatedAt.IsZero() {
		ms := p.UpdatedAt.UnixMilli()
		r.UpdatedAt = &ms
	}
	if len(p.Listing.Attributes) > 0 {
		b, err := json.Marshal(p.Listing.Attributes)
		if err != nil {
			return r, fmt.Errorf("attributes of product %s: %w", p.ID, err)
		}
		r.Attributes = string(b)
	}
	return r, nil
}
