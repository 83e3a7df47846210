package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"weft/client"
)

// exchange is what a server saw and what it is to answer.
type exchange struct {
	method, path, query, body string
	header                    http.Header
}

func server(t *testing.T, status int, header http.Header, answer string) (*client.Client, *exchange) {
	t.Helper()
	var got exchange
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = exchange{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, string(body), r.Header}
		for k, v := range header {
			w.Header()[k] = v
		}
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(srv.Close)
	c, err := client.New(client.Config{URL: srv.URL + "/", Tenant: "shop", Token: "secret", Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c, &got
}

func TestRequestsAsTheServerSeesThem(t *testing.T) {
	price := 9.5
	cases := []struct {
		name   string
		answer string
		call   func(context.Context, *client.Client) (any, error)
		want   exchange
	}{
		{"PutProduct", `{"key":"k","etag":"e","bytes":3,"created":true}`,
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.PutProduct(ctx, "p:1", client.Listing{Title: "Dress", Price: &price}, client.Condition{IfMatch: "abc"})
			},
			exchange{"PUT", "/v1/shop/products/p:1", "", `{"title":"Dress","price":9.5}`, http.Header{"If-Match": {`"abc"`}, "Content-Type": {"application/json"}}}},
		{"PutImage", `{"key":"k","etag":"e","bytes":3}`,
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.PutImage(ctx, "p1", "front & back.jpg", []byte("jpg"), client.Condition{IfAbsent: true})
			},
			exchange{"PUT", "/v1/shop/products/p1/images/front%20&%20back.jpg", "", "jpg", http.Header{"If-None-Match": {"*"}}}},
		{"DeleteProduct", `{"deleted":2}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.DeleteProduct(ctx, "p1") },
			exchange{"DELETE", "/v1/shop/products/p1", "", "", nil}},
		{"DeleteImage", `{"deleted":1}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.DeleteImage(ctx, "p1", "a.jpg") },
			exchange{"DELETE", "/v1/shop/products/p1/images/a.jpg", "", "", nil}},
		{"Product", `{"id":"p1","vector":[1,0],"content":[0,1],"modalities":["text"]}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Product(ctx, "p1") },
			exchange{"GET", "/v1/shop/products/p1", "", "", nil}},
		{"ProductInfo", `{"id":"p1"}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.ProductInfo(ctx, "p1") },
			exchange{"GET", "/v1/shop/products/p1", "vectors=false", "", nil}},
		{"Similar", `[{"id":"p2","score":0.5,"price":3}]`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Similar(ctx, "p1", 3) },
			exchange{"GET", "/v1/shop/products/p1/similar", "k=3", "", nil}},
		{"a folder for an id", `{"id":".."}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Product(ctx, "..") },
			exchange{"GET", "/v1/shop/products/%2E%2E", "", "", nil}},
		{"a slash in an id", `{"id":"a/b"}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Product(ctx, "a/b") },
			exchange{"GET", "/v1/shop/products/a%2Fb", "", "", nil}},
		{"Status", `{"tenant":"shop","waiting":4}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Status(ctx) },
			exchange{"GET", "/v1/shop/status", "", "", nil}},
		{"Ready", `{"ready":true}`,
			func(ctx context.Context, c *client.Client) (any, error) {
				return map[string]bool{"ready": true}, c.Ready(ctx)
			},
			exchange{"GET", "/readyz", "", "", nil}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c, got := server(t, 200, nil, tc.answer)
			value, err := tc.call(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if got.method != tc.want.method || got.path != tc.want.path || got.query != tc.want.query || got.body != tc.want.body {
				t.Errorf("got %s %s ?%s %q, want %s %s ?%s %q", got.method, got.path, got.query, got.body,
					tc.want.method, tc.want.path, tc.want.query, tc.want.body)
			}
			for name, v := range tc.want.header {
				if got.header.Get(name) != v[0] {
					t.Errorf("header %s: got %q, want %q", name, got.header.Get(name), v[0])
				}
			}
			if got.header.Get("Authorization") != "Bearer secret" {
				t.Errorf("authorization: %q", got.header.Get("Authorization"))
			}
			sameJSON(t, value, tc.answer)
		})
	}
}

// sameJSON checks that every field of the answer arrived in value.
func sameJSON(t *testing.T, value any, answer string) {
	t.Helper()
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := errors.Join(json.Unmarshal(b, &got), json.Unmarshal([]byte(answer), &want)); err != nil {
		t.Fatal(err)
	}
	if !contains(got, want) {
		t.Errorf("decoded %s from %s", b, answer)
	}
}

func contains(got, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		for k, v := range w {
			ok = ok && contains(g[k], v)
		}
		return ok
	case []any:
		g, ok := got.([]any)
		ok = ok && len(g) == len(w)
		for i := 0; ok && i < len(w); i++ {
			ok = contains(g[i], w[i])
		}
		return ok
	}
	return got == want
}

func TestProblems(t *testing.T) {
	all := []error{client.ErrNotFound, client.ErrWaiting, client.ErrDead, client.ErrUnauthorized,
		client.ErrInvalid, client.ErrPrecondition, client.ErrUnavailable}
	cases := []struct {
		status int
		body   string
		is     []error
	}{
		{404, `{"title":"Not Found","detail":"no product"}`, []error{client.ErrNotFound}},
		{404, `{"type":"` + client.TypeWaiting + `"}`, []error{client.ErrNotFound, client.ErrWaiting}},
		{404, `{"type":"` + client.TypeDead + `"}`, []error{client.ErrNotFound, client.ErrDead}},
		{401, `{}`, []error{client.ErrUnauthorized}},
		{412, `{}`, []error{client.ErrPrecondition}},
		{413, `{}`, []error{client.ErrInvalid}},
		{422, `{"errors":[{"message":"too small","location":"query.k","value":0}]}`, []error{client.ErrInvalid}},
		{429, `{}`, []error{client.ErrUnavailable}},
		{503, `{}`, []error{client.ErrUnavailable}},
		{500, `{}`, nil},
	}
	for _, tc := range cases {
		c, _ := server(t, tc.status, http.Header{"Content-Type": {"application/problem+json"}, "X-Request-Id": {"r-1"}}, tc.body)
		_, err := c.Product(t.Context(), "p1")
		for _, target := range all {
			want := false
			for _, e := range tc.is {
				want = want || e == target
			}
			if errors.Is(err, target) != want {
				t.Errorf("%d %s: errors.Is(%v) = %v", tc.status, tc.body, target, !want)
			}
		}
		var p *client.Problem
		if !errors.As(err, &p) || p.Status != tc.status || p.RequestID != "r-1" || p.Title == "" {
			t.Errorf("%d: got %#v", tc.status, err)
		}
	}
}

func TestProblemOfAProxy(t *testing.T) {
	c, _ := server(t, 502, http.Header{"Content-Type": {"text/html"}}, "<h1>Bad gateway</h1>"+strings.Repeat("x", 1000))
	_, err := c.Product(t.Context(), "p1")
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 502 || !strings.Contains(p.Detail, "Bad gateway") || len(p.Detail) > 200 {
		t.Fatalf("got %v", err)
	}
}

func TestProblemNamesTheField(t *testing.T) {
	c, _ := server(t, 422, http.Header{"Content-Type": {"application/problem+json"}}, `{"title":"Unprocessable Entity","errors":[{"message":"expected number >= 1","location":"query.k","value":0}]}`)
	_, err := c.Similar(t.Context(), "p1", 0)
	if err == nil || !strings.Contains(err.Error(), "expected number >= 1 (query.k: 0)") {
		t.Fatalf("got %v", err)
	}
}

func TestAnswerThatIsNotJSON(t *testing.T) {
	c, _ := server(t, 200, nil, "<html>")
	if _, err := c.Product(t.Context(), "p1"); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Fatalf("got %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]client.Config{
		"no url":       {},
		"no scheme":    {URL: "127.0.0.1:8080"},
		"other scheme": {URL: "redis://127.0.0.1"},
		"query":        {URL: "http://h/?a=b"},
		"attempts":     {URL: "http://h", Attempts: 21},
		"token":        {URL: "http://h", Token: "a\r\nb"},
	} {
		if _, err := client.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestEmptyNamesAreRefusedBeforeTheNetwork(t *testing.T) {
	c, got := server(t, 200, nil, "{}")
	_, e1 := c.Product(t.Context(), "")
	_, e2 := c.DeleteProduct(t.Context(), "")
	_, e3 := c.DeleteImage(t.Context(), "p", "")
	_, e4 := c.PutImage(t.Context(), "p", "", nil, client.Condition{})
	_, e5 := c.PutProduct(t.Context(), "p", client.Listing{}, client.Condition{IfAbsent: true, IfMatch: "x"})
	for i, err := range []error{e1, e2, e3, e4, e5} {
		if err == nil {
			t.Errorf("call %d was accepted", i+1)
		}
	}
	if got.method != "" {
		t.Errorf("the server saw %v", got)
	}
}
