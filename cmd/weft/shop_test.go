package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weft/client"
	"weft/scheduler"
)

// sample is the catalogue that comes with the program: real photos.
const sample = "../../examples/catalogue"

// shop is a data directory with a bucket.
type shop struct {
	t   *testing.T
	dir string
}

func newShop(t *testing.T) shop {
	t.Helper()
	s := shop{t, t.TempDir()}
	must(t, os.MkdirAll(s.media(), 0o755))
	return s
}

// media is the path of an object below media/.
func (s shop) media(parts ...string) string {
	return filepath.Join(append([]string{s.dir, "bucket", "default", "media"}, parts...)...)
}

// stock copies sample products that have a photo and a listing.
func (s shop) stock(ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		s.put(id, "photo.jpg", samplePhoto(s.t, id))
		s.put(id, "product.json", read(s.t, filepath.Join(sample, id, "product.json")))
	}
}

func (s shop) put(id, name string, body []byte) {
	s.t.Helper()
	write(s.t, s.media(id, name), body)
}

func (s shop) remove(parts ...string) {
	s.t.Helper()
	must(s.t, os.RemoveAll(s.media(parts...)))
}

// up runs `weft up --until-idle` and returns its report.
func (s shop) up(args ...string) upReport {
	s.t.Helper()
	return answer[upReport](s.t, s.upArgs(args...)...)
}

func (s shop) upArgs(args ...string) []string {
	return append([]string{"up", "--data", s.dir, "--until-idle", "--json", "--listen", "127.0.0.1:0"}, args...)
}

func (s shop) product(id string) client.Product {
	s.t.Helper()
	return answer[client.Product](s.t, "get", "product", id, "--data", s.dir, "--json")
}

func (s shop) similar(id string) []string {
	s.t.Helper()
	var ids []string
	for _, n := range answer[[]client.Neighbour](s.t, "similar", id, "--data", s.dir, "--json") {
		ids = append(ids, n.ID)
	}
	return ids
}

func (s shop) audit() scheduler.Audit {
	s.t.Helper()
	return answer[scheduler.Audit](s.t, "audit", "--data", s.dir, "--json")
}

// exported are the rows of a JSONL export.
func exported[R any](t *testing.T, what string, place ...string) []R {
	t.Helper()
	out := filepath.Join(t.TempDir(), what+".jsonl")
	done(t, append([]string{"export", what, "--format", "jsonl", "--out", out}, place...)...)
	var rows []R
	for line := range strings.Lines(string(read(t, out))) {
		var r R
		parse(t, line, &r)
		rows = append(rows, r)
	}
	return rows
}

func samplePhoto(t *testing.T, id string) []byte {
	t.Helper()
	return read(t, filepath.Join(sample, id, "photo.jpg"))
}

// samples are n sample products with exactly one photo and a listing, taken from
// all over the catalogue.
func samples(t *testing.T, n int) []string {
	t.Helper()
	folders, err := os.ReadDir(sample)
	must(t, err)
	var all []string
	for _, f := range folders {
		files, err := os.ReadDir(filepath.Join(sample, f.Name()))
		must(t, err)
		if len(files) == 2 && files[0].Name() == "photo.jpg" && files[1].Name() == "product.json" {
			all = append(all, f.Name())
		}
	}
	if n > len(all) {
		t.Fatalf("the sample has %d such products, not %d", len(all), n)
	}
	var some []string
	for i := range n {
		some = append(some, all[i*len(all)/n])
	}
	return slices.Compact(some)
}

// listing is a product.json with some fields replaced.
func listing(t *testing.T, id string, fields map[string]any) []byte {
	t.Helper()
	var l map[string]any
	parse(t, string(read(t, filepath.Join(sample, id, "product.json"))), &l)
	for name, v := range fields {
		l[name] = v
	}
	b, err := json.Marshal(l)
	must(t, err)
	return b
}
