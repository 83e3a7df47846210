package console_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"weft/serve/console"
)

func get(t *testing.T, c *console.Console, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return w
}

func open(t *testing.T, tenants ...string) *console.Console {
	t.Helper()
	c, err := console.New(console.Config{Tenants: tenants, Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var (
	inline = regexp.MustCompile(`(?i)<script(>|[^>]*[^>c]>[^<])|<style|\sstyle=|\son[a-z]+=|javascript:`)
	asked  = regexp.MustCompile(`(?:src|href)="(/console/-/static/[^"]+)"`)
	module = regexp.MustCompile(`from "\./([^"]+)"`)
	id     = regexp.MustCompile(`\sid="([^"]+)"`)
	names  = regexp.MustCompile(`\sfor="([^"]+)"`)
	used   = regexp.MustCompile(`\$\("([^"]+)"\)`)
)

// Every page runs only what lies beside it, under a policy that says so; what it asks
// for is there; its labels and its script name elements that it has.
func TestPages(t *testing.T) {
	c := open(t, "shop")
	for _, page := range []string{"", "catalogue", "products/p1", "search", "shoppers", "shoppers/u1", "deadletters", "reports", "reports/r", "models"} {
		w := get(t, c, "/console/shop/"+page)
		body, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
		if w.Code != 200 || !strings.Contains(policy, "script-src 'self';") || !strings.Contains(policy, "default-src 'none'") {
			t.Fatalf("%q: %d under %q", page, w.Code, policy)
		}
		if found := inline.FindString(body); found != "" {
			t.Errorf("%q runs or styles inline: %q", page, found)
		}
		have := map[string]bool{}
		for _, m := range id.FindAllStringSubmatch(body, -1) {
			if have[m[1]] {
				t.Errorf("%q has two elements %q", page, m[1])
			}
			have[m[1]] = true
		}
		for _, m := range names.FindAllStringSubmatch(body, -1) {
			if !have[m[1]] {
				t.Errorf("%q has a label for %q, which it lacks", page, m[1])
			}
		}
		for _, m := range asked.FindAllStringSubmatch(body, -1) {
			file := get(t, c, m[1])
			if file.Code != 200 || !strings.Contains(file.Header().Get("Cache-Control"), "immutable") {
				t.Errorf("%q asks for %s: %d %v", page, m[1], file.Code, file.Header())
			}
			if !strings.HasSuffix(m[1], ".js") {
				continue
			}
			folder := m[1][:strings.LastIndex(m[1], "/")+1]
			for _, other := range module.FindAllStringSubmatch(file.Body.String(), -1) {
				if got := get(t, c, folder+other[1]); got.Code != 200 || !strings.Contains(got.Header().Get("Content-Type"), "javascript") {
					t.Errorf("%s imports %s: %d %v", m[1], other[1], got.Code, got.Header())
				}
			}
			for _, element := range used.FindAllStringSubmatch(file.Body.String(), -1) {
				if page != "shoppers" && !have[element[1]] { // that one has two shapes
					t.Errorf("%s looks for %q, which %q lacks", m[1], element[1], page)
				}
			}
		}
	}
	for _, none := range []string{"/console/shop/nothing", "/console/-/static/0/none.js", "/console/-/static/0/..%2Fconsole.go"} {
		if w := get(t, c, none); w.Code != 404 {
			t.Errorf("%s: %d", none, w.Code)
		}
	}
}

// What stands in an address comes out as text.
func TestEscaping(t *testing.T) {
	w := get(t, open(t), "/console/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E/products/%3Cimg%20src=x%20onerror=alert(1)%3E")
	if body := w.Body.String(); strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") {
		t.Errorf("came through:\n%s", body)
	}
}

// The only shop is led to; of several one is chosen; with tokens none is named.
func TestChoose(t *testing.T) {
	if w := get(t, open(t, "shop"), "/console/"); w.Code != 303 || w.Header().Get("Location") != "/console/shop/" {
		t.Errorf("one shop: %d %v", w.Code, w.Header())
	}
	if w := get(t, open(t, "a", "b"), "/console/"); w.Code != 200 || !strings.Contains(w.Body.String(), `href="/console/b/"`) {
		t.Errorf("two shops: %d %s", w.Code, w.Body)
	}
	if w := get(t, open(t), "/console/"); w.Code != 200 || !strings.Contains(w.Body.String(), `type="password"`) {
		t.Errorf("with tokens: %d %s", w.Code, w.Body)
	}
	if w := get(t, open(t), "/console/shop"); w.Code != 301 || w.Header().Get("Location") != "/console/shop/" {
		t.Errorf("without a slash: %d %v", w.Code, w.Header())
	}
}
