package lake_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

// open returns a lake on store that commits without delay; t closes it.
func open(t testing.TB, store objects.Store, change ...func(*lake.Config)) *lake.Lake {
	t.Helper()
	cfg := lake.Config{Store: store, CommitDelay: 1, IdleDelay: -1}
	for _, f := range change {
		f(&cfg)
	}
	l, err := lake.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func feature(i, dim int) lake.Feature {
	r := rand.New(rand.NewPCG(uint64(i), 7))
	v := make([]float32, dim)
	for j := range v {
		v[j] = r.Float32()
	}
	sha := fmt.Sprintf("%016x%016x%016x%016x", r.Uint64(), r.Uint64(), r.Uint64(), i)
	return lake.Feature{
		Row:           lake.Row{Key: lake.FeatureKey(sha, "0123456789ab"), Version: 1_700_000_000_000 + int64(i)},
		ContentSHA256: sha, Recipe: "0123456789ab", Modality: "image", Vector: v,
	}
}

func product(i, dim int) lake.Product {
	r := rand.New(rand.NewPCG(uint64(i), 9))
	v := make([]float32, dim)
	for j := range v {
		v[j] = r.Float32()
	}
	p := lake.Product{
		Row: lake.Row{Key: lake.ProductKey("g0123456789ab", fmt.Sprintf("p%07d", i)), Version: int64(i + 1)},
		ID:  fmt.Sprintf("p%07d", i), Generation: "g0123456789ab", Modalities: []string{"image", "text"}[:1+i%2],
		Sources: fmt.Sprintf("%032x", r.Uint64()), Title: fmt.Sprintf("Product number %d", i), Category: "shirts",
		UpdatedAt: 1_700_000_000_000, Vector: v,
	}
	if i%3 == 0 {
		price := float64(i) + .5
		p.Price = &price
	}
	if i%4 == 0 {
		p.Content = []float32{1, 2, 3}
	}
	return p
}

func scan[R any](t testing.TB, table *lake.Table[R], q lake.Query) []R {
	t.Helper()
	var rows []R
	for row, err := range table.Select(t.Context(), q) {
		must(t, err)
		rows = append(rows, row)
	}
	return rows
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	store := new(objecttest.Memory)
	l := open(t, store)
	want := make([]lake.Product, 500)
	for i := range want {
		want[i] = product(i, 16)
	}
	must(t, l.Products.Append(t.Context(), want...))
	for _, l := range []*lake.Lake{l, open(t, store)} {
		got := scan(t, l.Products, lake.Query{})
		for i := range got {
			if got[i].Written == 0 {
				t.Fatalf("row %d has no time of writing", i)
			}
			got[i].Written = 0
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("scan (-want +got):\n%s", d)
		}
		for i := range want {
			row, found, err := l.Products.Get(t.Context(), want[i].Key)
			must(t, err)
			row.Written = 0
			if d := cmp.Diff(want[i], row); d != "" || !found {
				t.Fatalf("get %s: found %t (-want +got):\n%s", want[i].Key, found, d)
			}
		}
	}
}

func TestHighestVersionCounts(t *testing.T) {
	store := new(objecttest.Memory)
	a, b := open(t, store), open(t, store)
	put := func(l *lake.Lake, version int64, etag string, deleted bool) {
		t.Helper()
		must(t, l.Objects.Append(t.Context(), lake.Object{Row: lake.Row{Key: "k", Version: version, Deleted: deleted}, ETag: etag}))
	}
	check := func(l *lake.Lake, etag string, want bool) {
		t.Helper()
		must(t, l.Refresh(t.Context()))
		row, found, err := l.Objects.Get(t.Context(), "k")
		must(t, err)
		if found != want || row.ETag != etag {
			t.Errorf("get: found %t with ETag %q, want %t with %q", found, row.ETag, want, etag)
		}
		var rows []string
		for _, r := range scan(t, l.Objects, lake.Query{}) {
			rows = append(rows, r.ETag)
		}
		if want != slices.Equal(rows, []string{etag}) {
			t.Errorf("scan: %q, want %q: %t", rows, etag, want)
		}
	}
	put(a, 5, "five", false)
	check(b, "five", true)
	put(b, 4, "four", false) // later, but lower
	check(b, "five", true)
	check(a, "five", true)
	put(b, 5, "five again", false) // the same version: the one written last
	check(a, "five again", true)
	put(a, 6, "", true)
	check(a, "", false)
	check(b, "", false)
	if row, found, err := b.Objects.Latest(t.Context(), "k"); err != nil || !found || !row.Deleted || row.Version != 6 {
		t.Errorf("latest: %+v, %t, %v; want the tombstone", row, found, err)
	}
	if got := scan(t, b.Objects, lake.Query{Tombstones: true}); len(got) != 1 || !got[0].Deleted {
		t.Errorf("scan with tombstones: %+v", got)
	}
	put(b, 7, "seven", false)
	check(a, "seven", true)
}

func TestTheLastOfOneAppendCounts(t *testing.T) {
	l := open(t, new(objecttest.Memory))
	rows := []lake.Object{
		{Row: lake.Row{Key: "k", Version: 1}, ETag: "a"},
		{Row: lake.Row{Key: "k", Version: 1}, ETag: "b"},
		{Row: lake.Row{Key: "k", Version: 1}, ETag: "c"},
	}
	must(t, l.Objects.Append(t.Context(), rows...))
	if row, _, err := l.Objects.Get(t.Context(), "k"); err != nil || row.ETag != "c" {
		t.Errorf("got %q, %v; want the row appended last", row.ETag, err)
	}
}

func TestSelectNarrows(t *testing.T) {
	l := open(t, new(objecttest.Memory), func(c *lake.Config) { c.GroupRows = 7 })
	for i := range 50 {
		must(t, l.Products.Append(t.Context(), product(i, 4)))
	}
	const g = "g0123456789ab/"
	for _, c := range []struct {
		name string
		q    lake.Query
		want []string
	}{
		{"range", lake.Query{From: g + "p0000008", To: g + "p0000011"}, []string{"p0000008", "p0000009", "p0000010"}},
		{"prefix", lake.Query{Prefix: g + "p000004", From: g + "p0000048"}, []string{"p0000048", "p0000049"}},
		{"no such prefix", lake.Query{Prefix: "h"}, nil},
	} {
		var got []string
		for _, p := range scan(t, l.Products, c.q) {
			got = append(got, p.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for _, p := range scan(t, l.Products, lake.Query{Columns: []string{"id", "sources"}}) {
		if p.ID == "" || p.Sources == "" || p.Key == "" || p.Version == 0 {
			t.Fatalf("columns asked for are missing: %+v", p)
		}
		if p.Vector != nil || p.Title != "" || p.Modalities != nil {
			t.Fatalf("columns not asked for were read: %+v", p)
		}
	}
	for _, err := range l.Products.Select(t.Context(), lake.Query{Columns: []string{"sauces"}}) {
		if err == nil {
			t.Error("a column that does not exist was accepted")
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	l := open(t, new(objecttest.Memory))
	for name, row := range map[string]lake.Row{
		"no key":     {Version: 1},
		"long key":   {Key: strings.Repeat("k", lake.MaxKey+1), Version: 1},
		"no version": {Key: "k"},
	} {
		if err := l.Dead.Append(t.Context(), lake.Dead{Row: row}); !errors.Is(err, lake.ErrInvalidRow) {
			t.Errorf("%s: %v, want ErrInvalidRow", name, err)
		}
	}
	must(t, l.Close(t.Context()))
	if err := l.Dead.Delete(t.Context(), "k", 1); !errors.Is(err, lake.ErrClosed) {
		t.Errorf("closed: %v, want ErrClosed", err)
	}
}

func TestTextIsMadeValid(t *testing.T) {
	l := open(t, new(objecttest.Memory))
	key := "media/p/\xff\xfe.jpg"
	must(t, l.Dead.Append(t.Context(), lake.Dead{Row: lake.Row{Key: key, Version: 1}, Message: "bad byte \x80 here"}))
	row, found, err := l.Dead.Get(t.Context(), key)
	if err != nil || !found || row.Message != "bad byte \uFFFD here" {
		t.Errorf("got %q, %t, %v", row.Message, found, err)
	}
}
