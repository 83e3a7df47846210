package train

import (
	"math/rand/v2"
	"testing"
)

// Of 400 items 40 are new; every user wants two that sell and, one user in two, a new one that suits. Scores of the new lie below.
func TestExploreIsWorthItsPrice(t *testing.T) {
	const users, items, fresh = 200, 400, 40
	random := rand.New(rand.NewPCG(3, 3))
	j := &judge{items: items}
	var cold []int32
	for i := range fresh {
		cold = append(cold, int32(items-fresh+i))
	}
	scores, personal, level := make([]float32, users*items), make([]float32, users*fresh), make([]float32, users)
	for u := range users {
		truth := []int32{int32(random.IntN(items / 2)), int32(items/2 + random.IntN(items/2-fresh))}
		for i := range items {
			scores[u*items+i] = float32(random.NormFloat64())
		}
		for _, i := range truth {
			scores[u*items+int(i)] += 3
		}
		suits := random.IntN(fresh)
		if u%2 == 0 {
			truth = append(truth, cold[suits])
		}
		for k := range fresh {
			personal[u*fresh+k] = float32(random.NormFloat64() * .3)
			if k == suits {
				personal[u*fresh+k] += 1
			}
			scores[u*items+int(cold[k])] = personal[u*fresh+k] - 2
		}
		level[u] = 1
		j.users, j.truth, j.seen = append(j.users, int32(u)), append(j.truth, truth), append(j.seen, nil)
	}
	var c ColdChoice
	explore([]view{{judge: j, cold: cold, scores: scores, personal: personal, level: level}}, &c)
	if c.ReachedBefore > .1 || c.Reached < .5 || c.Cost > exploreCost || c.Share > exploreShare || c.Share <= 0 {
		t.Errorf("new targets find their place: %+v", c)
	}
	// When nobody wants the new, they stay where they cost nothing worth speaking of.
	for u := range j.truth {
		j.truth[u] = j.truth[u][:2]
	}
	explore([]view{{judge: j, cold: cold, scores: scores, personal: personal, level: level}}, &c)
	if c.Cost > exploreCost || c.Share > exploreShare || c.Reached != 0 {
		t.Errorf("nobody wants them: %+v", c)
	}
}
