package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// schemathesisExamples is how many requests are made up at random for each route and kind, besides those at the limits of
// what is described: none in `make test`, many in `make schemathesis`.
var (
	schemathesisExamples = flag.Int("schemathesis", 0, "requests made up at random for each route and kind")
	schemathesisSeed     = flag.Int("schemathesis-seed", 1, "of what is made up")
)

// TestAPIAsDescribed lets Schemathesis make up requests from /openapi.json, valid and invalid ones, and compares
// the answers with what is described: no 5xx, no status, type, header or body that is not described, nothing
// accepted that is described as invalid. What is read first is there: a route that answers nothing but 404 fails.
func TestAPIAsDescribed(t *testing.T) {
	s := newShop(t)
	s.stock(samples(t, 6)...)
	// What the description has for examples.
	s.put("p1", "front.jpg", samplePhoto(t, "dress-07bf93d6"))
	s.put("p1", "broken.jpg", []byte("no photo"))
	s.put("p1", "product.json", listing(t, "dress-07bf93d6", map[string]any{"id": "p1"}))
	write(t, filepath.Join(s.dir, "bucket", "default", "lake", "v1", "reports", "20260102t030405z-data.html"), []byte("<!doctype html><title>Data</title>"))
	events := filepath.Join(t.TempDir(), "events.jsonl")
	write(t, events, lines([]fields{
		{"id": "e1", "user": "u1", "product": "p1", "type": "purchase", "time": "2026-01-02T03:04:05Z"},
		{"id": "e2", "user": "u1", "product": "dress-07bf93d6", "type": "view", "time": "2026-01-02T03:04:06Z"},
	}))
	up := spawn(t, "up", "--data", s.dir, "--listen", "127.0.0.1:0")
	var info lockInfo
	until(t, "weft up answers", func() (ok bool) { up.alive(); info, ok = runningAt(s.dir); return ok })
	until(t, "the product has a vector", func() bool { up.alive(); return got(info, "products/p1", nil) })
	done(t, "import", "--data", s.dir, "--kind", "events", events)
	until(t, "the shopper has a vector, and the broken photo is given up", func() bool {
		up.alive()
		var list struct{ Road string }
		var dead struct{ Letters []json.RawMessage }
		return got(info, "users/u1/recommendations", &list) && list.Road == "personal" && got(info, "deadletters", &dead) && len(dead.Letters) == 1
	})

	config, err := filepath.Abs("testdata/schemathesis.toml")
	must(t, err)
	cache, err := os.UserCacheDir()
	must(t, err)
	phases := "examples,coverage"
	if *schemathesisExamples > 0 {
		phases += ",fuzzing"
	}
	for _, which := range []string{"--include-method", "--exclude-method"} { // what reads before what deletes
		cmd := exec.Command(filepath.Join(cache, "weft", "test-venv", "bin", "schemathesis"), "--config-file", config, "run", "http://"+info.HTTP+"/openapi.json", which, "GET",
			"--phases", phases, "--max-examples", strconv.Itoa(max(1, *schemathesisExamples)), "--seed", strconv.Itoa(*schemathesisSeed), "--no-color")
		if which == "--exclude-method" {
			cmd.Args = append(cmd.Args, "--warnings", "off")
		}
		cmd.Dir = t.TempDir() // it keeps what it found in its folder
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("schemathesis %s GET: %v\n%s", which, err, out)
		}
		t.Logf("%s GET: %s", which, out[max(0, bytes.LastIndex(out, []byte("Test cases:"))):])
	}
	up.alive()
}

// got reads what the tenant's API answers and tells whether it is a success.
func got(info lockInfo, path string, into any) bool {
	res, err := http.Get("http://" + info.HTTP + "/v1/default/" + path)
	if err != nil {
		return false
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode == http.StatusOK && (into == nil || json.NewDecoder(res.Body).Decode(into) == nil)
}
