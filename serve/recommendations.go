package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/client"
	"weft/tasks"
)

// filterDoc is the grammar of filters, for /openapi.json and --help.
const filterDoc = `Conditions parted by ; that all hold: name:value,value (one of them; "quotes" keep , ; * as they are), name:* (any value), name<9.5 (also <=, > and >=), ` +
	`!condition (the opposite). Names are id, category, price and those of the products' attributes, brand among them; upper and lower case are alike`

const (
	boostDoc   = "Conditions as in filter, each with a star and a factor from 0.1 to 10: category:shoes*1.2;brand:acme*.8. A score below 0 is divided by the factor"
	contextDoc = "Where and when the list is shown: any text, or a JSON object with text, place, weather, season, hour (0 to 23) and device. The answer says what it moved"
	socialDoc  = "followed: those followed contribute, as part of the user's vector. alike: and shoppers who chose the same products. off: nobody does"
)

// RecommendQuery asks for a list.
type RecommendQuery struct {
	UserPath
	K           int     `query:"k" minimum:"1" maximum:"1000" default:"10" doc:"How many at most"`
	Anchor      string  `query:"anchor" doc:"The product being viewed: what goes with the user and with it"`
	PerCategory int     `query:"per_category" minimum:"0" maximum:"1000" doc:"How many may share a category, as far as there are others; 0: four fifths of k, rounded up, and with an anchor any number"`
	Filter      string  `query:"filter" example:"category:shoes,hats;price<50;stock>0"`
	Boost       string  `query:"boost" example:"category:shoes*1.2"`
	Context     string  `query:"context" example:"{\"season\":\"winter\",\"hour\":18}"`
	Diversity   float64 `query:"diversity" minimum:"0" maximum:"1" doc:"How much unlikeness of the items counts beside their scores (maximal marginal relevance)"`
	Bought      string  `query:"bought" enum:"out,in" default:"out" doc:"in: what the user has bought may be listed"`
	Social      string  `query:"social" enum:"followed,alike,off" default:"followed"`
}

// RecommendAnswer is a list.
type RecommendAnswer struct{ Body client.Recommendations }

// BatchQuery asks for the lists of many users, with the same options.
type BatchQuery struct {
	Tenant string `path:"tenant" doc:"The shop" example:"default"`
	Body   struct {
		Users       []string       `json:"users" minItems:"1" maxItems:"1000"`
		K           int            `json:"k,omitempty" minimum:"1" maximum:"1000" default:"10"`
		Anchor      string         `json:"anchor,omitempty"`
		PerCategory int            `json:"per_category,omitempty" minimum:"0" maximum:"1000"`
		Filter      string         `json:"filter,omitempty"`
		Boost       string         `json:"boost,omitempty"`
		Context     client.Context `json:"context,omitempty"`
		Diversity   float64        `json:"diversity,omitempty" minimum:"0" maximum:"1"`
		Bought      string         `json:"bought,omitempty" enum:"out,in" default:"out"`
		Social      string         `json:"social,omitempty" enum:"followed,alike,off" default:"followed"`
	}
}

// recommendRoutes are the lists.
func (s *Server) recommendRoutes(api huma.API, errs []int) {
	list := huma.Operation{OperationID: "recommend", Method: http.MethodGet, Path: "/v1/{tenant}/users/{id}/recommendations", Summary: "List what suits a user", Tags: []string{"shoppers"},
		Description: "What the user has bought is left out, returned or not. A user who is not known, has no vector yet or has not agreed to profiling gets a popular list, " +
			"and road and why say so. What the shop's settings ask of every list (filter, boost) holds beside what is asked here, and the answer names it. 404 for an anchor that is not known or has no vector.", Errors: append([]int{http.StatusNotImplemented}, errs...)}
	huma.Register(api, s.needs(Read, list), s.recommend)
	docs := map[string]string{"filter": filterDoc, "boost": boostDoc, "context": contextDoc, "social": socialDoc}
	for _, p := range api.OpenAPI().Paths[list.Path].Get.Parameters {
		if doc, ok := docs[p.Name]; ok {
			p.Description = doc
		}
	}
	line := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[client.BatchLine](), true, "BatchLine")
	huma.Register(api, s.needs(Read, huma.Operation{OperationID: "recommendAll", Method: http.MethodPost, Path: "/v1/{tenant}/users/recommendations", Summary: "List what suits each of many users",
		Tags: []string{"shoppers"}, DefaultStatus: http.StatusOK, MaxBodyBytes: 1 << 20, Errors: append([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusNotImplemented}, errs...),
		Description: "One line of JSON for each user, in their order, as it is made. What goes wrong for one user is said in its line. It reads and changes nothing.",
		Responses:   map[string]*huma.Response{"200": {Description: "Lists, one a line", Content: map[string]*huma.MediaType{"application/x-ndjson": {Schema: line}}}}}), s.recommendAll)
}

// ask reads the options of a list.
func ask(in RecommendQuery) (Ask, error) {
	a := Ask{User: tasks.UserID(in.ID), Anchor: tasks.ProductID(in.Anchor), K: in.K, PerCategory: in.PerCategory, Diversity: in.Diversity,
		IncludeBought: in.Bought == "in", Social: in.Social}
	if in.Anchor != "" {
		if _, err := tasks.ParseProductID(in.Anchor); err != nil {
			return a, invalid("query.anchor", in.Anchor, err.Error())
		}
	}
	if !(in.Diversity >= 0 && in.Diversity <= 1) { // NaN passes the limits of the schema
		return a, invalid("query.diversity", fmt.Sprint(in.Diversity), "want a number from 0 to 1")
	}
	var err error
	if a.Filter, err = ParseFilter(in.Filter); err != nil {
		return a, invalid("query.filter", shown(in.Filter), err.Error())
	}
	if a.Boosts, err = ParseBoosts(in.Boost); err != nil {
		return a, invalid("query.boost", shown(in.Boost), err.Error())
	}
	if a.Context, err = ParseContext(in.Context); err != nil {
		return a, invalid("query.context", shown(in.Context), err.Error())
	}
	return a, nil
}

// shown is as much of a value as an answer repeats.
func shown(value string) string {
	if len(value) > 200 {
		return value[:200] + "…"
	}
	return value
}

func (s *Server) recommend(ctx context.Context, in *RecommendQuery) (*RecommendAnswer, error) {
	a, err := ask(*in)
	if err != nil {
		return nil, err
	}
	r, err := s.recommender(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.listFor(ctx, r, a)
	if err != nil {
		return nil, err
	}
	return &RecommendAnswer{list}, nil
}

// listFor makes one list when it is its turn.
func (s *Server) listFor(ctx context.Context, r *Recommender, a Ask) (client.Recommendations, error) {
	leave, err := s.search.enter(ctx, 1)
	if err != nil {
		return client.Recommendations{}, s.explain(ctx, err)
	}
	defer leave()
	begin := time.Now()
	list, err := r.Recommend(ctx, a)
	s.metrics.search.Observe(time.Since(begin).Seconds())
	switch {
	case errors.Is(err, ErrAnchor):
		if _, _, err := s.record(ctx, tenantOf(ctx), a.Anchor); err != nil {
			return list, s.explain(ctx, err)
		}
		// Published a moment ago: the shelf is about to follow.
		return list, later(problem(http.StatusServiceUnavailable, fmt.Sprintf("product %q is being read into memory; ask again in a moment", a.Anchor)), 1)
	case errors.Is(err, ErrNoModel):
		return list, problem(http.StatusNotImplemented, "this server cannot make a vector without those followed: it was started without the parts and the model; leave social out, or ask another")
	case err != nil:
		return list, s.explain(ctx, err)
	}
	s.metrics.roads.WithLabelValues(list.Road).Inc()
	tenantOf(ctx).served(list)
	return list, nil
}

func (s *Server) recommendAll(ctx context.Context, in *BatchQuery) (*huma.StreamResponse, error) {
	b := in.Body
	q := RecommendQuery{K: b.K, Anchor: b.Anchor, PerCategory: b.PerCategory, Filter: b.Filter, Boost: b.Boost, Diversity: b.Diversity, Bought: b.Bought, Social: b.Social}
	a, err := ask(q)
	if err != nil {
		return nil, err
	}
	if err := CheckContext(b.Context); err != nil {
		return nil, invalid("body.context", nil, err.Error())
	}
	a.Context = b.Context
	r, err := s.recommender(ctx)
	if err != nil {
		return nil, err
	}
	if a.Anchor != "" { // what would fail for everybody fails at once
		if _, known := r.Shelf.Content().Entry(b.Anchor); !known {
			a.User = "nobody"
			if _, err := s.listFor(ctx, r, a); err != nil {
				return nil, err
			}
		}
	}
	return &huma.StreamResponse{Body: func(to huma.Context) {
		to.SetHeader("Content-Type", "application/x-ndjson")
		out := json.NewEncoder(to.BodyWriter())
		for _, user := range b.Users {
			line := client.BatchLine{User: user}
			if _, err := tasks.ParseUserID(user); err != nil {
				line.Problem = err.Error()
			} else {
				a.User = tasks.UserID(user)
				if list, err := s.listFor(ctx, r, a); err != nil {
					line.Problem = err.Error()
				} else {
					line.List = &list
				}
			}
			if ctx.Err() != nil || out.Encode(line) != nil {
				return // the client left, or the server stops
			}
		}
	}}, nil
}
