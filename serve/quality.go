package serve

import (
	"context"
	"iter"
	"time"

	"weft/behaviour"
	"weft/behaviour/clean"
	"weft/client"
	"weft/serve/quality"
	"weft/tasks"
)

// recentVectors are those that are compared with the older ones.
const recentVectors = 24 * time.Hour

// newJudge follows the lists that a tenant is served; nil where nothing is known of
// what shoppers do.
func (s *Server) newJudge(t *tenant, m *quality.Metrics) *quality.Judge {
	if t.Behaviour == nil {
		return nil
	}
	events := t.Behaviour.Events
	return quality.NewJudge(quality.Config{
		Tenant: t.name, Metrics: m, Log: s.log,
		Events: func(ctx context.Context, id tasks.UserID) ([]behaviour.Event, error) {
			if err := events.RefreshIfOlder(ctx, 10*rowsAge); err != nil {
				return nil, err
			}
			rows, _, err := events.Within(ctx, behaviour.UserPrefix(id), clean.MostRows)
			return rows, err
		},
		Drift: func() (quality.Drift, bool) {
			shelf, ready := t.catalogue.shelf()
			if !ready {
				return quality.Drift{}, false
			}
			since := time.Now().Add(-recentVectors).UnixMilli()
			return quality.Compare(func() iter.Seq[quality.Vector] { return shelf.content.vectors(since) }), true
		},
	})
}

// served tells the judge of a list, unless its shopper has not agreed to being followed.
func (t *tenant) served(list client.Recommendations) {
	if t.judge == nil || list.Why == whyDeclined {
		return
	}
	ids := make([]string, len(list.Items))
	for i := range list.Items {
		ids[i] = list.Items[i].ID
	}
	t.judge.Served(quality.List{User: tasks.UserID(list.User), Road: list.Road, Items: ids, Popular: t.catalogue.snapshot().ranked})
}

// vectors are all products, each as recent if it was written since, Unix ms. What is
// set or removed meanwhile may be missed.
func (n *Neighbours) vectors(since int64) iter.Seq[quality.Vector] {
	return func(yield func(quality.Vector) bool) {
		n.mu.RLock()
		dim, blocks := n.dim, n.blocks.Load()
		n.mu.RUnlock()
		if blocks == nil {
			return
		}
		for _, b := range *blocks {
			if !b.vectors(dim, since, yield) {
				return
			}
		}
	}
}

func (b *block) vectors(dim int, since int64, yield func(quality.Vector) bool) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for row, e := range b.entries {
		if e != nil && !yield(quality.Vector{Values: b.rows[row*dim:][:dim], Recent: e.UpdatedAt >= since}) {
			return false
		}
	}
	return true
}
