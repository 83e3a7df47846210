package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/client"
	"weft/storage/vectors"
	"weft/tasks"
)

// UserPath is a tenant and a user in a path.
type UserPath struct {
	Tenant string `path:"tenant" doc:"The shop" example:"default"`
	ID     string `path:"id" doc:"The user" example:"u1"`
}

// Resolve refuses an id outside the alphabet. The tenant has been checked before.
func (p *UserPath) Resolve(huma.Context) []error {
	if _, err := tasks.ParseUserID(p.ID); err != nil {
		return []error{&huma.ErrorDetail{Location: "path.id", Value: p.ID, Message: err.Error()}}
	}
	return nil
}

// UserQuery asks for a user.
type UserQuery struct {
	UserPath
}

// UserAnswer is a user's profile and vector.
type UserAnswer struct{ Body client.Shopper }

// RecommendQuery asks for a list.
type RecommendQuery struct {
	UserPath
	K           int    `query:"k" minimum:"1" maximum:"1000" default:"10" doc:"How many at most"`
	Anchor      string `query:"anchor" doc:"The product being viewed: what goes with the user and with it"`
	PerCategory int    `query:"per_category" minimum:"0" maximum:"1000" doc:"How many may share a category, as far as there are others; 0: four fifths of k, rounded up, and with an anchor any number"`
}

// RecommendAnswer is a list.
type RecommendAnswer struct{ Body client.Recommendations }

// userRoutes are the two that tell of shoppers.
func (s *Server) userRoutes(api huma.API, errs []int) {
	const user = "/v1/{tenant}/users/{id}"
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "getUser", Method: http.MethodGet, Path: user, Summary: "Read a user's profile and vector", Tags: []string{"shoppers"},
		Description: "The profile is made by rules, from the rows as they are now; each value names what is behind it. 404 with type " + client.TypeDeclined +
			" for a user who has not agreed to profiling: nothing is told.", Errors: errs}), s.user)
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "recommend", Method: http.MethodGet, Path: user + "/recommendations", Summary: "List what suits a user", Tags: []string{"shoppers"},
		Description: "What the user has bought is left out, returned or not. A user who is not known, has no vector yet or has not agreed to profiling gets a popular list, " +
			"and road and why say so. 404 for an anchor that is not known or has no vector.", Errors: errs}), s.recommend)
}

func (s *Server) user(ctx context.Context, in *UserQuery) (*UserAnswer, error) {
	r, err := s.recommender(ctx)
	if err != nil {
		return nil, err
	}
	u, err := r.Shopper(ctx, tasks.UserID(in.ID))
	switch {
	case errors.Is(err, ErrUnknownUser):
		return nil, problem(http.StatusNotFound, fmt.Sprintf("user %q is not known: no event, review or statement is of that user", in.ID))
	case errors.Is(err, ErrDeclined):
		p := problem(http.StatusNotFound, fmt.Sprintf("user %q has not agreed to profiling: there is no profile and no vector", in.ID))
		p.Type = client.TypeDeclined
		return nil, p
	case err != nil:
		return nil, s.explain(ctx, err)
	}
	return &UserAnswer{u}, nil
}

func (s *Server) recommend(ctx context.Context, in *RecommendQuery) (*RecommendAnswer, error) {
	if in.Anchor != "" {
		if _, err := tasks.ParseProductID(in.Anchor); err != nil {
			return nil, invalid("query.anchor", in.Anchor, err.Error())
		}
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
	begin := time.Now()
	list, err := r.Recommend(ctx, Ask{User: tasks.UserID(in.ID), Anchor: tasks.ProductID(in.Anchor), K: in.K, PerCategory: in.PerCategory})
	s.metrics.search.Observe(time.Since(begin).Seconds())
	if errors.Is(err, ErrAnchor) {
		if _, _, err := s.record(ctx, tenantOf(ctx), tasks.ProductID(in.Anchor)); err != nil {
			return nil, s.explain(ctx, err)
		}
		// Published a moment ago: the shelf is about to follow.
		return nil, later(problem(http.StatusServiceUnavailable, fmt.Sprintf("product %q is being read into memory; ask again in a moment", in.Anchor)), 1)
	}
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	s.metrics.roads.WithLabelValues(list.Road).Inc()
	tenantOf(ctx).served(list)
	return &RecommendAnswer{list}, nil
}

// rowsAge is how old what is known of shoppers' rows may be: what this process stored
// itself is seen at once, what others stored within this time.
const rowsAge = time.Second

// recommender answers for the tenant that the request was admitted to.
func (s *Server) recommender(ctx context.Context) (*Recommender, error) {
	t := tenantOf(ctx)
	shelf, ready := t.catalogue.shelf()
	if !ready {
		return nil, reading()
	}
	if b := t.Behaviour; b != nil {
		if err := errors.Join(b.Events.RefreshIfOlder(ctx, rowsAge), b.Users.RefreshIfOlder(ctx, rowsAge), b.Reviews.RefreshIfOlder(ctx, rowsAge)); err != nil {
			return nil, s.explain(ctx, err)
		}
	}
	return &Recommender{Shelf: shelf, Snapshot: t.catalogue.snapshot(), Behaviour: t.Behaviour, Consent: t.Consent,
		UserVector: func(ctx context.Context, id tasks.UserID) (vectors.Record, error) {
			return t.Vectors.Get(ctx, shelf.Generation, vectors.User, string(id))
		}}, nil
}
