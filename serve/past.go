package serve

import (
	"context"
	"fmt"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/behaviour/parts"
	"weft/tasks"
)

// past is what lists need of what a user did.
type past struct {
	why    string          // there may be no vector
	bought map[string]bool // products
	liked  []string        // products that something was done with, each once
}

// past reads which products a user has bought or liked, and why there may be no vector.
func (r *Recommender) past(ctx context.Context, id tasks.UserID) (past, error) {
	if r.Behaviour == nil {
		return past{why: whyUnknown}, nil
	}
	said, known, err := r.Behaviour.Users.Get(ctx, string(id))
	if err != nil {
		return past{}, fmt.Errorf("consent of user %s: %w", id, err)
	}
	if !r.consents(said.Profiling) {
		return past{why: whyDeclined}, nil
	}
	events, _, err := r.Behaviour.Events.Within(ctx, behaviour.UserPrefix(id), clean.MostRows)
	if err != nil {
		return past{}, fmt.Errorf("events of user %s: %w", id, err)
	}
	if !known && len(events) == 0 {
		return past{why: whyUnknown}, nil
	}
	p := past{why: whyNoVector, bought: map[string]bool{}}
	liked := map[string]bool{}
	for i := range events {
		e := &events[i]
		if e.Type == behaviour.Purchase && e.Product != "" {
			p.bought[e.Product] = true
		}
		if e.Product != "" && parts.Weight(e.Type) > 0 && !liked[e.Product] {
			liked[e.Product] = true
			p.liked = append(p.liked, e.Product)
		}
	}
	return p, nil
}

func (r *Recommender) consents(said string) bool { return said == "yes" || said == "" && r.Consent }
