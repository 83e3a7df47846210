package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weft/extractors/pixels"
	"weft/tasks"
)

// Query is what is searched for: a photo, or words.
type Query struct {
	Photo []byte // nil: Words
	Words string
}

// WordsQuery asks for the products that words describe.
type WordsQuery struct {
	Tenant string `path:"tenant" doc:"The shop" example:"default"`
	Q      string `query:"q" required:"true" minLength:"1" maxLength:"2000" doc:"What it looks like, what it is" example:"a light blue summer dress"`
	K      int    `query:"k" minimum:"1" maximum:"1000" default:"10" doc:"How many at most"`
}

// PhotoQuery asks for the products that are like a photo, which is the body.
type PhotoQuery struct {
	Tenant string `path:"tenant" doc:"The shop" example:"default"`
	K      int    `query:"k" minimum:"1" maximum:"1000" default:"10" doc:"How many at most"`

	upload ProductUpload
}

// Resolve keeps the request, whose body is read once there is memory for it.
func (q *PhotoQuery) Resolve(ctx huma.Context) []error {
	q.upload.request, q.upload.writer = humago.Unwrap(ctx)
	return nil
}

func (s *Server) searchWords(ctx context.Context, in *WordsQuery) (*SimilarAnswer, error) {
	if strings.TrimSpace(in.Q) == "" {
		return nil, invalid("query.q", in.Q, "want a word at least")
	}
	return s.nearest(ctx, Query{Words: in.Q}, in.K)
}

func (s *Server) searchPhoto(ctx context.Context, in *PhotoQuery) (*SimilarAnswer, error) {
	if tenantOf(ctx).Embed == nil {
		return nil, noEncoder()
	}
	photo, release, err := s.readBody(ctx, &in.upload, s.cfg.MaxImageBytes)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	defer release()
	info, err := pixels.Probe(photo, pixels.Limits{MaxBytes: s.cfg.MaxImageBytes})
	if err != nil {
		return nil, s.explainQuery(ctx, err)
	}
	leave, err := s.pictures.gate.enter(ctx, min(pictureMemory, max(info.Memory, s.pictures.least)))
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	defer leave()
	return s.nearest(ctx, Query{Photo: photo}, in.K)
}

// nearest finds what is like a query, which this process encodes.
func (s *Server) nearest(ctx context.Context, q Query, k int) (*SimilarAnswer, error) {
	t := tenantOf(ctx)
	if t.Embed == nil {
		return nil, noEncoder()
	}
	shelf, ready := t.catalogue.shelf()
	if !ready {
		return nil, reading()
	}
	leave, err := s.search.enter(ctx, 1)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	defer leave()
	vector, err := t.Embed(ctx, q)
	if err != nil {
		return nil, s.explainQuery(ctx, err)
	}
	begin := time.Now()
	var hits []Hit
	if shelf.Len() > 0 {
		hits, err = shelf.Content().Near(ctx, vector, Search{K: k})
	}
	s.metrics.search.Observe(time.Since(begin).Seconds())
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	return &SimilarAnswer{neighbours(hits)}, nil
}

func noEncoder() error {
	return problem(http.StatusNotImplemented, "this server has no encoder loaded, so it cannot tell what is like a photo or words; ask one that `weft up` runs")
}

// explainQuery tells what is wrong with a photo or words.
func (s *Server) explainQuery(ctx context.Context, err error) error {
	var refused *pixels.Error
	switch {
	case errors.As(err, &refused):
		return invalid("body", nil, fmt.Sprintf("%s: %s", refused.Code, refused.Msg))
	case errors.Is(err, ErrEmptyQuery):
		return invalid("query.q", nil, string(tasks.ReasonEmptyText)+": there is nothing to read in it")
	}
	return s.explain(ctx, err)
}

// ErrEmptyQuery: of the words nothing is left that an encoder reads.
var ErrEmptyQuery = errors.New("nothing to search for")
