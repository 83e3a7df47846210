package shoppers

import (
	"cmp"
	"math"
	"slices"
)

// Wanted lists what each shopper buys from the cut on and had not bought before, in the order of the first purchase.
// Shoppers who buy nothing new are not in it.
func (s *Simulation) Wanted() map[string][]string {
	bought := map[[2]string]bool{}
	for _, e := range s.Events {
		if e.Type == "purchase" {
			bought[[2]string{e.User, e.Product}] = true
		}
	}
	wanted := map[string][]string{}
	for _, e := range s.Future {
		pair := [2]string{e.User, e.Product}
		if e.Type == "purchase" && !bought[pair] {
			bought[pair] = true
			wanted[e.User] = append(wanted[e.User], e.Product)
		}
	}
	return wanted
}

// Hits is how often lists held what was bought later.
type Hits struct {
	K     int
	Users int     // who bought something new after the cut
	Rate  float64 // share of them with at least one such product among the first K of their list
	Error float64 // standard error of Rate
}

// HitRate measures the lists that a recommender gives, best first, at the first k places. Those who do not want
// anything later are not asked for. Products that a shopper had bought before cannot be hits, so lists do well to leave
// them out.
func (s *Simulation) HitRate(k int, list func(user string) []string) Hits {
	h := Hits{K: k}
	wanted := s.Wanted()
	hits := 0
	for _, u := range s.Users {
		later := wanted[u.ID]
		if len(later) == 0 {
			continue
		}
		h.Users++
		shown := list(u.ID)
		if slices.ContainsFunc(shown[:min(k, len(shown))], func(id string) bool { return slices.Contains(later, id) }) {
			hits++
		}
	}
	if h.Users > 0 {
		h.Rate = float64(hits) / float64(h.Users)
		h.Error = math.Sqrt(h.Rate * (1 - h.Rate) / float64(h.Users))
	}
	return h
}

// Popular is the baseline that shows everybody what was bought most before the cut, less what they have. Ties go by id.
func (s *Simulation) Popular() func(user string) []string {
	count := map[string]int{}
	for _, e := range s.Events {
		if e.Type == "purchase" {
			count[e.Product]++
		}
	}
	ids := s.productIDs()
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(count[b], count[a]) })
	owned := s.owned()
	return func(user string) []string { return without(ids, owned[user]) }
}

// Random is the baseline that shows products in an order drawn for each shopper, less what they have.
func (s *Simulation) Random() func(user string) []string {
	owned := s.owned()
	return func(user string) []string {
		ids := s.productIDs()
		stream(s.seed, "random list of "+user).Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		return without(ids, owned[user])
	}
}

// Best shows products by their true chance of being bought, less what they have: no recommender can expect to beat it.
func (s *Simulation) Best() func(user string) []string {
	owned := s.owned()
	return func(user string) []string {
		i, ok := s.index[user]
		if !ok {
			return nil
		}
		weights := s.tastes.chances(s.tastes.appeal(s.natures[i]), buy)
		order := make([]int, len(weights))
		for j := range order {
			order[j] = j
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weights[b], weights[a]) })
		ids := make([]string, len(order))
		for place, j := range order {
			ids[place] = s.tastes.products[j].ID
		}
		return without(ids, owned[user])
	}
}

func (s *Simulation) productIDs() []string {
	ids := make([]string, len(s.tastes.products))
	for i, p := range s.tastes.products {
		ids[i] = p.ID
	}
	return ids
}

// owned is what each user had bought by the cut.
func (s *Simulation) owned() map[string]map[string]bool {
	owned := map[string]map[string]bool{}
	for _, e := range s.Events {
		if e.Type == "purchase" {
			if owned[e.User] == nil {
				owned[e.User] = map[string]bool{}
			}
			owned[e.User][e.Product] = true
		}
	}
	return owned
}

func without(ids []string, owned map[string]bool) []string {
	list := make([]string, 0, len(ids))
	for _, id := range ids {
		if !owned[id] {
			list = append(list, id)
		}
	}
	return list
}
