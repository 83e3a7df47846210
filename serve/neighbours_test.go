package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

func randomUnit(r *rand.Rand, dim int) []float32 {
	v := make([]float32, dim)
	var sum float64
	for i := range v {
		v[i] = float32(r.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
	return v
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

func set(t testing.TB, n *Neighbours, id string, v []float32) {
	t.Helper()
	if err := n.Set(Entry{ID: id, Title: "title of " + id, Category: "c"}, v); err != nil {
		t.Fatal(err)
	}
}

func TestNearEqualsFullSort(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, tc := range []struct{ dim, products int }{{1, 3}, {2, 5}, {7, 300}, {64, 1000}, {129, 257}} {
		var n Neighbours
		vectors := map[string][]float32{}
		for i := range tc.products {
			id := fmt.Sprintf("p%04d", i)
			vectors[id] = randomUnit(r, tc.dim)
			set(t, &n, id, vectors[id])
		}
		for id := range vectors { // leave holes, and fill some of them again
			if r.IntN(3) == 0 && len(vectors) > 2 {
				delete(vectors, id)
				if !n.Remove(id) {
					t.Fatalf("%s was not there", id)
				}
			}
		}
		for i := range tc.products / 10 {
			id := fmt.Sprintf("q%04d", i)
			vectors[id] = randomUnit(r, tc.dim)
			set(t, &n, id, vectors[id])
		}
		if n.Len() != len(vectors) {
			t.Fatalf("%d products, want %d", n.Len(), len(vectors))
		}
		for _, k := range []int{1, 10, 1000} {
			q := randomUnit(r, tc.dim)
			var want []string
			for id := range vectors {
				if id != "p0001" {
					want = append(want, id)
				}
			}
			slices.SortFunc(want, func(a, b string) int { return cmp.Compare(cosine(q, vectors[b]), cosine(q, vectors[a])) })
			got, err := n.Near(t.Context(), q, Search{K: k, Keep: Except("p0001")})
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != min(k, len(want)) {
				t.Fatalf("dim %d: %d neighbours of %d, want %d", tc.dim, len(got), len(want), min(k, len(want)))
			}
			for i, h := range got {
				exact := cosine(q, vectors[h.ID])
				if math.Abs(float64(h.Score)-exact) > 1e-6 {
					t.Errorf("dim %d: %s has score %v, want %v", tc.dim, h.ID, h.Score, exact)
				}
				// Rounding may swap two that are nearly equal.
				if h.ID != want[i] && math.Abs(exact-cosine(q, vectors[want[i]])) > 1e-6 {
					t.Errorf("dim %d, k %d: rank %d is %s, want %s", tc.dim, k, i, h.ID, want[i])
				}
				if h.Title != "title of "+h.ID {
					t.Errorf("%s is titled %q", h.ID, h.Title)
				}
			}
		}
	}
}

func TestTiesGoToTheLowerID(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	v := randomUnit(r, 33)
	var n Neighbours
	ids := r.Perm(3 * blockRows)
	for _, i := range ids {
		set(t, &n, fmt.Sprintf("p%04d", i), v)
	}
	for range 5 {
		got, err := n.Near(t.Context(), v, Search{K: 20, Keep: Except("p0000")})
		if err != nil {
			t.Fatal(err)
		}
		for i, h := range got {
			if want := fmt.Sprintf("p%04d", i+1); h.ID != want || h.Score != got[0].Score {
				t.Fatalf("rank %d: %s with %v, want %s with %v", i, h.ID, h.Score, want, got[0].Score)
			}
		}
	}
}

func TestScoreIsACosineWhateverTheLengths(t *testing.T) {
	var n Neighbours
	set(t, &n, "a", []float32{3, 4, 0})
	got, err := n.Near(t.Context(), []float32{0, 20, 0}, Search{K: 1})
	if err != nil || len(got) != 1 || math.Abs(float64(got[0].Score)-0.8) > 1e-6 {
		t.Fatalf("got %v, %v, want 0.8", got, err)
	}
	v, ok := n.Vector("a")
	if !ok || math.Abs(float64(v[0])-0.6) > 1e-6 || len(v) != 3 {
		t.Fatalf("got %v", v)
	}
}

func TestVectorsThatCannotBeSearched(t *testing.T) {
	var n Neighbours
	set(t, &n, "a", []float32{1, 0})
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, v := range [][]float32{nil, {}, {0, 0}, {nan, 1}, {inf, 1}, {1, 0, 0}, {1}} {
		if err := n.Set(Entry{ID: "b"}, v); !errors.Is(err, ErrVector) {
			t.Errorf("Set %v: %v", v, err)
		}
		if _, err := n.Near(t.Context(), v, Search{K: 1}); !errors.Is(err, ErrVector) {
			t.Errorf("Near %v: %v", v, err)
		}
	}
	if n.Len() != 1 {
		t.Errorf("%d products, want the one good one", n.Len())
	}
}

func TestEmptyHasNoNeighbours(t *testing.T) {
	var n Neighbours
	if got, err := n.Near(t.Context(), []float32{1}, Search{K: 3}); err != nil || len(got) != 0 {
		t.Fatalf("got %v, %v", got, err)
	}
	if n.Remove("a") {
		t.Error("removed what was never there")
	}
	if _, ok := n.Vector("a"); ok {
		t.Error("has a vector that was never set")
	}
}

func TestSpaceOfTheRemovedIsUsedAgain(t *testing.T) {
	var n Neighbours
	for i := range 2 * blockRows {
		set(t, &n, fmt.Sprintf("p%04d", i), []float32{1, float32(i)})
	}
	full := n.Bytes()
	for i := range 2 * blockRows {
		n.Remove(fmt.Sprintf("p%04d", i))
	}
	if n.Len() != 0 {
		t.Fatalf("%d left", n.Len())
	}
	for i := range 2 * blockRows {
		set(t, &n, fmt.Sprintf("q%04d", i), []float32{1, float32(i)})
	}
	if n.Bytes() != full {
		t.Errorf("%d bytes, %d the first time", n.Bytes(), full)
	}
}

// Each product holds only one of two opposite vectors, together with a title that
// says which: a search that saw half an update would find a mixture.
func TestSearchWhileUpdatesArrive(t *testing.T) {
	const products, dim = 3 * blockRows, 16
	up, down := make([]float32, dim), make([]float32, dim)
	for i := range up {
		up[i], down[i] = 0.25, -0.25
	}
	var n Neighbours
	for i := range products {
		if err := n.Set(Entry{ID: fmt.Sprint(i), Title: "up"}, up); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 9))
			for {
				select {
				case <-stop:
					return
				default:
				}
				e, v := Entry{ID: fmt.Sprint(r.IntN(products)), Title: "up"}, up
				switch r.IntN(3) {
				case 0:
					e.Title, v = "down", down
				case 1:
					n.Remove(e.ID)
				}
				if err := n.Set(e, v); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 200 {
		hits, err := n.Near(t.Context(), up, Search{K: products})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, h := range hits {
			if want := map[string]float32{"up": 1, "down": -1}[h.Title]; h.Score != want {
				t.Fatalf("%s says %s and scores %v", h.ID, h.Title, h.Score)
			}
			if seen[h.ID] {
				t.Fatalf("%s twice", h.ID)
			}
			seen[h.ID] = true
		}
	}
	close(stop)
	wg.Wait()
}

func TestSearchStopsWithItsContext(t *testing.T) {
	var n Neighbours
	set(t, &n, "a", []float32{1, 0})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Near(ctx, []float32{1, 0}, Search{K: 1}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}
