package serve_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/client"
	"weft/serve"
	"weft/storage/objects"
	"weft/tasks"
)

const (
	shopToken  = "shop-token-0123456789"
	otherToken = "other-token-0123456789"
)

// guarded adds tokens and a second tenant, "other", on a bucket of its own.
func guarded(t *testing.T) func(*serve.Config) {
	return func(c *serve.Config) {
		dir, err := objects.OpenDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		c.Tenants["other"] = serve.Tenant{Objects: dir, Vectors: newMemory()}
		c.Tokens = []serve.Token{token(t, "shop", shopToken, serve.Admin), token(t, "shop", "shop-token-to-come-0123", serve.Admin), token(t, "other", otherToken, serve.Admin)}
	}
}

func token(t testing.TB, tenant tasks.Tenant, secret string, roles ...serve.Role) serve.Token {
	t.Helper()
	made, err := serve.NewToken(tenant, secret, roles...)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestTokens(t *testing.T) {
	s := open(t, guarded(t))
	s.vectors.put(gen, "p1", 1, 0)
	for _, tc := range []struct {
		tenant, authorization string
		status                int
	}{
		{"shop", "Bearer " + shopToken, 200},
		{"shop", "Bearer shop-token-to-come-0123", 200},
		{"shop", "", 401},
		{"shop", "Bearer ", 401},
		{"shop", "Bearer " + shopToken[1:], 401},
		{"shop", "Bearer " + shopToken + "x", 401},
		{"shop", "Basic " + shopToken, 401},
		{"shop", shopToken, 401},
		{"shop", "Bearer " + otherToken, 403},  // like a tenant that does not exist
		{"none", "Bearer " + otherToken, 403},  //
		{"none", "", 401},                      // nor does it show without a token
		{"other", "Bearer " + otherToken, 404}, // the product is the shop's
	} {
		var header []string
		if tc.authorization != "" {
			header = []string{"Authorization", tc.authorization}
		}
		res, body := s.do(t, "GET", "/v1/"+tc.tenant+"/products/p1", "", header...)
		if res.StatusCode != tc.status || (tc.status == 401) != (res.Header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s as %q: %d %v %s", tc.tenant, tc.authorization, res.StatusCode, res.Header, body)
		}
	}
	// A wrong token is refused before a byte of the body is read or stored.
	if res, _ := s.do(t, "PUT", "/v1/shop/products/p1", `{"title":"a"}`, "Authorization", "Bearer "+otherToken); res.StatusCode != 403 || len(s.keys(t)) != 0 {
		t.Errorf("write with another tenant's token: %d, bucket %q", res.StatusCode, s.keys(t))
	}
	if _, err := s.as(t, "shop", shopToken).PutProduct(t.Context(), "p1", client.Listing{Title: "a"}, client.Condition{}); err != nil {
		t.Error(err)
	}
	if _, err := s.as(t, "shop", "").Product(t.Context(), "p1"); !errors.Is(err, client.ErrUnauthorized) {
		t.Errorf("without a token: %v", err)
	}
	for _, open := range []string{"/healthz", "/metrics", "/openapi.json", "/readyz"} {
		if res, body := s.do(t, "GET", open, ""); res.StatusCode == 401 || strings.Contains(body, "Token") && strings.Contains(body, shopToken) {
			t.Errorf("%s: %d", open, res.StatusCode)
		}
	}
}

func TestUnknownTenant(t *testing.T) {
	s := open(t, nil)
	for _, tenant := range []string{"none", "Shop", "..", "a%2Fb", "%20"} {
		if tenant == ".." {
			tenant = "%2E%2E"
		}
		res, body := s.do(t, "PUT", "/v1/"+tenant+"/products/p1", "{}")
		if res.StatusCode != 404 || !strings.Contains(body, "path.tenant") {
			t.Errorf("%s: %d %s", tenant, res.StatusCode, body)
		}
	}
}

func TestConfigIsRefused(t *testing.T) {
	dir, err := objects.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	good := func() serve.Config {
		return serve.Config{Tenants: map[tasks.Tenant]serve.Tenant{"shop": {Objects: dir, Vectors: newMemory()}}}
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		spoil func(*serve.Config)
		says  string
	}{
		{func(c *serve.Config) { c.Tenants = nil }, "Tenants is empty"},
		{func(c *serve.Config) { c.Tenants["Shop"] = c.Tenants["shop"] }, `"Shop"`},
		{func(c *serve.Config) { c.Tenants["shop"] = serve.Tenant{Objects: dir} }, "Objects and Vectors"},
		{func(c *serve.Config) { c.Listen = "8080" }, "8080"},
		{func(c *serve.Config) { c.Listen = "127.0.0.1:http" }, "port"},
		{func(c *serve.Config) { c.Listen = ":8080" }, "configure tokens"},
		{func(c *serve.Config) { c.Listen = "0.0.0.0:8080" }, "configure tokens"},
		{func(c *serve.Config) { c.Listen = "[::]:8080" }, "configure tokens"},
		{func(c *serve.Config) { c.Listen = "shop.example:8080" }, "configure tokens"},
		{func(c *serve.Config) { c.Tokens = []serve.Token{{Tenant: "shop"}} }, "Tokens[0]"},
		{func(c *serve.Config) {
			c.Tokens = []serve.Token{token(t, "shop", shopToken, serve.Read), {Tenant: "Shop", Roles: []serve.Role{serve.Read}}}
		}, "Tokens[1]"},
		{func(c *serve.Config) { c.MaxImageBytes = -1 }, "MaxImageBytes"},
		{func(c *serve.Config) { c.MaxUploadBytes = 1000 }, "MaxUploadBytes"},
		{func(c *serve.Config) { c.BodyTimeout = -time.Second }, "BodyTimeout"},
	} {
		c := good()
		tc.spoil(&c)
		if _, err := serve.New(c); !errors.Is(err, serve.ErrConfig) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("want an error about %s, got %v", tc.says, err)
		}
	}
	for _, listen := range []string{"localhost:0", "[::1]:0", "127.0.0.2:0"} {
		c := good()
		c.Listen = listen
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", listen, err)
		}
	}
	c := good()
	c.Listen = "0.0.0.0:0"
	c.Tokens = []serve.Token{token(t, "shop", shopToken, serve.Admin)}
	if err := c.Validate(); err != nil {
		t.Errorf("with a token: %v", err)
	}
	c = good()
	c.Registry = prometheus.NewRegistry()
	if _, err := serve.New(c); err != nil {
		t.Fatal(err)
	}
	if _, err := serve.New(c); !errors.Is(err, serve.ErrConfig) {
		t.Errorf("a second server on one registry: %v", err)
	}
}

func TestUnmatched(t *testing.T) {
	s := open(t, nil)
	for _, tc := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/v2/shop/products/p1", 404, ""},
		{"GET", "/v1/shop/products/", 404, ""},
		{"GET", "/v1/shop/products/p1/images", 404, ""},
		{"POST", "/v1/shop/products/p1", 405, "GET, PUT, DELETE, HEAD"},
		{"POST", "/v1/shop/products/p1/images/a.jpg", 405, "GET, PUT, DELETE, HEAD"},
		{"DELETE", "/metrics", 405, "GET, HEAD"},
		{"GET", "/v1/shop/../other/products/p1", 400, ""},
		{"GET", "//v1/shop/products/p1", 400, ""},
	} {
		res, body := s.do(t, tc.method, tc.path, "")
		var p client.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != tc.status {
			t.Errorf("%s %s: %v, %s", tc.method, tc.path, err, body)
		}
		if res.StatusCode != tc.status || res.Header.Get("Allow") != tc.allow || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d, %v", tc.method, tc.path, res.StatusCode, res.Header)
		}
	}
}

// Without tokens, a page that has its own name point here gets nothing.
func TestForeignHostIsRefusedWithoutTokens(t *testing.T) {
	s := open(t, nil)
	for host, want := range map[string]int{"evil.example": 421, "evil.example:80": 421, "10.0.0.1": 421, "localhost": 200, "127.0.0.1:1": 200, "[::1]:80": 200, "[::1]": 200} {
		if res, body := s.do(t, "GET", "/healthz", "", "Host", host); res.StatusCode != want {
			t.Errorf("%s: %d %s", host, res.StatusCode, body)
		}
	}
	if res, _ := open(t, guarded(t)).do(t, "GET", "/healthz", "", "Host", "weft.example"); res.StatusCode != 200 {
		t.Errorf("with tokens: %d", res.StatusCode)
	}
}

func TestRequestIDs(t *testing.T) {
	s := open(t, nil)
	for sent, kept := range map[string]bool{"abc-1.2_3": true, strings.Repeat("a", 65): false, "a b": false, "": false, "a\"b": false} {
		res, _ := s.do(t, "GET", "/healthz", "", "X-Request-Id", sent)
		got := res.Header.Get("X-Request-Id")
		if (got == sent) != kept || got == "" {
			t.Errorf("sent %q, got %q", sent, got)
		}
	}
}

func TestGzip(t *testing.T) {
	s := open(t, nil)
	v := make([]float32, 1000)
	v[0] = 1
	s.vectors.put(gen, "p1", v...)
	res, body := s.do(t, "GET", "/v1/shop/products/p1", "", "Accept-Encoding", "gzip")
	if res.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(res.Header.Get("Vary"), "Accept-Encoding") {
		t.Fatalf("headers: %v", res.Header)
	}
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var p client.Product
	if err := json.NewDecoder(z).Decode(&p); err != nil || len(p.Vector) != 1000 {
		t.Fatalf("%d values, %v", len(p.Vector), err)
	}
	if res, _ := s.do(t, "GET", "/v1/shop/products/p1", "", "Accept-Encoding", "identity"); res.Header.Get("Content-Encoding") != "" {
		t.Errorf("compressed without being asked: %v", res.Header)
	}
}

func TestPanicIsAProblem(t *testing.T) {
	s := open(t, func(c *serve.Config) {
		c.Status = func(context.Context, tasks.Tenant) (client.Status, error) { panic("secret") }
	})
	for range 2 { // the server goes on
		res, body := s.do(t, "GET", "/v1/shop/status", "")
		if res.StatusCode != 500 || strings.Contains(body, "secret") || !strings.Contains(body, res.Header.Get("X-Request-Id")) {
			t.Errorf("%d %s", res.StatusCode, body)
		}
	}
}

func TestMetrics(t *testing.T) {
	s := open(t, nil)
	s.vectors.put(gen, "p1", 1, 0)
	s.ready(t)
	s.do(t, "GET", "/v1/shop/products/p1", "")
	s.do(t, "GET", "/v1/shop/products/p2", "")
	s.do(t, "GET", "/v1/shop/products/p1/similar", "")
	s.do(t, "BREW", "/coffee/123", "")
	_, body := s.do(t, "GET", "/metrics", "")
	for _, line := range []string{
		`weft_http_requests_total{code="200",route="GET /v1/{tenant}/products/{id}"} 1`,
		`weft_http_requests_total{code="404",route="GET /v1/{tenant}/products/{id}"} 1`,
		`weft_http_requests_total{code="404",route="other"} 1`,
		`weft_search_seconds_count 1`,
		`weft_search_products{tenant="shop"} 1`,
		`weft_http_in_flight 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(body, "coffee") || strings.Contains(body, "BREW") {
		t.Error("a label holds what the client chose")
	}
}

func TestOpenAPI(t *testing.T) {
	s := open(t, guarded(t))
	res, body := s.do(t, "GET", "/openapi.json", "")
	var spec struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			RequestBody *struct{ Content map[string]any }
			Responses   map[string]any
			Parameters  []struct {
				Name, In string
				Schema   struct{ Pattern string }
			}
		}
		Components struct{ SecuritySchemes map[string]any }
	}
	if err := json.Unmarshal([]byte(body), &spec); err != nil || res.StatusCode != 200 {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	if !strings.HasPrefix(spec.OpenAPI, "3.1") || len(spec.Components.SecuritySchemes) != 1 {
		t.Errorf("version %s, security %v", spec.OpenAPI, spec.Components.SecuritySchemes)
	}
	const product = "/v1/{tenant}/products/{id}"
	for path, methods := range map[string][]string{
		product: {"get", "put", "delete"}, product + "/images/{name}": {"put", "delete"}, product + "/similar": {"get"}, "/v1/{tenant}/status": {"get"},
	} {
		for _, m := range methods {
			op, ok := spec.Paths[path][m]
			if !ok {
				t.Errorf("%s %s is not described", m, path)
				continue
			}
			names := map[string]bool{}
			for _, p := range op.Parameters {
				names[p.Name] = true
				if (p.Name == "id" || p.Name == "tenant") && p.Schema.Pattern == "" {
					t.Errorf("%s %s: %s has no pattern", m, path, p.Name)
				}
			}
			if !names["tenant"] || strings.Contains(path, "{id}") != names["id"] || (m == "put") != (op.RequestBody != nil) || op.Responses["401"] == nil || op.Responses["200"] == nil {
				t.Errorf("%s %s: %+v", m, path, op)
			}
			if (m == "put") != (op.Responses["201"] != nil) {
				t.Errorf("%s %s: answers %v", m, path, op.Responses)
			}
		}
	}
}
