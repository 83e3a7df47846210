package main

import (
	"slices"
	"strings"
	"testing"

	"weft/tasks"
)

type retried struct{ Retried, Issued, Skipped int }

// A dead letter can be looked at, acknowledged and tried again, and leaves by itself
// when its object is replaced.
func TestDeadletters(t *testing.T) {
	s := newShop(t)
	ids := samples(t, 1)
	good := samplePhoto(t, ids[0])
	s.put("good", "photo.jpg", good)
	s.put("cut", "photo.jpg", good[:len(good)/2])
	s.put("page", "photo.jpg", []byte("<html>not found</html>"))
	s.put("unlisted", "product.json", []byte("{"))
	s.up()
	list := func(args ...string) (keys []string) {
		t.Helper()
		for _, l := range answer[[]letter](t, append([]string{"deadletters", "list", "--data", s.dir, "--json"}, args...)...) {
			if l.Reason == "" || l.Stage == "" || l.Message == "" || l.ETag == "" || l.Attempts < 1 || l.Worker == "" || l.Time.IsZero() || l.Product == "" {
				t.Errorf("not complete: %+v", l)
			}
			keys = append(keys, l.Key)
		}
		return keys
	}
	const cut, page, bad = "media/cut/photo.jpg", "media/page/photo.jpg", "media/unlisted/product.json"
	if got := list(); !slices.Equal(got, []string{cut, page, bad}) {
		t.Fatalf("listed %q", got)
	}
	if got := list("--reason", string(tasks.ReasonTruncated)); !slices.Equal(got, []string{cut}) {
		t.Errorf("truncated are %q", got)
	}
	shown := answer[letter](t, "deadletters", "show", page, "--data", s.dir, "--json")
	if shown.Reason != string(tasks.ReasonNotAnImage) || len(shown.ContentSHA256) != 64 {
		t.Errorf("shown %+v", shown)
	}

	done(t, "deadletters", "drop", page, "--data", s.dir)
	if a := s.audit(); !a.Balanced || a.Objects.Dead != 2 || a.Objects.Declined != 1 || a.Products.Declined != 1 || a.Products.Dead != 2 {
		t.Errorf("one was dropped: %+v", a)
	}
	if got := list(); slices.Contains(got, page) {
		t.Errorf("a dropped letter is listed: %q", got)
	}
	if got := list("--dropped"); !slices.Contains(got, page) {
		t.Errorf("--dropped lists %q", got)
	}

	if r := answer[retried](t, "deadletters", "retry", "--reason", string(tasks.ReasonTruncated), "--data", s.dir, "--json"); r.Retried != 1 {
		t.Errorf("retried %+v", r)
	}
	if o := weft(t, "audit", "--data", s.dir, "--json"); o.code != exitFailed || !strings.Contains(o.out, `"waiting":1`) {
		t.Errorf("what is tried again does not wait: %d\n%s", o.code, o.out)
	}
	s.up()
	if got := list(); !slices.Equal(got, []string{cut, bad}) {
		t.Errorf("as broken as before, and listed %q", got)
	}

	s.put("cut", "photo.jpg", good)
	s.put("unlisted", "product.json", listing(t, ids[0], nil))
	s.up()
	if got := list(); len(got) != 0 {
		t.Errorf("mended, and still listed %q", got)
	}
	if a := s.audit(); !a.Balanced || a.Objects.Dead != 0 || a.Products.Vectors != 3 {
		t.Errorf("mended: %+v", a)
	}
}

func TestDeadlettersRefuse(t *testing.T) {
	s := newShop(t)
	s.stock(samples(t, 1)...)
	s.up()
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no choice":      {[]string{"drop"}, exitUsage, "--reason"},
		"unheard reason": {[]string{"list", "--reason", "bored"}, exitUsage, "truncated"},
		"unheard key":    {[]string{"show", "media/x/y.jpg"}, exitFailed, "media/x/y.jpg"},
		"nothing at all": {[]string{"list", "--json"}, exitDone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := weft(t, append(append([]string{"deadletters"}, c.args...), "--data", s.dir)...)
			if o.code != c.code || !strings.Contains(o.err, c.says) {
				t.Errorf("exit %d, %q; want %d and %q", o.code, o.err, c.code, c.says)
			}
			if c.code == exitDone && strings.TrimSpace(o.out) != "[]" {
				t.Errorf("printed %q", o.out)
			}
		})
	}
}
