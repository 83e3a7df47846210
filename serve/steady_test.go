package serve_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"weft/client"
	"weft/serve"
	"weft/storage/vectors"
)

// While products are written, moved and deleted, every list is whole, names nothing twice and leaves out what was bought; what
// was written at last is in a list soon after.
func TestListsWhileProductsStream(t *testing.T) {
	const products, dim, askers, lists = 500, 16, 4, 60
	r := rand.New(rand.NewPCG(8, 9))
	vector := func() []float32 { return randomUnit(r, dim) }
	s := open(t, func(c *serve.Config) {
		shop := c.Tenants["shop"]
		rows := newPeople(t, shop.Objects)
		shop.Behaviour, shop.Consent = rows.tables, true
		c.Tenants["shop"] = shop
		m := shop.Vectors.(*memory)
		for i := range products {
			m.put(gen, fmt.Sprintf("p%03d", i), vector()...)
		}
		for i := range askers {
			user := fmt.Sprint("u", i)
			m.users[user] = vectors.Record{ID: user, Vector: vector(), UpdatedAt: 1}
			rows.did(user, "purchase", fmt.Sprintf("p%03d", i), 3)
		}
		rows.store()
	})
	s.ready(t)
	var asking sync.WaitGroup
	for i := range askers {
		asking.Go(func() {
			user, bought := fmt.Sprint("u", i), fmt.Sprintf("p%03d", i)
			for range lists {
				list, err := s.client.Recommend(t.Context(), user, client.RecommendOptions{K: 20})
				if err != nil || len(list.Items) != 20 || list.Road != client.RoadPersonal {
					t.Errorf("%s: %d items by road %q: %v", user, len(list.Items), list.Road, err)
					return
				}
				seen := map[string]bool{bought: true}
				for _, item := range list.Items {
					if seen[item.ID] {
						t.Errorf("%s: %s is listed twice, or was bought", user, item.ID)
					}
					seen[item.ID] = true
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { asking.Wait(); close(done) }()
	for i := 0; ; i++ {
		select {
		case <-done:
			s.vectors.put(gen, "the-newest", s.vectors.users["u0"].Vector...)
			eventually(t, "what was written last is the first of a list", func() bool {
				list, err := s.client.Recommend(t.Context(), "u0", client.RecommendOptions{K: 1})
				return err == nil && len(list.Items) == 1 && list.Items[0].ID == "the-newest"
			})
			return
		default:
			id := fmt.Sprintf("p%03d", askers+r.IntN(products-askers))
			if i%5 == 0 {
				s.vectors.drop(gen, id)
			} else {
				s.vectors.put(gen, id, vector()...)
			}
		}
	}
}
