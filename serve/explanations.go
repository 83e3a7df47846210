package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"weft/client"
	"weft/tasks"
)

// ExplainQuery asks why a product has its score for a user.
type ExplainQuery struct {
	UserPath
	Product string `path:"product" doc:"The product" example:"p1"`
}

// ExplainAnswer says why.
type ExplainAnswer struct{ Body client.Explanation }

func (s *Server) explainRoutes(api huma.API, errs []int) {
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "explain", Method: http.MethodGet, Path: "/v1/{tenant}/users/{id}/explanations/{product}", Summary: "Say why a product has its score for a user",
		Tags: []string{"shoppers"}, Errors: append([]int{http.StatusNotImplemented}, errs...),
		Description: "Shares are exact Shapley values over six sources, made anew through the fusion for each of their 64 sets; they add up to score minus baseline. Evidence says how much the score " +
			"falls without one event, review, photo or listing. 404 with type " + client.TypeDeclined + " for a user who has not agreed to profiling."}), s.explanation)
}

func (s *Server) explanation(ctx context.Context, in *ExplainQuery) (*ExplainAnswer, error) {
	product, err := tasks.ParseProductID(in.Product)
	if err != nil {
		return nil, invalid("path.product", in.Product, err.Error())
	}
	r, err := s.recommender(ctx)
	if err != nil {
		return nil, err
	}
	leave, err := s.search.enter(ctx, 1)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	defer leave()
	e, err := r.Explain(ctx, tasks.UserID(in.ID), product)
	switch {
	case errors.Is(err, ErrProduct):
		if _, _, err := s.record(ctx, tenantOf(ctx), product); err != nil {
			return nil, s.explain(ctx, err)
		}
		return nil, later(problem(http.StatusServiceUnavailable, fmt.Sprintf("product %q is being read into memory; ask again in a moment", product)), 1)
	case errors.Is(err, ErrNoModel):
		return nil, problem(http.StatusNotImplemented, "this server cannot make vectors: it was started without the parts and the model; ask another")
	case err != nil:
		return nil, s.untold(ctx, tasks.UserID(in.ID), err)
	}
	return &ExplainAnswer{e}, nil
}
