package fusion

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Model makes vectors of what was gathered of products and shoppers. Concat needs no training; package towers runs what
// was trained. A model is immutable and safe for concurrent use.
//
// Both calls take a batch and give as many results in its order. An error is the whole batch's, so whoever wants to know
// which item is at fault gives halves of it.
type Model interface {
	// Dim is the length of the vectors in ranking space.
	Dim() int
	// Products needs at least one part of each product.
	Products(ctx context.Context, batch []ProductParts) ([]ProductVectors, error)
	// Users gives no vector (nil) where nothing that is known speaks for anything.
	Users(ctx context.Context, batch []UserParts) ([]UserVector, error)
}

// ErrUnavailable marks a model that cannot be had now (its files are missing or damaged): no part is to blame.
var ErrUnavailable = errors.New("fusion model is unavailable")

// ProductParts is what is known of one product.
type ProductParts struct {
	ID    string
	Parts []Part   // in a fixed order, where equal input must give equal bytes; the first of a modality is its main one
	Price *float64 // as the listing says; nil: none given
	// Unpopular leaves out how much the product is chosen, where a model knows that: for explanations.
	Unpopular bool
}

// ProductVectors is what a model makes of a product, each of unit length.
type ProductVectors struct {
	Vector     []float32 // ranking space: user · product is the score
	Content    []float32 // what the product looks like and says; may share memory with Vector
	Source     []float32 // what histories that hold the product are summed from; nil: Vector, or what the model keeps of it
	Modalities []string  // that took part
}

// UserParts is what is known of one shopper.
type UserParts struct {
	ID     string
	Parts  []UserPart // in a fixed order, where equal input must give equal bytes
	Newest int64      // Unix ms that ages count back from: when the newest thing known happened
	// Choices are the products that speak for the shopper, all acts of each taken together: what a trained model sums.
	Choices []Choice
}

// Choice is a product that speaks for a shopper.
type Choice struct {
	Product string
	Source  []float32 // its stored row for the sums; nil: the model has it, or it has none
	Last    int64     // Unix ms of the newest act
	Weight  float64   // of all acts
}

// UserVector is what a model makes of a shopper.
type UserVector struct {
	Vector     []float32 // of unit length, in the products' ranking space; nil: nothing speaks for anything
	Modalities []string  // that took part
}

// ReviewModality is the modality of the texts of reviews.
const ReviewModality = "review"

// The modalities of photos, and of the text whose block the words of shoppers go through.
const (
	imageModality = "image"
	textModality  = "text"
)

// Products is Fuse for each; the ranking space is that of content.
func (f *Concat) Products(_ context.Context, batch []ProductParts) ([]ProductVectors, error) {
	out := make([]ProductVectors, len(batch))
	for i := range batch {
		v, modalities, err := f.Fuse(batch[i].Parts)
		if err != nil {
			return nil, fmt.Errorf("product %s: %w", batch[i].ID, err)
		}
		out[i] = ProductVectors{Vector: v, Content: v, Modalities: modalities}
	}
	return out, nil
}

// Users is User for each, words and attributes being brought into product space as a product with nothing but text.
func (f *Concat) Users(_ context.Context, batch []UserParts) ([]UserVector, error) {
	out := make([]UserVector, len(batch))
	for i := range batch {
		parts := slices.Clone(batch[i].Parts)
		for k, p := range parts {
			if p.Group != Words && p.Group != Attributes {
				continue
			}
			v, _, err := f.Fuse([]Part{{Modality: textModality, Weight: 1, Vector: p.Vector}})
			if err != nil {
				return nil, fmt.Errorf("user %s: part %d: %w", batch[i].ID, k, err)
			}
			parts[k].Vector = v
		}
		v, modalities, err := User(parts)
		if errors.Is(err, ErrNoParts) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", batch[i].ID, err)
		}
		out[i] = UserVector{Vector: v, Modalities: modalities}
	}
	return out, nil
}
