package serve_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/behaviour/profile"
	"weft/client"
	"weft/serve"
	"weft/storage/vectors"
	"weft/tasks"
)

// peopled is a running server over a hundred products whose tenant "shop" has rows of
// shoppers; "known" has a vector.
func peopled(t *testing.T) (*shop, *people) {
	t.Helper()
	var p *people
	s := open(t, func(c *serve.Config) {
		shop := c.Tenants["shop"]
		p = newPeople(t, shop.Objects)
		shop.Behaviour, shop.Consent = p.tables, true
		c.Tenants["shop"] = shop
		c.Tenants["elsewhere"] = serve.Tenant{Objects: shop.Objects, Vectors: newMemory()}
		m := shop.Vectors.(*memory)
		r := rand.New(rand.NewPCG(3, 4))
		for i := range 100 {
			m.put(gen, fmt.Sprintf("p%02d", i), randomUnit(r, 8)...)
		}
		m.users["known"] = vectors.Record{ID: "known", Vector: randomUnit(r, 8), Modalities: []string{"behaviour"}, SourceVersion: 4, Sources: "s", UpdatedAt: 5}
		p.said("known", "yes")
		p.said("shy", "no")
		p.did("known", "purchase", "p07", 3)
		p.did("known", "view", "p08", 2)
		p.did("new", "view", "p08", 1)
		p.store()
	})
	s.ready(t)
	return s, p
}

func TestUserOverHTTP(t *testing.T) {
	s, _ := peopled(t)
	u, err := s.client.Shopper(t.Context(), "known")
	if err != nil {
		t.Fatal(err)
	}
	if u.Vector == nil || len(u.Vector.Values) != 8 || u.Vector.UpdatedAt != 5 || u.Vector.Generation != string(gen) || !slices.Equal(u.Vector.Modalities, []string{"behaviour"}) {
		t.Errorf("vector %+v", u.Vector)
	}
	if p := u.Profile; p.Activity.Events != 2 || p.Value.Baskets != 1 || len(p.Attributes) == 0 || p.Price == nil || p.Price.Evidence.Products[0] != "p07" {
		t.Errorf("profile %+v", p)
	}
	if u, err := s.client.Shopper(t.Context(), "new"); err != nil || u.Vector != nil || u.Profile.Activity.Events != 1 {
		t.Errorf("a user without a vector: %+v, %v", u, err)
	}
	if _, err := s.client.Shopper(t.Context(), "shy"); !errors.Is(err, client.ErrDeclined) || !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a user who declined: %v", err)
	}
	if _, err := s.client.Shopper(t.Context(), "nobody"); !errors.Is(err, client.ErrNotFound) || errors.Is(err, client.ErrDeclined) {
		t.Errorf("a user who is not known: %v", err)
	}
	if _, err := s.as(t, "elsewhere", "").Shopper(t.Context(), "known"); err == nil {
		t.Error("another tenant knows the user")
	}
}

func TestRecommendationsOverHTTP(t *testing.T) {
	s, p := peopled(t)
	for _, tc := range []struct {
		user, anchor, road string
	}{
		{"known", "", client.RoadPersonal}, {"known", "p09", client.RoadAnchor}, {"new", "", client.RoadPopular}, {"shy", "", client.RoadPopular},
		{"nobody", "", client.RoadPopular}, {"nobody", "p09", client.RoadPopularInCategory},
	} {
		got, err := s.client.Recommend(t.Context(), tc.user, client.RecommendOptions{Anchor: tc.anchor})
		if err != nil || got.Road != tc.road || len(got.Items) != 10 || got.User != tc.user || got.Generation != string(gen) {
			t.Errorf("%s beside %q: %+v, %v; want road %s", tc.user, tc.anchor, got, err, tc.road)
		}
		if (got.Why == "") != (tc.road == client.RoadPersonal || tc.road == client.RoadAnchor) {
			t.Errorf("%s: %q", tc.user, got.Why)
		}
		if slices.Contains(ids(got), tc.anchor) || tc.user == "known" && slices.Contains(ids(got), "p07") {
			t.Errorf("%s is shown what is viewed or bought: %v", tc.user, ids(got))
		}
	}
	// A purchase is gone from the very next list.
	before, err := s.client.Recommend(t.Context(), "known", client.RecommendOptions{K: 1})
	if err != nil {
		t.Fatal(err)
	}
	p.did("known", "purchase", before.Items[0].ID, 0)
	p.store()
	if after, err := s.client.Recommend(t.Context(), "known", client.RecommendOptions{K: 1000}); err != nil || len(after.Items) != 98 || slices.Contains(ids(after), before.Items[0].ID) {
		t.Errorf("after the purchase of %s: %d items, %v", before.Items[0].ID, len(after.Items), err)
	}
	if _, err := s.client.Recommend(t.Context(), "known", client.RecommendOptions{Anchor: "absent"}); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("an anchor that is not known: %v", err)
	}
	if _, err := s.as(t, "elsewhere", "").Recommend(t.Context(), "known", client.RecommendOptions{}); err != nil && !errors.Is(err, client.ErrUnavailable) {
		t.Error(err)
	}
}

func TestBadUserRequests(t *testing.T) {
	s, _ := peopled(t)
	long := strings.Repeat("x", 129)
	for _, tc := range []struct {
		path   string
		status int
	}{
		{"/users/known/recommendations?k=0", 422}, {"/users/known/recommendations?k=1000000000", 422}, {"/users/known/recommendations?k=-1", 422},
		{"/users/known/recommendations?k=ten", 422}, {"/users/known/recommendations?k=99999999999999999999", 422}, {"/users/known/recommendations?per_category=-1", 422},
		{"/users/known/recommendations?anchor=" + url.QueryEscape("{p}"), 422}, {"/users/known/recommendations?anchor=" + url.QueryEscape("a\x00b"), 422},
		{"/users/known/recommendations?anchor=" + long, 422}, {"/users/known/recommendations?anchro=p1", 422},
		{"/users/known/recommendations?anchor=absent", 404},
		{"/users/known/recommendations?filter=price%3Ccheap", 422}, {"/users/known/recommendations?filter=" + strings.Repeat("a", 5000), 422},
		{"/users/known/recommendations?boost=category:x*11", 422}, {"/users/known/recommendations?context=" + strings.Repeat("a", 5000), 422},
		{"/users/known/recommendations?context=%7B%22hour%22%3A99%7D", 422}, {"/users/known/recommendations?context=%00", 422}, {"/users/known/recommendations?diversity=1.1", 422},
		{"/users/known/recommendations?diversity=NaN", 422}, {"/users/known/recommendations?bought=maybe", 422}, {"/users/known/recommendations?social=yes", 422},
		{"/users/known/recommendations?social=off", 501},
		{"/users/known/explanations/p01", 501}, {"/users/known/explanations/absent", 404}, {"/users/shy/explanations/p01", 404}, {"/users/nobody/explanations/p01", 404},
		{"/users/known/explanations/" + url.PathEscape("{x}"), 422}, {"/users/" + long + "/explanations/p01", 422}, {"/users/known/explanations/p01?k=3", 422},
		{"/users/" + url.PathEscape("{x}"), 422}, {"/users/" + url.PathEscape("{x}") + "/recommendations", 422}, {"/users/" + url.PathEscape("a\nb"), 422},
		{"/users/" + url.PathEscape("\x00"), 422}, {"/users/" + long, 422}, {"/users/" + url.PathEscape("ü"), 422}, {"/users/-x/recommendations", 422},
	} {
		res, body := s.do(t, http.MethodGet, "/v1/shop"+tc.path, "")
		if res.StatusCode != tc.status || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d, %s", tc.path, res.StatusCode, body)
		}
	}
	if res, body := s.do(t, http.MethodGet, "/v1/nowhere/users/known/recommendations", ""); res.StatusCode != 404 {
		t.Errorf("another tenant: %d, %s", res.StatusCode, body)
	}
	if res, _ := s.do(t, http.MethodPut, "/v1/shop/users/known/recommendations", ""); res.StatusCode != 405 {
		t.Errorf("PUT: %d", res.StatusCode)
	}
}

func TestManyListsAtOnce(t *testing.T) {
	s, _ := peopled(t)
	users := []string{"known", "nobody", "{x}", "shy", "new"}
	o := client.RecommendOptions{K: 3, Filter: "category:dress;price<9", Boost: "id:p08*2", Context: client.Context{Season: "winter"}, Diversity: .2}
	lines, err := s.client.RecommendAll(t.Context(), users, o)
	if err != nil || len(lines) != len(users) {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for i, line := range lines {
		if line.User != users[i] || (line.List == nil) != (line.User == "{x}") || (line.Problem != "") != (line.User == "{x}") {
			t.Errorf("%+v", line)
		}
		if line.List == nil {
			continue
		}
		one, err := s.client.Recommend(t.Context(), line.User, o)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(one, *line.List); diff != "" || len(one.Items) != 3 || one.Context == nil || one.Boosts == nil || one.Filter == nil {
			t.Errorf("%s: one by one and together (-one +together):\n%s", line.User, diff)
		}
	}
	for body, status := range map[string]int{
		`{"users":[]}`: 422, `{"users":["a"],"k":0}`: 422, `{"users":["a"],"k":1000000000}`: 422, `{"users":["a"],"filter":"x"}`: 422, `{"users":["a"],"context":{"hour":99}}`: 422, `{"users":["a"],"more":1}`: 422,
		`{"users":["a"],"anchor":"absent"}`: 404, `{"users":`: 400, ``: 400, `{"users":["` + strings.Repeat("x", 2<<20) + `"]}`: 413,
	} {
		if res, answer := s.do(t, http.MethodPost, "/v1/shop/users/recommendations", body, "Content-Type", "application/json"); res.StatusCode != status {
			t.Errorf("%.60s: %d, %.300s; want %d", body, res.StatusCode, answer, status)
		}
	}
}

// What clients link says all that the profile does, in the same words.
func TestTheClientKnowsTheWholeProfile(t *testing.T) {
	c := newCounter(t, 60, false)
	c.said("known", "yes")
	for i := range 20 {
		c.did("known", []string{"view", "purchase", "return", "search"}[i%4], fmt.Sprintf("p00%02d", i), i)
	}
	c.ask(t, serve.Ask{User: "known", K: 1})
	u, err := c.Shopper(t.Context(), "known")
	if err != nil {
		t.Fatal(err)
	}
	told, err := json.Marshal(u.Profile)
	if err != nil {
		t.Fatal(err)
	}
	var whole profile.Profile
	strict := json.NewDecoder(bytes.NewReader(told))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&whole); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := errors.Join(json.Unmarshal(told, &a), json.Unmarshal(again, &b)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Errorf("the profile and what clients see of it (-profile +client):\n%s", diff)
	}
	if whole.Activity.Events != 20 || len(whole.Categories) == 0 || whole.User != string(tasks.UserID("known")) {
		t.Errorf("%+v", whole)
	}
}
