package tasks

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func imageTask() Task {
	return Task{Version: PayloadVersion, Type: ImageEmbed, Tenant: "shop", Generation: "g0123456789ab", Lane: Bulk,
		Product: "p1", Key: "media/p1/front.jpg", ETag: "abc", Trace: "t-1"}
}

func TestPayloadRoundTrip(t *testing.T) {
	for _, want := range []Task{
		imageTask(),
		{Version: 1, Type: TextEmbed, Tenant: "shop", Generation: "g0123456789ab", Lane: Live, Product: "p1", Key: "media/p1/product.json", ETag: "e", Attempt: 3},
		{Version: 1, Type: ProductFuse, Tenant: "shop", Generation: "g0123456789ab", Lane: Live, Product: "p1"},
		{Version: 1, Type: UserFuse, Tenant: "shop", Generation: "g0123456789ab", Lane: Live, User: "u:1"},
	} {
		b, err := want.Encode()
		if err != nil {
			t.Fatalf("%s: %v", want.Type, err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", want.Type, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", want.Type, d)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	cases := map[string]error{
		`{"v":2,"type":"image:embed","unheard":1}`: ErrNewerPayload,
		`{"v":1}`:  ErrBadPayload,
		`{"v":0}`:  ErrBadPayload,
		`[]`:       ErrBadPayload,
		`not json`: ErrBadPayload,
		`{"v":1,"type":"product:fuse","tenant":"shop","gen":"g0123456789ab","lane":"live","product":"p1","extra":1}`:                        ErrBadPayload,
		`{"v":1,"type":"product:fuse","tenant":"shop","gen":"g0123456789ab","lane":"live","product":"../p1"}`:                               ErrBadPayload,
		`{"v":1,"type":"product:fuse","tenant":"Shop","gen":"g0123456789ab","lane":"live","product":"p1"}`:                                  ErrBadPayload,
		`{"v":1,"type":"product:fuse","tenant":"shop","gen":"latest","lane":"live","product":"p1"}`:                                         ErrBadPayload,
		`{"v":1,"type":"product:fuse","tenant":"shop","gen":"g0123456789ab","lane":"slow","product":"p1"}`:                                  ErrBadPayload,
		`{"v":1,"type":"image:embed","tenant":"shop","gen":"g0123456789ab","lane":"live","product":"p2","key":"media/p1/a.jpg","etag":"x"}`: ErrBadPayload,
		`{"v":1,"type":"image:embed","tenant":"shop","gen":"g0123456789ab","lane":"live","product":"p1","key":"media/p1/a.jpg"}`:            ErrBadPayload,
		`{"v":1,"tenant":"` + strings.Repeat("x", MaxPayload) + `"}`:                                                                        ErrBadPayload,
	}
	for payload, want := range cases {
		if _, err := Decode([]byte(payload)); !errors.Is(err, want) {
			t.Errorf("%.90s: got %v, want %v", payload, err, want)
		}
	}
}

func TestEncodeRefusesAKeyThatDoesNotFit(t *testing.T) {
	task := imageTask()
	task.Key = "media/p1/" + strings.Repeat("\u2028", 80) + ".jpg" // 6 bytes each once escaped
	if _, err := task.Encode(); err != nil {
		t.Fatalf("a name of 244 bytes must fit: %v", err)
	}
	task.ETag = strings.Repeat("e", MaxPayload)
	if _, err := task.Encode(); !errors.Is(err, ErrBadPayload) {
		t.Fatalf("got %v, want ErrBadPayload", err)
	}
}

func TestIDChangesWithTheObjectAndTheAttempt(t *testing.T) {
	base := imageTask()
	changed := []func(*Task){
		func(t *Task) { t.ETag = "other" },
		func(t *Task) { t.Attempt = 1 },
		func(t *Task) { t.Key = "media/p1/back.jpg" },
		func(t *Task) { t.Tenant = "other" },
		func(t *Task) { t.Generation = "gffffffffffff" },
	}
	for i, change := range changed {
		c := base
		change(&c)
		if c.ID() == base.ID() {
			t.Errorf("change %d keeps the id", i)
		}
	}
	same := base
	same.Trace, same.Lane = "t-2", Live
	if same.ID() != base.ID() {
		t.Error("trace and lane must not change the id")
	}
}

func TestParseMediaKey(t *testing.T) {
	cases := []struct {
		key      string
		product  ProductID
		modality Modality
		refused  bool
	}{
		{"media/p1/a.jpg", "p1", Image, false},
		{"media/p1/A.JPEG", "p1", Image, false},
		{"media/p1/product.json", "p1", Text, false},
		{"media/p1/notes.txt", "", "", false},
		{"media/p1/deep/a.jpg", "", "", false},
		{"media/a.jpg", "", "", false},
		{"inbox/p1/a.jpg", "", "", false},
		{"media/p1/.hidden.jpg", "", "", false},
		{"media/my product/a.jpg", "", Image, true},
		{"media/../a.jpg", "", Image, true},
		{"media/p1/a\x00.jpg", "p1", Image, true},
		{"media/p1/" + strings.Repeat("x", 300) + ".jpg", "p1", Image, true},
		{"media/p1/\xff.jpg", "p1", Image, true},
	}
	for _, c := range cases {
		m := ParseMediaKey(c.key)
		if m.Product != c.product || m.Modality != c.modality || (m.Err != nil) != c.refused {
			t.Errorf("%q: got product %q, modality %q, err %v", c.key, m.Product, m.Modality, m.Err)
		}
		if m.Err != nil && !errors.Is(m.Err, ErrBadID) {
			t.Errorf("%q: %v does not wrap ErrBadID", c.key, m.Err)
		}
	}
}

func TestListing(t *testing.T) {
	l, err := ParseListing([]byte(`{"id":"p1","title":" Red  dress ","description":"Light cotton!","category":"dress","price":19.5,
		"attributes":{"size":["S","M"],"lined":true,"weight":1.5,"deep":{"a":1}},"colour":"red","unknown":{"x":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := l.Text(), "Red dress. Light cotton! dress. colour: red. lined: yes. size: S, M. weight: 1.5."; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if (Listing{Price: l.Price}).Text() != "" {
		t.Error("a price alone is no text")
	}
}

func TestListingRefuses(t *testing.T) {
	cases := []struct {
		body   string
		reason Reason
		field  string
	}{
		{"", ReasonEmpty, ""},
		{"<html>", ReasonBadJSON, ""},
		{"[1]", ReasonBadJSON, ""},
		{`{"title":5}`, ReasonBadListing, "title"},
		{`{"price":"cheap"}`, ReasonBadListing, "price"},
		{`{"price":-1}`, ReasonBadListing, "price"},
		{`{"updated_at":"yesterday"}`, ReasonBadListing, ""},
		{`{"title":"` + strings.Repeat("x", MaxListingBytes) + `"}`, ReasonTooManyBytes, ""},
	}
	for _, c := range cases {
		_, err := ParseListing([]byte(c.body))
		var le *ListingError
		if !errors.As(err, &le) || le.Reason != c.reason || le.Field != c.field {
			t.Errorf("%.40q: got %v, want reason %s and field %q", c.body, err, c.reason, c.field)
		}
	}
}

func TestSourcesFollowKeysAndETags(t *testing.T) {
	a := Sources([]Part{{"media/p/a.jpg", "1"}, {"media/p/b.jpg", "2"}})
	for _, other := range [][]Part{
		{{"media/p/a.jpg", "1"}}, {{"media/p/a.jpg", "1"}, {"media/p/b.jpg", "3"}}, {{"media/p/a.jpg1", ""}, {"media/p/b.jpg", "2"}},
	} {
		if Sources(other) == a {
			t.Errorf("%v has the digest of other parts", other)
		}
	}
	if Sources(nil) != "" {
		t.Error("no parts must have no digest")
	}
}

func FuzzDecode(f *testing.F) {
	b, err := imageTask().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"v":2}`))
	f.Add([]byte(`{"v":1,"type":"user:fuse","tenant":"t","gen":"g000000000000","lane":"live","user":"u"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		task, err := Decode(payload)
		if err != nil {
			if !errors.Is(err, ErrBadPayload) && !errors.Is(err, ErrNewerPayload) {
				t.Fatalf("unclassified error %v", err)
			}
			return
		}
		again, err := task.Encode()
		if err != nil && len(payload) <= MaxPayload/6 { // escaping can make a long key longer
			t.Fatalf("decoded but not encodable: %v", err)
		}
		if err == nil {
			if second, err := Decode(again); err != nil || second != task {
				t.Fatalf("not stable: %+v, %+v, %v", task, second, err)
			}
		}
	})
}

func FuzzParseListing(f *testing.F) {
	f.Add([]byte(`{"title":"a","attributes":{"x":[1,[2]]},"price":1}`))
	f.Add([]byte("{\"title\":\"\\u0000 [CLS] \xff\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseListing(b)
		var le *ListingError
		if err != nil && (!errors.As(err, &le) || !le.Reason.Known()) {
			t.Fatalf("unclassified error %v", err)
		}
		_ = l.Text()
	})
}
