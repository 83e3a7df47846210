package serve

import (
	"context"
	"net/http"
	"time"

	"weft/client"
)

// SimilarQuery asks for the neighbours of a product.
type SimilarQuery struct {
	ProductPath
	K int `query:"k" minimum:"1" maximum:"1000" default:"10" doc:"How many at most"`
}

// SimilarAnswer lists neighbours, the nearest first.
type SimilarAnswer struct {
	Body []client.Neighbour `nullable:"false"`
}

func (s *Server) similar(ctx context.Context, in *SimilarQuery) (*SimilarAnswer, error) {
	t := tenantOf(ctx)
	shelf, ready := t.catalogue.shelf()
	if !ready {
		return nil, reading()
	}
	index := shelf.Content()
	content, known := index.Vector(in.ID)
	if !known { // published a moment ago, or not at all
		_, r, err := s.record(ctx, t, in.product())
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		if content = r.Content; len(content) == 0 {
			content = r.Vector
		}
	}
	leave, err := s.search.enter(ctx, 1)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	defer leave()
	begin := time.Now()
	hits, err := index.Near(ctx, content, Search{K: in.K, Keep: Except(in.ID)})
	s.metrics.search.Observe(time.Since(begin).Seconds())
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	return &SimilarAnswer{neighbours(hits)}, nil
}

func neighbours(hits []Hit) []client.Neighbour {
	found := make([]client.Neighbour, len(hits))
	for i, h := range hits {
		found[i] = client.Neighbour{ID: h.ID, Score: h.Score, Title: h.Title, Category: h.Category, Price: h.Price, Image: h.Image}
	}
	return found
}

// reading is the answer while a generation is read for the first time.
func reading() error {
	return later(problem(http.StatusServiceUnavailable, "the vectors are being read into memory; /readyz tells when that is done"), 2)
}
