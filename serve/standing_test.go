package serve_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"weft/client"
	"weft/serve"
	"weft/storage/vectors"
	"weft/tasks"
)

func TestStandingFilterAndBoosts(t *testing.T) {
	for _, set := range []tasks.Settings{{Filter: "stock"}, {Boost: "brand:acme*99"}, {Boost: "brand:acme"}, {Filter: strings.Repeat("a", 5000) + ":b"}} {
		if _, err := serve.ParseStanding(set); !errors.Is(err, tasks.ErrSettings) || !errors.Is(err, serve.ErrClause) {
			t.Errorf("%.60v: %v", set, err)
		}
	}
	standing, err := serve.ParseStanding(tasks.Settings{Filter: "!id:p3", Boost: "id:p2*2"})
	if err != nil {
		t.Fatal(err)
	}
	now := serve.Standing{}
	s := open(t, func(c *serve.Config) {
		shop := c.Tenants["shop"]
		shop.Standing = func() serve.Standing { return now }
		c.Tenants["shop"] = shop
		m := shop.Vectors.(*memory)
		m.put(gen, "p1", 1, 0)
		m.put(gen, "p2", .8, .6)
		m.put(gen, "p3", .96, .28)
		m.users["u1"] = vectors.Record{ID: "u1", Vector: []float32{1, 0}, UpdatedAt: 1}
	})
	s.ready(t)
	ask := func(user string, o client.RecommendOptions) (client.Recommendations, []string) {
		t.Helper()
		list, err := s.client.Recommend(t.Context(), user, o)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, item := range list.Items {
			ids = append(ids, item.ID)
		}
		return list, ids
	}
	if list, ids := ask("u1", client.RecommendOptions{}); !slices.Equal(ids, []string{"p1", "p3", "p2"}) || list.Standing != nil || list.Boosts != nil {
		t.Errorf("nothing stands: %v, %+v", ids, list)
	}
	now = standing
	list, ids := ask("u1", client.RecommendOptions{})
	if !slices.Equal(ids, []string{"p2", "p1"}) || list.Standing == nil || list.Standing.Text != "!id:p3" || list.Filter != nil ||
		len(list.Boosts) != 1 || !list.Boosts[0].Standing || list.Boosts[0].Items != 1 || !slices.Equal(list.Items[0].Adjusted.Reasons, []string{"standing boost id:p2 x2"}) {
		t.Errorf("%v, %+v", ids, list)
	}
	list, ids = ask("u1", client.RecommendOptions{Filter: "!id:p2", Boost: "id:p1*1.5"})
	if !slices.Equal(ids, []string{"p1"}) || list.Filter.Text != "!id:p2" || list.Standing.Text != "!id:p3" || len(list.Boosts) != 2 || list.Boosts[1].Standing {
		t.Errorf("beside a request's: %v, %+v", ids, list)
	}
	if list, ids = ask("nobody", client.RecommendOptions{Anchor: "p3"}); slices.Contains(ids, "p3") || list.Standing == nil {
		t.Errorf("one who is not known: %v, %+v", ids, list)
	}
	lines, err := s.client.RecommendAll(t.Context(), []string{"u1"}, client.RecommendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if line.List == nil || line.List.Standing == nil || len(line.List.Items) != 2 {
			t.Errorf("in a batch: %+v", line)
		}
	}
}
