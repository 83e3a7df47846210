package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/client"
)

// TestUp follows a small shop through its days: the first run, a run with nothing
// to do, and runs after a change of each kind.
func TestUp(t *testing.T) {
	s := newShop(t)
	ids := samples(t, 10)
	ids, other, another := ids[:8], ids[8], ids[9]
	s.stock(ids...)
	s.put("photo-only", "photo.jpg", samplePhoto(t, ids[0]))    // a photo the shop has already
	s.put("text-only", "product.json", listing(t, ids[1], nil)) // a text the shop has already
	s.put("two-photos", "a.jpg", samplePhoto(t, other))         // the one new photo of three
	s.put("two-photos", "b.jpg", samplePhoto(t, ids[2]))
	all := slices.Sorted(slices.Values(append(slices.Clone(ids), "photo-only", "text-only", "two-photos")))

	first := s.up()
	if first.Encoded["image"] != 9 || first.Encoded["text"] != 8 || first.Cached["image"] != 2 || first.Cached["text"] != 1 || first.Dead != 0 {
		t.Fatalf("first run: %+v; want 9 photos and 8 texts encoded, 2 and 1 known", first)
	}
	t.Run("vectors", func(t *testing.T) { vectorsAreWhole(t, s, all) })
	t.Run("modalities", func(t *testing.T) {
		for id, want := range map[string][]string{"photo-only": {"image"}, "text-only": {"text"}, ids[0]: {"image", "text"}} {
			if got := slices.Sorted(slices.Values(s.product(id).Modalities)); !slices.Equal(got, want) {
				t.Errorf("%s is made of %v, want %v", id, got, want)
			}
		}
	})
	t.Run("similar", func(t *testing.T) {
		near := answer[[]client.Neighbour](t, "similar", "photo-only", "-k", "3", "--data", s.dir, "--json")
		if len(near) != 3 || near[0].ID != ids[0] || near[0].Score < near[1].Score || near[1].Score < near[2].Score {
			t.Errorf("neighbours of photo-only: %+v; want the product of the same photo first, scores falling", near)
		}
	})
	t.Run("status", func(t *testing.T) {
		st := answer[client.Status](t, "status", "--data", s.dir, "--json")
		if st.Products.Vectors != 11 || st.Objects["vector"] != 20 || st.Generation == "" {
			t.Errorf("status: %+v; want 11 products of 20 objects", st)
		}
	})
	t.Run("audit", func(t *testing.T) {
		a := s.audit()
		if !a.Balanced || a.Objects.Listed != 20 || a.Objects.Vector != 20 || a.Products.Vectors != 11 {
			t.Errorf("audit: %+v", a)
		}
	})
	t.Run("unchanged", func(t *testing.T) {
		r := s.up("--cache", hollowCache(t))
		if r.Encoded["image"]+r.Encoded["text"]+r.Published != 0 || r.Refilled != 11 || r.Sweep.Current != 11 {
			t.Errorf("a run over an unchanged shop: %+v", r)
		}
	})
	before := exported[productRow](t, "products", "--data", s.dir)
	t.Run("price", func(t *testing.T) {
		s.put(ids[0], "product.json", listing(t, ids[0], map[string]any{"price": 1.25}))
		r := s.up("--cache", hollowCache(t))
		p := s.product(ids[0])
		if r.Encoded["image"]+r.Encoded["text"] != 0 || p.Price == nil || *p.Price != 1.25 {
			t.Errorf("a new price: %+v, price now %v; want nothing encoded and 1.25", r, p.Price)
		}
		if !slices.Equal(p.Vector, rowOf(t, before, ids[0]).Vector) {
			t.Error("a new price changed the vector")
		}
	})
	t.Run("photo", func(t *testing.T) {
		s.put(ids[3], "photo.jpg", samplePhoto(t, another))
		r := s.up()
		if r.Encoded["image"] != 1 || r.Encoded["text"] != 0 {
			t.Errorf("a new photo: %+v; want exactly one encoded", r)
		}
		if slices.Equal(s.product(ids[3]).Vector, rowOf(t, before, ids[3]).Vector) {
			t.Error("a new photo left the vector as it was")
		}
	})
	t.Run("deleted", func(t *testing.T) {
		s.remove(ids[4])
		s.remove(ids[5], "photo.jpg")
		s.up()
		if o := weft(t, "get", "product", ids[4], "--data", s.dir); o.code != exitFailed || !strings.Contains(o.err, "has no vector") {
			t.Errorf("get of a deleted product: exit %d, %s", o.code, o.err)
		}
		if slices.Contains(s.similar("photo-only"), ids[4]) {
			t.Error("a deleted product is still a neighbour")
		}
		if got := s.product(ids[5]).Modalities; !slices.Equal(got, []string{"text"}) {
			t.Errorf("without its photo %s is made of %v", ids[5], got)
		}
		if a := s.audit(); !a.Balanced || a.Products.Vectors != 10 {
			t.Errorf("audit after deletions: %+v", a)
		}
	})
}

// vectorsAreWhole checks the export against what each product must have.
func vectorsAreWhole(t *testing.T, s shop, want []string) {
	var ids []string
	for _, r := range exported[productRow](t, "products", "--data", s.dir) {
		ids = append(ids, r.ID)
		if length := norm(r.Vector); math.Abs(length-1) > 1e-5 {
			t.Errorf("%s has a vector of length %v", r.ID, length)
		}
		if !slices.Equal(r.Vector, r.Content) || r.Sources == "" || r.SourceVersion == 0 || r.Generation == "" {
			t.Errorf("%s: %+v", r.ID, r)
		}
		if p := s.product(r.ID); !slices.Equal(p.Vector, r.Vector) || p.SourceVersion != r.SourceVersion {
			t.Errorf("get and export differ on %s", r.ID)
		}
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("products (-want +got):\n%s", diff)
	}
}

func norm(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

func rowOf(t *testing.T, rows []productRow, id string) productRow {
	t.Helper()
	i := slices.IndexFunc(rows, func(r productRow) bool { return r.ID == id })
	if i < 0 {
		t.Fatalf("no row of %s", id)
	}
	return rows[i]
}

// hollowCache is a model cache whose files have the right names and sizes and
// nothing in them: a program that opened a model, a vocabulary or the runtime
// library there would fail on its hash.
func hollowCache(t *testing.T) string {
	t.Helper()
	hollow := t.TempDir()
	real := realCache(t)
	for _, pattern := range []string{"blobs/sha256/*", "runtime/*/*"} {
		files, err := filepath.Glob(filepath.Join(real, filepath.FromSlash(pattern)))
		must(t, err)
		if len(files) == 0 {
			t.Fatalf("no %s in %s: run `make models`", pattern, real)
		}
		for _, f := range files {
			st, err := os.Stat(f)
			must(t, err)
			rel, err := filepath.Rel(real, f)
			must(t, err)
			write(t, filepath.Join(hollow, rel), nil)
			must(t, os.Truncate(filepath.Join(hollow, rel), st.Size()))
		}
	}
	return hollow
}

func realCache(t *testing.T) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	must(t, err)
	return filepath.Join(dir, "weft")
}

// TestHollowCache proves that the cache of TestUp's quiet runs could not have
// encoded anything.
func TestHollowCache(t *testing.T) {
	s := newShop(t)
	s.stock(samples(t, 1)...)
	o := weft(t, s.upArgs("--cache", hollowCache(t))...)
	if o.code != exitFailed || !strings.Contains(o.err, "weft models pull") {
		t.Errorf("exit %d, %s; want a failure that says how to fetch the models again", o.code, o.err)
	}
}
