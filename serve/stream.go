package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weft/client"
	"weft/storage/vectors"
)

// Lists without end are answered as lines of JSON, as they are read: neither side holds more
// than a few. A stream that was told whole ends like any answer, one that was not is cut, so
// that nobody takes a part for the whole.

const (
	// flushBytes go out together, unless flushEvery passes before: who follows wants each
	// line soon, who reads all wants it cheap.
	flushBytes = 64 << 10
	flushEvery = 250 * time.Millisecond
	// aliveEvery is how often an idle stream says so, by an empty line.
	aliveEvery = 10 * time.Second
)

// VectorsQuery asks for all products of the live generation.
type VectorsQuery struct {
	Tenant  string `path:"tenant" doc:"The shop" example:"default"`
	Since   int64  `query:"since" minimum:"0" doc:"Only products whose vectors were published at this time or later, Unix milliseconds"`
	Vectors bool   `query:"vectors" default:"true" doc:"false leaves vector and content out"`
}

// UpdatesQuery asks for what changed.
type UpdatesQuery struct {
	Tenant string `path:"tenant" doc:"The shop" example:"default"`
	After  string `query:"after" maxLength:"41" pattern:"^([0-9]{1,20}(-[0-9]{1,20})?)?$" doc:"The position of an update: only those after it. 0-0: from the oldest one that is kept. Left out: only what comes from now on"`
	Follow bool   `query:"follow" doc:"Go on until the connection ends, with an empty line at least every 10 s. Otherwise the answer ends with the newest update that is there"`
}

// streamRoutes are those that answer in lines.
func (s *Server) streamRoutes(api huma.API, errs []int) {
	errs = append([]int{http.StatusTooManyRequests}, errs...)
	lines := func(of string) map[string]*huma.Response {
		return map[string]*huma.Response{"200": {Description: of, Content: map[string]*huma.MediaType{"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	}
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "streamProducts", Method: http.MethodGet, Path: "/v1/{tenant}/vectors/products", Tags: []string{"read"},
		Summary: "Read all products with their vectors", Description: "One JSON object on each line, as getProduct has it, in any order; one that is written meanwhile may come twice. A stream that is cut was not whole.",
		Errors: errs, Responses: lines("One product on each line")}), s.streamProducts)
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "streamUpdates", Method: http.MethodGet, Path: "/v1/{tenant}/updates", Tags: []string{"read"},
		Summary: "Hear which vectors were written or deleted", Description: "One JSON object on each line: position, kind (product or user), id, generation, updated_at. To go on later, give the last position as after. " +
			"410 when what followed that position is gone: read all products again, then follow from a position that was asked for before.",
		Errors: append(errs, http.StatusGone), Responses: lines("One update on each line")}), s.streamUpdates)
}

// productOf is a record as HTTP tells it.
func productOf(generation string, r vectors.Record, withVectors bool) client.Product {
	p := client.Product{
		ID: r.ID, Modalities: r.Modalities, SourceVersion: r.SourceVersion, Sources: r.Sources, UpdatedAt: r.UpdatedAt,
		Title: r.Title, Category: r.Category, Price: r.Price, Image: r.Image, Attributes: Attributes(r.Attributes), Generation: generation,
	}
	if p.Modalities == nil {
		p.Modalities = []string{}
	}
	if withVectors {
		p.Vector, p.Content = r.Vector, r.Content
		if len(p.Content) == 0 {
			p.Content = r.Vector
		}
	}
	return p
}

func (s *Server) streamProducts(ctx context.Context, in *VectorsQuery) (*huma.StreamResponse, error) {
	t := tenantOf(ctx)
	gen, err := t.Vectors.Live(ctx)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	return s.stream(ctx, func(ctx context.Context, out *lineWriter) error {
		for r, err := range t.Vectors.All(ctx, gen, vectors.Product) {
			switch {
			case errors.Is(err, vectors.ErrCorrupt): // of one record: repair replaces it
				s.log.LogAttrs(ctx, slog.LevelWarn, "a product was left out of a stream", slog.String("tenant", string(t.name)), slog.Any("error", err))
			case err != nil:
				return err
			case r.UpdatedAt >= in.Since:
				if err := out.line(productOf(string(gen), r, in.Vectors)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (s *Server) streamUpdates(ctx context.Context, in *UpdatesQuery) (*huma.StreamResponse, error) {
	t := tenantOf(ctx)
	last, err := t.Vectors.Last(ctx)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	after := in.After
	if after == "" {
		after = last
	}
	return s.stream(ctx, func(ctx context.Context, out *lineWriter) error {
		if !in.Follow && !older(after, last) {
			return nil
		}
		for u, err := range t.Vectors.Follow(ctx, after) {
			if err != nil {
				return err
			}
			if err := out.line(client.Update{Position: u.Position, Kind: string(u.Kind), ID: u.ID, Generation: string(u.Generation), UpdatedAt: u.UpdatedAt}); err != nil {
				return err
			}
			if !in.Follow && !older(u.Position, last) {
				return nil
			}
		}
		return ctx.Err()
	})
}

// older tells whether position a of the update stream comes before b.
func older(a, b string) bool {
	part := func(position string) (ms, n uint64) {
		left, right, _ := strings.Cut(position, "-")
		ms, _ = strconv.ParseUint(left, 10, 64)
		n, _ = strconv.ParseUint(right, 10, 64)
		return ms, n
	}
	ams, an := part(a)
	bms, bn := part(b)
	return ams < bms || ams == bms && an < bn
}

// stream answers with the lines that tell writes. An error before the first of them is
// answered as such, one after it cuts the answer. The time of an answer does not bound it,
// but that of a write does, and the end of the server.
func (s *Server) stream(ctx context.Context, tell func(context.Context, *lineWriter) error) (*huma.StreamResponse, error) {
	ended := tenantOf(ctx).ended
	leave, err := s.streams.enter(ctx, 1)
	if errors.Is(err, errBusy) {
		return nil, later(problem(http.StatusTooManyRequests, fmt.Sprintf("%d streams are under way already, and no more are told; come back in a while", s.cfg.MaxStreams)), 5)
	}
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer leave()
		r, w := humago.Unwrap(hc)
		ctx, cancel := context.WithCancel(untimed(r.Context()))
		defer cancel()
		defer context.AfterFunc(ended, cancel)()
		out := &lineWriter{w: w, control: http.NewResponseController(w), patience: s.cfg.RequestTimeout}
		alive := out.keepAlive(ctx, cancel)
		err := tell(ctx, out)
		cancel()
		<-alive
		switch {
		case err == nil || ended.Err() != nil: // a server that stops, or a tenant that is opened anew, ends what is followed
			err = out.end()
		case !out.begun && r.Context().Err() == nil:
			writeError(w, s.explain(r.Context(), err))
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// writeError answers with what explain made of an error.
func writeError(w http.ResponseWriter, err error) {
	var p *huma.ErrorModel
	var with huma.HeadersError
	if errors.As(err, &with) {
		for name, values := range with.GetHeaders() {
			w.Header()[name] = values
		}
	}
	if !errors.As(err, &p) {
		p = problem(http.StatusInternalServerError, "the server failed")
	}
	writeProblem(w, p)
}
