package serve

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"weft/storage/vectors"
	"weft/tasks"
)

// Shelf is the products of one generation in memory, to be found in two spaces: by
// what they look like and say (content: which products are alike), and by how they
// rank for a user (the product vector: user · product). While the two vectors of every
// product are the same, as they are untrained, one index serves both. Safe for
// concurrent use; one goroutine at a time sets and removes.
type Shelf struct {
	Generation tasks.Generation

	content *Neighbours
	ranking atomic.Pointer[Neighbours] // nil: content
}

// NewShelf is an empty shelf.
func NewShelf(gen tasks.Generation) *Shelf { return &Shelf{Generation: gen, content: &Neighbours{}} }

// Content finds products that are alike.
func (s *Shelf) Content() *Neighbours { return s.content }

// Ranking finds products for a user. Scores are as of Content where the spaces are one.
func (s *Shelf) Ranking() *Neighbours {
	if r := s.ranking.Load(); r != nil {
		return r
	}
	return s.content
}

// Set adds a product or replaces it. Errors: ErrVector; the product is then not on the
// shelf.
func (s *Shelf) Set(r vectors.Record) error {
	content := r.Content
	if len(content) == 0 {
		content = r.Vector
	}
	if s.ranking.Load() == nil && !slices.Equal(content, r.Vector) {
		if n := s.content.Len(); n > 0 {
			s.Remove(r.ID)
			return fmt.Errorf("%w: product %q ranks by a vector of its own, the %d others by their content", ErrVector, r.ID, n)
		}
		s.ranking.Store(&Neighbours{})
	}
	e := Entry{ID: r.ID, Title: r.Title, Category: r.Category, Price: r.Price, Image: r.Image, Facts: factsOf(r.Attributes), UpdatedAt: r.UpdatedAt}
	err := s.content.Set(e, content)
	if ranking := s.ranking.Load(); err == nil && ranking != nil {
		err = ranking.Set(e, r.Vector)
	}
	if err != nil {
		s.Remove(r.ID)
	}
	return err
}

// Remove takes a product off.
func (s *Shelf) Remove(id string) {
	s.content.Remove(id)
	if r := s.ranking.Load(); r != nil {
		r.Remove(id)
	}
}

// Arrange is that of the indexes, see Neighbours.
func (s *Shelf) Arrange(ctx context.Context) error {
	err := s.content.Arrange(ctx)
	if r := s.ranking.Load(); err == nil && r != nil {
		err = r.Arrange(ctx)
	}
	return err
}

// Len counts the products.
func (s *Shelf) Len() int { return s.content.Len() }

// Bytes is the memory held.
func (s *Shelf) Bytes() int64 {
	n := s.content.Bytes()
	if r := s.ranking.Load(); r != nil {
		n += r.Bytes()
	}
	return n
}

// Score is how well a product suits a user, the cosine of their vectors, from -1 to 1.
// While the user looks at another product, the anchor, it is
// max(0, cos(user, anchor)) · max(0, cos(anchor, product)), from 0 to 1: the user says
// how strongly, the anchor says what. anchor is nil without one. Vectors of all zeros
// suit nothing: 0.
func Score(user, anchor, product []float32) float64 {
	if anchor == nil {
		return cosineOf(user, product)
	}
	return max(0, cosineOf(user, anchor)) * max(0, cosineOf(anchor, product))
}

// cosineOf two vectors of one length.
func cosineOf(a, b []float32) float64 {
	var ab, aa, bb float64
	for i, x := range a {
		ab += float64(x) * float64(b[i])
		aa += float64(x) * float64(x)
		bb += float64(b[i]) * float64(b[i])
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
