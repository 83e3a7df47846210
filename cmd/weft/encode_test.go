package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// encode runs `weft encode` over rows; there must be as many results.
func encode(t *testing.T, rows []string, args ...string) []encodedRow {
	t.Helper()
	o := weftReading(t, strings.Join(rows, "\n")+"\n", append(append([]string{"encode"}, args...), "-")...)
	if o.code != exitDone {
		t.Fatalf("encode: exit %d, %s", o.code, o.err)
	}
	var out []encodedRow
	for line := range strings.Lines(o.out) {
		var r encodedRow
		parse(t, line, &r)
		out = append(out, r)
	}
	if len(out) != len(rows) {
		t.Fatalf("%d rows in, %d out", len(rows), len(out))
	}
	return out
}

// TestEncodeTexts has texts that differ by their length, so that an encoder which
// answered in any other order than theirs would be found.
func TestEncodeTexts(t *testing.T) {
	var rows []string
	for n := range 20 {
		rows = append(rows, fmt.Sprintf(`{"text":%q}`, strings.Repeat("red ", (n*7)%20+1)))
	}
	got := encode(t, rows, "--model", "all-minilm-l6-v2")
	for n, r := range got {
		if r.Error != nil || len(r.TokenIDs) != (n*7)%20+3 || len(r.Vector) != 384 || norm(r.Vector) < 0.999 || norm(r.Vector) > 1.001 {
			t.Errorf("row %d: %d tokens, %d values, error %+v", n, len(r.TokenIDs), len(r.Vector), r.Error)
		}
	}
	if alone := encode(t, rows[3:4], "--model", "all-minilm-l6-v2"); !slices.Equal(alone[0].Vector, got[3].Vector) {
		t.Error("a text has another vector when it is alone")
	}
}

func TestEncodeBadTexts(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	cases := []struct {
		row, code string
		tokens    int
	}{
		{`{"text":""}`, "", 2},
		{`{"text":"` + long + `"}`, "", 3}, // one word without a space is one unknown token
		{"{\"text\":\"caf\xff\"}", "", 3},  // what is no UTF-8 is left out
		{`{"text":"a\u0000b"}`, "", 3},     // and so is NUL
		{`{"text":"[CLS]"}`, "", 3},        // the token itself, as the reference has it
		{`not json`, "bad_json", 0},
		{``, "bad_json", 0},
		{`{"title":"no text"}`, "bad_listing", 0},
		{`{"text":7}`, "bad_json", 0},
		{`{"text":"` + long + long + `"}`, "too_many_bytes", 0},
	}
	var rows []string
	for _, c := range cases {
		rows = append(rows, c.row, `{"text":"good"}`)
	}
	got := encode(t, rows, "--model", "all-minilm-l6-v2")
	for n, c := range cases {
		bad, good := got[2*n], got[2*n+1]
		code := ""
		if bad.Error != nil {
			code = bad.Error.Code
		}
		if code != c.code || len(bad.TokenIDs) != c.tokens || (code == "") != (len(bad.Vector) == 384) {
			t.Errorf("%.40s: error %+v, tokens %v, %d values; want code %q, %d tokens", c.row, bad.Error, bad.TokenIDs, len(bad.Vector), c.code, c.tokens)
		}
		if good.Error != nil || !slices.Equal(good.Vector, got[1].Vector) {
			t.Errorf("the row after %.40s: error %+v, or another vector", c.row, good.Error)
		}
	}
}

// TestEncodePhotos mixes good and bad paths, and reads the pixels with numpy.
func TestEncodePhotos(t *testing.T) {
	folder := t.TempDir()
	html := filepath.Join(folder, "page.jpg")
	write(t, html, []byte("<!doctype html><title>not found</title>"))
	var rows []string
	for _, id := range samples(t, 5) {
		rows = append(rows, filepath.Join(sample, id, "photo.jpg"))
	}
	rows = slices.Insert(rows, 2, html, filepath.Join(folder, "absent.jpg"))
	pixels := filepath.Join(folder, "pixels")
	got := encode(t, rows, "--model", "efficientnet-lite0", "--pixels", pixels)
	for n, r := range got {
		if n == 2 || n == 3 {
			continue
		}
		sum := sha256.Sum256(read(t, rows[n]))
		if r.Error != nil || r.Path != rows[n] || r.SHA256 != hex.EncodeToString(sum[:]) || len(r.Vector) != 1280 {
			t.Errorf("row %d: path %s, %s, %d values, error %+v", n, r.Path, r.SHA256, len(r.Vector), r.Error)
		}
	}
	if e := got[2].Error; e == nil || e.Code != "not_an_image" || got[2].Path != html {
		t.Errorf("a page named .jpg: %+v", got[2])
	}
	if e := got[3].Error; e == nil || e.Code != "unreadable" || !strings.Contains(e.Message, "absent.jpg") || got[3].Path == "" {
		t.Errorf("a path that leads nowhere: %+v, error %+v", got[3], e)
	}
	files, err := filepath.Glob(filepath.Join(pixels, "*.npy"))
	must(t, err)
	want := "5 uint8 (224, 224, 3) True"
	if seen := python(t, `
import numpy, sys
a = [numpy.load(f) for f in sys.argv[1:]]
print(len(a), a[0].dtype, a[0].shape, all(x.std() > 5 for x in a))`, files...); seen != want {
		t.Errorf("pixels: %s, want %s", seen, want)
	}
}
