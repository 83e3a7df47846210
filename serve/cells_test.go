package serve

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// manyProducts are vectors as a shop's lie, in an index that arranges itself from few on.
func manyProducts(t testing.TB, count, dim int) (*Neighbours, *sample) {
	t.Helper()
	n := &Neighbours{arrangeFrom: min(count, arrangeFrom)}
	s := newSample(dim)
	s.kinds = s.kinds[:max(20, count/1000)] // a thousand products of each kind
	for i := range count {
		_, v := s.next()
		if err := n.Set(Entry{ID: fmt.Sprintf("p%07d", i)}, v); err != nil {
			t.Fatal(err)
		}
	}
	return n, s
}

func ids(hits []Hit) (all []string) {
	for _, h := range hits {
		all = append(all, h.ID)
	}
	return all
}

func near(t testing.TB, n *Neighbours, q []float32, s Search) []string {
	t.Helper()
	hits, err := n.Near(context.Background(), q, s)
	if err != nil {
		t.Fatal(err)
	}
	return ids(hits)
}

// recall is the share of what a search that reads all finds, which one that does not finds too.
func recall(t testing.TB, n *Neighbours, queries [][]float32, s Search) float64 {
	found, all := 0, 0
	for _, q := range queries {
		got := near(t, n, q, s)
		whole := s
		whole.Whole = true
		for _, id := range near(t, n, q, whole) {
			if all++; slices.Contains(got, id) {
				found++
			}
		}
	}
	return float64(found) / float64(all)
}

func queriesOf(s *sample, count int) (queries [][]float32) {
	for range count {
		_, q := s.next()
		queries = append(queries, q)
	}
	return queries
}

func TestArrangedProductsAreFound(t *testing.T) {
	n, s := manyProducts(t, 20_000, 64)
	queries := queriesOf(s, 50)
	var before [][]string
	for _, q := range queries {
		before = append(before, near(t, n, q, Search{K: 10}))
	}
	if err := n.Arrange(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n.cells == nil || len(n.of[loose]) > 0 || n.Len() != 20_000 || len(n.Versions()) != 20_000 {
		t.Fatalf("%d products, %d loose blocks after arranging", n.Len(), len(n.of[loose]))
	}
	for i, q := range queries {
		if got := near(t, n, q, Search{K: 10, Whole: true}); !slices.Equal(got, before[i]) {
			t.Fatalf("reading all finds %v, before arranging %v", got, before[i])
		}
	}
	if r := recall(t, n, queries, Search{K: 10}); r < .98 {
		t.Errorf("recall@10 is %.3f, want .98", r)
	}
}

// TestArrangedProductsChange sets, moves and removes products in an arranged index, whose memory must not grow by it.
func TestArrangedProductsChange(t *testing.T) {
	n, s := manyProducts(t, 5000, 32)
	if err := n.Arrange(context.Background()); err != nil {
		t.Fatal(err)
	}
	held := n.Bytes()
	for round := range 20 {
		for i := range 500 {
			_, v := s.next() // another place, as a rule another cell
			id := fmt.Sprintf("p%07d", i*10)
			if err := n.Set(Entry{ID: id, UpdatedAt: int64(round)}, v); err != nil {
				t.Fatal(err)
			}
			if got := near(t, n, v, Search{K: 1}); got[0] != id {
				t.Fatalf("what was just set is not found: %v, want %s", got, id)
			}
		}
	}
	if n.Len() != 5000 || n.Bytes() > held+held/2 {
		t.Errorf("%d products in %d bytes, %d before", n.Len(), n.Bytes(), held)
	}
	for i := range 5000 {
		n.Remove(fmt.Sprintf("p%07d", i))
	}
	if n.Len() != 0 || len(near(t, n, queriesOf(s, 1)[0], Search{K: 10})) > 0 || n.Bytes() > held+held/2 {
		t.Errorf("%d products in %d bytes after removing all", n.Len(), n.Bytes())
	}
}

// TestArrangeWhileUsed searches for all products at once while they are arranged and changed: each is found once.
func TestArrangeWhileUsed(t *testing.T) {
	n, s := manyProducts(t, 3000, 32)
	_, q := s.next()
	var fresh [][]float32
	for range 300 {
		_, v := s.next()
		fresh = append(fresh, v)
	}
	var users sync.WaitGroup
	done := make(chan struct{})
	users.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			hits, err := n.Near(context.Background(), q, Search{K: 50})
			if err != nil || len(hits) != 50 {
				t.Errorf("%d hits, %v", len(hits), err)
			}
			got := ids(hits)
			slices.Sort(got)
			if len(slices.Compact(got)) != 50 {
				t.Error("a product was found twice")
			}
		}
	})
	users.Go(func() {
		for i, v := range fresh {
			if err := n.Set(Entry{ID: fmt.Sprintf("p%07d", i)}, v); err != nil {
				t.Error(err)
			}
			n.Remove(fmt.Sprintf("p%07d", 2000+i))
		}
	})
	if err := n.Arrange(context.Background()); err != nil {
		t.Error(err)
	}
	close(done)
	users.Wait()
	if n.Len() != 2700 || len(near(t, n, q, Search{K: 2700, Whole: true})) != 2700 {
		t.Errorf("%d products", n.Len())
	}
	if again, _, _ := n.sample(); again != nil {
		t.Error("what is arranged is arranged again")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	n.cells.count = 1 // so that they are fitted anew
	n.arrangeFrom = 1
	if err := n.Arrange(ended); err == nil {
		t.Error("arranged although the context had ended")
	}
}
