package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pages are the documentation for readers, a page for each.
const pages = "../../docs/reading"

// example is a fenced block of a page, and what it must print, if the page says so.
type example struct {
	line       int
	language   string
	code, want string
	hasWant    bool
}

func examples(t *testing.T, page string) (found []example) {
	t.Helper()
	var now *example
	for i, line := range strings.Split(string(read(t, page)), "\n") {
		switch {
		case now != nil && line == "```":
			if now.language == "text" {
				if len(found) == 0 {
					t.Fatalf("%s:%d: an output without an example before it", page, now.line)
				}
				last := &found[len(found)-1]
				last.want, last.hasWant = now.code, true
			} else {
				found = append(found, *now)
			}
			now = nil
		case now != nil:
			now.code += line + "\n"
		case strings.HasPrefix(line, "```"):
			now = &example{line: i + 1, language: strings.TrimPrefix(line, "```")}
		}
	}
	if now != nil {
		t.Fatalf("%s:%d: the example has no end", page, now.line)
	}
	return found
}

// TestReadingPages runs every example of every page as a reader would, in order, against a small
// shop that is up.
func TestReadingPages(t *testing.T) {
	s := newShop(t)
	ids := samples(t, 7) // dress-07bf93d6 is the first
	s.stock(ids...)
	up := spawn(t, "up", "--data", s.dir, "--listen", "127.0.0.1:0")
	var info lockInfo
	until(t, "weft up answers", func() (ok bool) { up.alive(); info, ok = runningAt(s.dir); return ok })
	done(t, "import", "--data", s.dir, "--kind", "events", events(t))
	until(t, "all products and the shopper have vectors", func() bool {
		up.alive()
		for _, path := range append([]string{"users/u1"}, paths(ids)...) {
			res, err := http.Get("http://" + info.HTTP + "/v1/default/" + path)
			if err != nil {
				return false
			}
			var body bytes.Buffer
			_, _ = body.ReadFrom(res.Body)
			_ = res.Body.Close()
			if res.StatusCode != http.StatusOK || !strings.Contains(body.String(), `"values"`) && strings.HasPrefix(path, "users") ||
				strings.HasPrefix(path, "products") && !strings.Contains(body.String(), `["image","text"]`) {
				return false
			}
		}
		return true
	})

	list, err := filepath.Glob(pages + "/*.md")
	must(t, err)
	if len(list) < 7 {
		t.Fatalf("%d pages", len(list))
	}
	engine, has := queryEngine(t)
	here := strings.NewReplacer("redis://127.0.0.1:6379/0", engine.URL("0"), "redis://127.0.0.1:6379/1", info.Redis, "http://127.0.0.1:8080", "http://"+info.HTTP, "--data shop", "--data "+s.dir)
	for _, page := range list {
		if !has && strings.HasSuffix(page, "query-engine.md") {
			continue
		}
		t.Run(filepath.Base(page), func(t *testing.T) {
			found := examples(t, page)
			if len(found) == 0 {
				t.Error("a page without an example")
			}
			dir := t.TempDir()
			for _, e := range found {
				got := runExample(t, dir, e.language, here.Replace(e.code))
				if e.hasWant && strings.TrimSpace(got) != strings.TrimSpace(e.want) {
					t.Errorf("%s:%d prints\n%s\nnot\n%s", page, e.line, got, e.want)
				}
			}
		})
	}
}

func paths(ids []string) (out []string) {
	for _, id := range ids {
		out = append(out, "products/"+id+"?vectors=false")
	}
	return out
}

func events(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events.jsonl")
	write(t, path, []byte(`{"id":"e1","user":"u1","product":"dress-07bf93d6","type":"view","time":"2026-01-02T03:04:05Z"}`+"\n"))
	return path
}

// runExample runs code in a folder, with weft and the tests' Python on the path.
func runExample(t *testing.T, dir, language, code string) string {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	bin := filepath.Join(dir, ".bin")
	write(t, filepath.Join(bin, "weft"), fmt.Appendf(nil, "#!/bin/sh\n%s=1 exec %q \"$@\"\n", asProgram, self))
	must(t, os.Chmod(filepath.Join(bin, "weft"), 0o755))
	cache, err := os.UserCacheDir()
	must(t, err)
	python := filepath.Join(cache, "weft", "test-venv", "bin")
	var cmd *exec.Cmd
	switch language {
	case "sh":
		cmd = exec.Command("bash", "-euo", "pipefail", "-c", code)
	case "python":
		cmd = exec.Command(filepath.Join(python, "python"), "-c", code)
	case "go":
		file := filepath.Join(dir, "example.go")
		write(t, file, []byte(code))
		cmd = exec.Command("go", "run", file)
	default:
		t.Fatalf("no way to run %q", language)
	}
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+python+string(os.PathListSeparator)+os.Getenv("PATH"))
	if language != "go" { // which finds its module from here
		cmd.Dir = dir
	}
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s example: %v\n%s%s", language, err, code, errOut.String())
	}
	return string(out)
}
