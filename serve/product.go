package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"weft/client"
	"weft/storage/vectors"
	"weft/tasks"
)

// ProductQuery asks for a product.
type ProductQuery struct {
	ProductPath
	Vectors     bool   `query:"vectors" default:"true" doc:"false leaves vector and content out"`
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 if the vectors are still these"`
}

// ProductAnswer is a product with a weak entity tag: it names the vectors, not the
// listing, so that no write can be made conditional on it.
type ProductAnswer struct {
	ETag string `header:"ETag"`
	Body client.Product
}

func (s *Server) getProduct(ctx context.Context, in *ProductQuery) (*ProductAnswer, error) {
	known, err := parseTags("If-None-Match", in.IfNoneMatch)
	if err != nil {
		return nil, invalid("header.If-None-Match", in.IfNoneMatch, err.Error())
	}
	t := tenantOf(ctx)
	gen, r, err := s.record(ctx, t, in.product())
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	shape := "v"
	if !in.Vectors {
		shape = "i"
	}
	opaque := fmt.Sprintf("%s-%s-%s", gen, strconv.FormatInt(r.UpdatedAt, 36), shape)
	etag := `W/"` + opaque + `"`
	if known.set && known.matchesWeakly(opaque) {
		return nil, huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"ETag": {etag}})
	}
	return &ProductAnswer{ETag: etag, Body: productOf(string(gen), r, in.Vectors)}, nil
}

// record reads a product of the live generation, or says as exactly as it can why
// there is none.
func (s *Server) record(ctx context.Context, t *tenant, id tasks.ProductID) (tasks.Generation, vectors.Record, error) {
	gen, err := t.Vectors.Live(ctx)
	if err != nil {
		return "", vectors.Record{}, err
	}
	r, err := t.Vectors.Get(ctx, gen, vectors.Product, string(id))
	if errors.Is(err, vectors.ErrNotFound) {
		err = s.missing(ctx, t, id)
	}
	return gen, r, err
}

// missing explains why a product has no vector: nothing is known of it, its media
// wait, or they were given up.
func (s *Server) missing(ctx context.Context, t *tenant, id tasks.ProductID) error {
	media := map[string]string{} // key → ETag
	for info, err := range t.Objects.List(ctx, tasks.ProductPrefix(id), "") {
		if err != nil {
			return err
		}
		if m := tasks.ParseMediaKey(info.Key); m.Modality != "" {
			media[info.Key] = info.ETag
		}
	}
	if len(media) == 0 {
		return problem(http.StatusNotFound, fmt.Sprintf("product %q is not known: it has neither a %s nor a photo; put one first", id, tasks.ListingName))
	}
	var dead []DeadMedium
	if s.cfg.Dead != nil {
		var err error
		if dead, err = s.cfg.Dead(ctx, t.name, id); err != nil {
			return err
		}
	}
	// A letter about an object that is gone or was replaced explains nothing.
	dead = slices.DeleteFunc(dead, func(d DeadMedium) bool { return media[d.Key] == "" || media[d.Key] != d.ETag })
	p := problem(http.StatusNotFound, "")
	for _, d := range dead {
		p.Errors = append(p.Errors, &huma.ErrorDetail{Location: d.Key, Value: string(d.Reason), Message: d.Message})
	}
	if len(dead) == len(media) {
		p.Type = client.TypeDead
		p.Detail = fmt.Sprintf("product %q has no vector: each of its %d media was given up; replace them", id, len(media))
		return p
	}
	p.Type = client.TypeWaiting
	p.Detail = fmt.Sprintf("product %q has no vector yet: %d of its %d media wait; ask again in a moment", id, len(media)-len(dead), len(media))
	return later(p, 1)
}
