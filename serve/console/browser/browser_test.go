// Package browser drives the console in a real browser, with real clicks and keys,
// against a running `weft up` over the sample catalogue.
package browser

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"weft/processtest"
)

var (
	program = flag.String("weft", "../../../bin/weft", "the program to test; `make build` makes it")
	shots   = flag.String("shots", "", "write pictures of the pages to this folder")
)

// patience is how long anything may take; a busy machine is slow.
const patience = 25 * time.Second

// shop is a running `weft up` and a browser that looks at its console.
type shop struct {
	url string
	dir string // of the data
	tab context.Context

	mu  sync.Mutex
	bad []string // what the browser complained of
}

// open starts weft over the products of the sample that the glob patterns name, waits
// until they have vectors, and opens a tab.
func open(t *testing.T, args []string, patterns ...string) *shop {
	t.Helper()
	s, products := &shop{dir: t.TempDir()}, 0
	for _, pattern := range patterns {
		folders, err := filepath.Glob("../../../examples/catalogue/" + pattern)
		if err != nil || len(folders) == 0 {
			t.Fatalf("no sample product %s: %v", pattern, err)
		}
		for _, folder := range folders {
			to := filepath.Join(s.dir, "bucket/default/media", filepath.Base(folder))
			must(t, os.MkdirAll(filepath.Dir(to), 0o755))
			must(t, os.CopyFS(to, os.DirFS(folder)))
			products++
		}
	}
	path, err := filepath.Abs(*program)
	must(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run `make build` first", err)
	}
	cmd := exec.Command(path, append([]string{"up", "--data", s.dir, "--listen", "127.0.0.1:0"}, args...)...)
	var said processtest.Journal
	cmd.Stderr = &said
	exited, err := processtest.Start(cmd)
	must(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if <-exited; t.Failed() {
			t.Logf("weft said:\n%s", said.String())
		}
	})
	processtest.Until(t, "weft answers", func() bool {
		_, rest, ok := strings.Cut(said.String(), ": http://")
		if !ok {
			return false
		}
		address, _, _ := strings.Cut(rest, " ")
		s.url = "http://" + address
		res, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	if len(args) == 0 { // no token is asked for
		processtest.Until(t, "every product has a vector", func() bool {
			var o struct{ Products int }
			return s.send(t, "GET", "overview", nil, &o) == http.StatusOK && o.Products >= products
		})
	}
	s.tab = newTab(t, s)
	return s
}

// newTab opens a browser. It ends with the test.
func newTab(t *testing.T, s *shop) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.WindowSize(1280, 900), chromedp.NoSandbox)
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	tab, closeTab := chromedp.NewContext(allocated, chromedp.WithListener(func(event any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			what := e.ExceptionDetails.Text
			if x := e.ExceptionDetails.Exception; x != nil {
				what += " " + x.Description
			}
			s.bad = append(s.bad, "exception: "+what)
		case *log.EventEntryAdded:
			// An answer other than success is told to the console too; pages show those.
			if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
				s.bad = append(s.bad, string(e.Entry.Source)+": "+e.Entry.Text)
			}
		}
	}))
	t.Cleanup(func() { closeTab(); stop() })
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("no browser: %v; run `scripts/ensure.sh chromium`", err)
	}
	return tab
}

// run does things in the tab, within patience.
func (s *shop) run(t *testing.T, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(s.tab, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		s.picture(t, "failed")
		t.Fatalf("%s: %v\nthe page says:\n%s", what, err, s.text("main"))
	}
}

// visit opens a page of the console.
func (s *shop) visit(t *testing.T, page string) {
	t.Helper()
	s.run(t, "opening "+page, chromedp.Navigate(s.url+"/console/default/"+page))
}

// eval asks the page; zero if it cannot be asked, as while another one loads.
func eval[T any](s *shop, expression string) (v T) {
	ctx, cancel := context.WithTimeout(s.tab, 5*time.Second)
	defer cancel()
	v, _ = chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	return v
}

// text of the first element that a selector finds, as it is shown.
func (s *shop) text(selector string) string {
	return eval[string](s, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// shows waits until an element shows a text.
func (s *shop) shows(t *testing.T, selector, text string) {
	t.Helper()
	processtest.Until(t, fmt.Sprintf("%s shows %q", selector, text), func() bool { return strings.Contains(s.text(selector), text) }, func() string {
		s.picture(t, "failed")
		return "it shows " + s.text(selector) + "\nthe page:\n" + s.text("main")
	})
}

// picture writes what the tab shows, where pictures are wanted.
func (s *shop) picture(t *testing.T, name string) {
	t.Helper()
	if *shots == "" {
		return
	}
	ctx, cancel := context.WithTimeout(s.tab, 20*time.Second)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Logf("no picture %s: %v", name, err)
		return
	}
	must(t, os.MkdirAll(*shots, 0o755))
	must(t, os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o644))
}

// accessible fails the test for whatever axe-core finds wrong with the page as it stands.
func (s *shop) accessible(t *testing.T) {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, err)
	found, err := filepath.Glob(filepath.Join(cache, "weft", "test-venv", "lib", "python*", "site-packages", "axe_core_python", "axe.min.js"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no axe-core in the tests' Python environment: run make test-needs (%v)", err)
	}
	axe, err := os.ReadFile(found[0])
	must(t, err)
	eval[bool](s, string(axe)+`;window.violations = undefined;
		axe.run().then((r) => { window.violations = r.violations.map((v) => v.id + " at " + v.nodes.map((n) => n.target.join(" ") + ": " + n.failureSummary).join("; ")).join("\n") + "."; });
		true`)
	processtest.Until(t, "axe-core has looked at the page", func() bool { return eval[string](s, `window.violations ?? ""`) != "" }, func() string { return s.text("main") })
	if said := eval[string](s, `window.violations`); said != "." {
		t.Errorf("not accessible: %s", said)
	}
}

// calm fails the test for whatever the browser complained of (a script that threw, a
// resource that the page's policy refused), and for a page that is not accessible.
func (s *shop) calm(t *testing.T) {
	t.Helper()
	s.accessible(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, what := range s.bad {
		t.Errorf("the browser complains: %s", what)
	}
	s.bad = nil
}

// send makes a request to the API, as somebody else would.
func (s *shop) send(t *testing.T, method, path string, body io.Reader, answer any, header ...string) int {
	t.Helper()
	req, err := http.NewRequest(method, s.url+"/v1/default/"+path, body)
	must(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	if answer != nil {
		if err := json.Unmarshal(b, answer); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
	return res.StatusCode
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
