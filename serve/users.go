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
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 if the profile is still of these rows, this vector and this day"`
}

// UserAnswer is a user's profile and vector, with a weak entity tag: it names what they are made
// of, since the age of the rows in a profile grows all the time.
type UserAnswer struct {
	ETag string `header:"ETag"`
	Body client.Shopper
}

// userRoutes tell of shoppers.
func (s *Server) userRoutes(api huma.API, errs []int) {
	const user = "/v1/{tenant}/users/{id}"
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "getUser", Method: http.MethodGet, Path: user, Summary: "Read a user's profile and vector", Tags: []string{"shoppers"},
		Description: "The profile is made by rules, from the rows as they are now; each value names what is behind it. `guesses` are what a promoted profile model makes of the vector and of what was touched, calibrated, with `unknown` where it is not sure enough. 404 with type " + client.TypeDeclined +
			" for a user who has not agreed to profiling: nothing is told.", Errors: errs, Responses: map[string]*huma.Response{"304": {Description: "Not modified"}}}), s.user)
	s.recommendRoutes(api, errs)
	s.explainRoutes(api, errs)
}

func (s *Server) user(ctx context.Context, in *UserQuery) (*UserAnswer, error) {
	seen, err := parseTags("If-None-Match", in.IfNoneMatch)
	if err != nil {
		return nil, invalid("header.If-None-Match", in.IfNoneMatch, err.Error())
	}
	r, err := s.recommender(ctx)
	if err != nil {
		return nil, err
	}
	u, rows, err := r.shopper(ctx, tasks.UserID(in.ID))
	if err != nil {
		return nil, s.untold(ctx, tasks.UserID(in.ID), err)
	}
	etag := `W/"` + rows + `"`
	if seen.set && seen.matchesWeakly(rows) {
		return nil, huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"ETag": {etag}})
	}
	return &UserAnswer{etag, u}, nil
}

// untold says why nothing is told of a user.
func (s *Server) untold(ctx context.Context, id tasks.UserID, err error) error {
	switch {
	case errors.Is(err, ErrUnknownUser):
		return problem(http.StatusNotFound, fmt.Sprintf("user %q is not known: no event, review or statement is of that user", id))
	case errors.Is(err, ErrDeclined):
		p := problem(http.StatusNotFound, fmt.Sprintf("user %q has not agreed to profiling: there is no profile and no vector", id))
		p.Type = client.TypeDeclined
		return p
	}
	return s.explain(ctx, err)
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
	var standing Standing
	if t.Standing != nil {
		standing = t.Standing()
	}
	return &Recommender{Standing: standing, Shelf: shelf, Snapshot: t.catalogue.snapshot(), Behaviour: t.Behaviour, Consent: t.Consent, Parts: t.Parts, Model: t.Model, Texts: t.Texts, Guess: t.Guess,
		UserVector: func(ctx context.Context, id tasks.UserID) (vectors.Record, error) {
			return t.Vectors.Get(ctx, shelf.Generation, vectors.User, string(id))
		}}, nil
}
