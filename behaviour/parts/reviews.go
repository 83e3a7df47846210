package parts

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"weft/behaviour"
	"weft/storage/lake"
	"weft/tasks"
)

// MostReviews is how many reviews take part in a product's vector.
const MostReviews = 20

// reviewHalfLife, in ms: a review a year older than the newest says half as much.
const reviewHalfLife = 365 * 24 * 3600 * 1000

// ReviewWeight is how much a review says about its product beside the others, 1e-6 to
// about 20: twice as much at the ends of the scale as in the middle, more by the
// logarithm of the votes that found it helpful, and half as much for each year that it
// is older than newest (Unix ms), the newest review of the product.
func ReviewWeight(r *behaviour.ProductReview, newest int64) float64 {
	return max(math.Exp2(logWeight(r)-float64(newest)/reviewHalfLife), 1e-6)
}

// logWeight is the binary logarithm of a weight as of 1970: the order that it gives does
// not depend on which review is the newest.
func logWeight(r *behaviour.ProductReview) float64 {
	distance := 0.5 // without a rating: between the middle and the ends
	if r.Rating != nil && !math.IsNaN(*r.Rating) {
		distance = min(math.Abs(*r.Rating-neutral)/2, 1)
	}
	votes := math.Log2(1 + float64(max(r.Helpful, 0)))
	return math.Log2((0.5+0.5*distance)*(1+0.5*votes)) + float64(r.Time)/reviewHalfLife
}

// fewReviews of one product are read through the lake's cache; more are streamed past
// it.
const fewReviews = 2000

// ReviewsOf picks the reviews of a product from those that the table holds.
func ReviewsOf(ctx context.Context, table *lake.Table[behaviour.ProductReview], id tasks.ProductID) (Reviews, error) {
	return ReviewsBefore(ctx, table, id, math.MaxInt64)
}

// ReviewsBefore is ReviewsOf as it was before a moment (Unix ms): what was written at it or later does not count.
func ReviewsBefore(ctx context.Context, table *lake.Table[behaviour.ProductReview], id tasks.ProductID, before int64) (picked Reviews, err error) {
	prefix := behaviour.ProductPrefix(id)
	rows, more, err := table.Within(ctx, prefix, fewReviews)
	if err != nil {
		return picked, fmt.Errorf("reading the reviews of product %s: %w", id, err)
	}
	if !more {
		for _, r := range rows {
			if r.Time < before {
				picked.Add(r)
			}
		}
		return picked, nil
	}
	for r, err := range table.Select(ctx, lake.Query{Prefix: prefix}) {
		if err != nil {
			return picked, fmt.Errorf("reading the reviews of product %s: %w", id, err)
		}
		if r.Time < before {
			picked.Add(r)
		}
	}
	return picked, nil
}

// Reviews picks, from all reviews of a product in any order, the MostReviews of most
// weight, in bounded memory. The zero value is ready.
type Reviews struct {
	kept []behaviour.ProductReview
}

// Add considers a review. One without words says nothing of its product that could be
// read.
func (r *Reviews) Add(review behaviour.ProductReview) {
	if review.Text == "" {
		return
	}
	at, _ := slices.BinarySearchFunc(r.kept, review, heavier)
	if at == MostReviews {
		return
	}
	r.kept = slices.Insert(r.kept, at, review)
	r.kept = r.kept[:min(len(r.kept), MostReviews)]
}

func heavier(a, b behaviour.ProductReview) int {
	return cmp.Or(cmp.Compare(logWeight(&b), logWeight(&a)), cmp.Compare(a.Key, b.Key))
}

// Kept are the reviews picked, the one of most weight first.
func (r *Reviews) Kept() []behaviour.ProductReview { return r.kept }

// Parts are the reviews picked as parts of the product's sources, in the order of
// their keys.
func (r *Reviews) Parts() []tasks.Part {
	parts := make([]tasks.Part, len(r.kept))
	for i, k := range r.kept {
		parts[i] = tasks.Part{Key: "review/" + k.Key, ETag: k.Digest}
	}
	slices.SortFunc(parts, func(a, b tasks.Part) int { return cmp.Compare(a.Key, b.Key) })
	return parts
}
