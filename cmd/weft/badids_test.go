package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/tasks"
)

// badIDs are outside the alphabet.
func badIDs() []string {
	return []string{"a b", "-dash", "ümlaut", "a+b", "a*b", strings.Repeat("x", 129)}
}

// TestBadFolders drops folders with bad names, bad file names and files of other
// kinds into the bucket, as somebody with a file browser would.
func TestBadFolders(t *testing.T) {
	s := newShop(t)
	id := samples(t, 1)[0]
	photo := samplePhoto(t, id)
	s.stock(id)
	want := map[string]tasks.Reason{}
	for _, bad := range badIDs() {
		s.put(bad, "photo.jpg", photo)
		want["media/"+bad+"/photo.jpg"] = tasks.ReasonBadID
	}
	for _, hidden := range []string{".hidden", "..x"} { // a folder of dots is no part of a bucket
		s.put(hidden, "photo.jpg", photo)
	}
	for _, name := range []string{"new\nline.jpg", "back\\slash.jpg"} {
		s.put(id, name, photo)
		want["media/"+id+"/"+name] = tasks.ReasonBadID
	}
	declined := []string{s.media(id, "notes.txt"), s.media(id, "photo.tiff"), s.media(id, "deeper", "photo.jpg"), s.media("loose.jpg")}
	for _, path := range declined {
		write(t, path, photo)
	}
	if r := s.up(); r.Encoded["image"] != 1 {
		t.Errorf("%+v; want one photo encoded", r)
	}
	same(t, want, s.dead())
	a := s.audit()
	if a.Objects.Dead != len(want) || a.Objects.Declined != len(declined) || a.Objects.Vector != 2 || a.Products.Vectors != 1 {
		t.Errorf("audit: %+v; want %d dead, %d declined and one product of two objects", a, len(want), len(declined))
	}
	if r := s.up("--cache", hollowCache(t)); r.Published+r.Dead != 0 {
		t.Errorf("a second run: %+v", r)
	}
	for _, bad := range badIDs() {
		s.remove(bad)
	}
	s.up()
	if got := s.dead(); len(got) != 2 {
		t.Errorf("dead letters of files that are gone: %v", got)
	}
}

// TestImport brings in folders, loose photos and rows, good and bad mixed.
func TestImport(t *testing.T) {
	s := newShop(t)
	ids := samples(t, 3)
	from := t.TempDir()
	write(t, filepath.Join(from, "dress", "front.jpg"), samplePhoto(t, ids[0]))
	write(t, filepath.Join(from, "dress", "product.json"), []byte(`{"title":"Red dress"}`))
	write(t, filepath.Join(from, "dress", "notes.txt"), []byte("not for weft"))
	write(t, filepath.Join(from, "bad id", "front.jpg"), samplePhoto(t, ids[1]))
	write(t, filepath.Join(from, "loose.jpg"), samplePhoto(t, ids[2]))
	counts := answer[importCounts](t, "import", "--data", s.dir, from, "--json")
	if want := (importCounts{Rows: 5, Accepted: 3, Dead: 1, Declined: 1}); counts != want {
		t.Errorf("a folder: %+v, want %+v", counts, want)
	}
	counts = answer[importCounts](t, "import", "--data", s.dir, from, "--json")
	if want := (importCounts{Rows: 5, Duplicate: 3, Dead: 1, Declined: 1}); counts != want {
		t.Errorf("the same folder again: %+v, want %+v", counts, want)
	}
	rows := filepath.Join(t.TempDir(), "rows.jsonl")
	write(t, rows, []byte(strings.Join([]string{
		`{"id":"row-1","title":"Blue hat"}`,
		`{"id":"a b","title":"x"}`, `{"id":"../x","title":"x"}`, `{"id":"a/b","title":"x"}`, `{"id":"..","title":"x"}`, `{"title":"no id"}`, // bad_id
		`{"id":7,"title":"x"}`, `{"id":"row-2","price":-3}`, // bad_listing
		`{"id":"row-3"`, `title`, // bad_json
		"", // not a row
		`{"id":"row-4","title":"` + strings.Repeat("a", tasks.MaxListingBytes) + `"}`, // too_many_bytes
		`{"id":"row-5","title":"Green shoes"}`,
	}, "\n")))
	counts = answer[importCounts](t, "import", "--data", s.dir, rows, "--json")
	if want := (importCounts{Rows: 12, Accepted: 2, Dead: 10}); counts != want {
		t.Errorf("rows: %+v, want %+v", counts, want)
	}
	s.up()
	reasons := map[tasks.Reason]int{}
	for key, reason := range s.dead() {
		if !strings.HasPrefix(key, "import/") && !strings.HasPrefix(key, "products/") {
			t.Errorf("dead letter %s", key)
		}
		reasons[reason]++
	}
	for reason, want := range map[tasks.Reason]int{tasks.ReasonBadID: 6, tasks.ReasonBadListing: 2, tasks.ReasonBadJSON: 2, tasks.ReasonTooManyBytes: 1} {
		if reasons[reason] != want {
			t.Errorf("%d rows are dead of %s, want %d (%v)", reasons[reason], reason, want, reasons)
		}
	}
	if a := s.audit(); a.Products.Vectors != 4 || a.Rows.Dead != 11 {
		t.Errorf("audit: %+v; want 4 products and 11 dead rows", a)
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "x*")); len(left) > 0 {
		t.Errorf("an id with .. left %v", left)
	}
}

// TestBadRequests sends ids, names and bodies to HTTP that must be refused there.
func TestBadRequests(t *testing.T) {
	s := newShop(t)
	r := s.open()
	info, _ := runningAt(s.dir)
	put := func(path string, body []byte) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+info.HTTP+"/v1/default/products/"+path, bytes.NewReader(body))
		must(t, err)
		res, err := http.DefaultClient.Do(req)
		must(t, err)
		defer func() { _ = res.Body.Close() }()
		answer, err := io.ReadAll(res.Body)
		must(t, err)
		return res.StatusCode, res.Header.Get("Content-Type") + " " + string(answer)
	}
	good := []byte(`{"title":"x"}`)
	long := append(append([]byte(`{"title":"`), bytes.Repeat([]byte("a"), tasks.MaxListingBytes)...), `"}`...)
	for _, c := range []struct {
		path string
		body []byte
		code int
		says string
	}{
		{"a%20b", good, 422, "a b"}, {"a%2Fb", good, 422, "a/b"}, {"%2E%2E%2Fx", good, 422, "../x"}, {"..x", good, 422, "..x"},
		{"-dash", good, 422, "-dash"}, {strings.Repeat("x", 129), good, 422, "xxx"}, {"%00", good, 422, "product"},
		{"ok", []byte("title"), 422, "bad_json"}, {"ok", nil, 422, "empty"}, {"ok", []byte(`{"price":"x"}`), 422, "price"}, {"ok", long, 413, "bytes"},
		{"ok", []byte(`{"id":"other","title":"x"}`), 422, "other"},
		{"ok/images/photo.txt", good, 422, ".jpg"}, {"ok/images/.hidden.jpg", good, 422, "dot"}, {"ok/images/a%2Fb.jpg", good, 422, "slash"},
		{"ok/images/%2E%2E", good, 422, ".."}, {"ok/images/photo.jpg", nil, 422, "empty"}, {"ok/images/product.json", good, 422, ".jpg"},
	} {
		code, answer := put(c.path, c.body)
		if code != c.code || !strings.HasPrefix(answer, "application/problem+json") || !strings.Contains(answer, c.says) {
			t.Errorf("PUT %.60s: %d %.300s; want %d and %q", c.path, code, answer, c.code, c.says)
		}
	}
	if left, err := os.ReadDir(s.media()); err != nil || len(left) > 0 {
		t.Errorf("refused requests left %v in the bucket (%v)", left, err)
	}
	if code, answer := put("ok", good); code != 201 {
		t.Errorf("a good product: %d %s", code, answer)
	}
	until(t, "the good one has a vector", func() bool { r.process.alive(); return s.has("ok") })
}
