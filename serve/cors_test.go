package serve_test

import (
	"errors"
	"testing"

	"weft/serve"
)

func TestCORS(t *testing.T) {
	s := open(t, func(c *serve.Config) { c.CORSOrigins = []string{"https://shop.example"} })
	s.vectors.put(gen, "p1", 1, 0)
	for origin, allowed := range map[string]string{"https://shop.example": "https://shop.example", "https://evil.example": "", "https://shop.example.evil": "", "null": ""} {
		res, _ := s.do(t, "GET", "/v1/shop/products/p1", "", "Origin", origin)
		if got := res.Header.Get("Access-Control-Allow-Origin"); got != allowed || res.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("GET from %s: %v", origin, res.Header)
		}
		res, _ = s.do(t, "OPTIONS", "/v1/shop/products/p1", "", "Origin", origin, "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization,content-type")
		if got := res.Header.Get("Access-Control-Allow-Methods"); (got == "PUT") != (allowed != "") {
			t.Errorf("preflight from %s: %d %v", origin, res.StatusCode, res.Header)
		}
	}
	off := open(t, nil)
	res, _ := off.do(t, "GET", "/healthz", "", "Origin", "https://shop.example")
	if res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without origins: %v", res.Header)
	}
	if res, _ := off.do(t, "OPTIONS", "/v1/shop/products/p1", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "PUT"); res.StatusCode != 405 {
		t.Errorf("preflight without origins: %d", res.StatusCode)
	}
	// Errors are readable too.
	guarded := open(t, func(c *serve.Config) { withRoles(t)(c); c.CORSOrigins = []string{"*"} })
	if res, _ := guarded.do(t, "GET", "/v1/shop/status", "", "Origin", "https://any.example"); res.StatusCode != 401 || res.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	for _, bad := range []string{"*", "shop.example", "https://shop.example/", "https://shop.example/path", "ftp://shop.example", "https://", ""} {
		c := off.cfg
		c.Registry = nil
		c.CORSOrigins = []string{bad}
		if _, err := serve.New(c); !errors.Is(err, serve.ErrConfig) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
