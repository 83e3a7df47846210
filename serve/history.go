package serve

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/client"
	"weft/tasks"
)

// HistoryQuery asks what a user did.
type HistoryQuery struct {
	UserPath
	K int `query:"k" minimum:"1" maximum:"1000" default:"50" doc:"How many at most"`
}

// HistoryAnswer is what a user did, the newest first.
type HistoryAnswer struct {
	Body struct {
		Events []PastEvent `json:"events" nullable:"false"`
		More   bool        `json:"more" doc:"There are older ones"`
	}
}

// PastEvent is one thing that a user did.
type PastEvent struct {
	ID         string    `json:"id"`
	Type       string    `json:"type"`
	Time       time.Time `json:"time"`
	Product    string    `json:"product,omitempty"`
	Title      string    `json:"title,omitempty" doc:"Of the product, as it is now"`
	Image      string    `json:"image,omitempty" doc:"Key of the product's main photo below the tenant"`
	Value      *float64  `json:"value,omitempty"`
	Query      string    `json:"query,omitempty" doc:"Of a search"`
	TargetUser string    `json:"target_user,omitempty" doc:"Of a follow"`
}

// history tells what a user did, unless the user has declined profiling.
func (s *Server) history(ctx context.Context, in *HistoryQuery) (*HistoryAnswer, error) {
	r, err := s.recommender(ctx)
	if err != nil {
		return nil, err
	}
	unknown := problem(http.StatusNotFound, fmt.Sprintf("user %q is not known: no event, review or statement is of that user", in.ID))
	if r.Behaviour == nil {
		return nil, unknown
	}
	said, known, err := r.Behaviour.Users.Get(ctx, in.ID)
	switch {
	case err != nil:
		return nil, s.explain(ctx, err)
	case !r.consents(said.Profiling) && known:
		p := problem(http.StatusNotFound, fmt.Sprintf("user %q has not agreed to profiling: nothing is told", in.ID))
		p.Type = client.TypeDeclined
		return nil, p
	case !r.consents(said.Profiling):
		return nil, unknown
	}
	events, more, err := r.Behaviour.Events.Within(ctx, behaviour.UserPrefix(tasks.UserID(in.ID)), clean.MostRows)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	if !known && len(events) == 0 {
		return nil, unknown
	}
	events = slices.Clone(events) // the rows lie in the cache
	slices.SortFunc(events, func(a, b behaviour.Event) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(b.ID, a.ID))
	})
	var out HistoryAnswer
	out.Body.Events, out.Body.More = []PastEvent{}, more || len(events) > in.K
	for _, e := range events[:min(in.K, len(events))] {
		p := PastEvent{ID: e.ID, Type: e.Type, Time: time.UnixMilli(e.Time).UTC(), Product: e.Product, Value: e.Value, Query: e.Query, TargetUser: e.TargetUser}
		if entry, ok := r.Shelf.content.Entry(e.Product); ok {
			p.Title, p.Image = entry.Title, entry.Image
		}
		out.Body.Events = append(out.Body.Events, p)
	}
	return &out, nil
}
