package serve

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	recallProducts = flag.String("recall-products", "10000", "how many products BenchmarkRecall searches, such as 10000,100000,1000000")
	recallDim      = flag.Int("recall-dim", 256, "their dimensions, up to 576")
)

// searches are the ways that products are looked for, with how many of them each keeps.
func searches() []struct {
	name string
	Search
} {
	dresses, cheap, soldOut := Filter{}, Filter{}, Filter{}
	for text, f := range map[string]*Filter{"category:Dresses": &dresses, "price<20": &cheap, "stock<1": &soldOut} {
		*f, _ = ParseFilter(text)
	}
	bought := func(e *Entry) bool { return !strings.HasSuffix(e.ID, "7") }
	return []struct {
		name string
		Search
	}{
		{"any", Search{K: 10}},
		{"spread", Search{K: 10, PerCategory: 8}},
		{"not-bought", Search{K: 10, Keep: bought}},                   // nine of ten
		{"category", Search{K: 10, Keep: dresses.Keep, Sparse: true}}, // one of ten, all in one place
		{"price", Search{K: 10, Keep: cheap.Keep, Sparse: true}},      // one of six
		{"stock", Search{K: 10, Keep: soldOut.Keep, Sparse: true}},    // one of twenty
	}
}

// realQueries are vectors of products and of shoppers by turns.
func realQueries(s *realShop, count int) (queries [][]float32) {
	for i := range count {
		q := s.shopper()
		if i%2 == 0 {
			_, q = s.next()
		}
		queries = append(queries, q)
	}
	return queries
}

// TestRealProductsAreFound searches products that lie as those of a shop do, by filters too, without reading all.
func TestRealProductsAreFound(t *testing.T) {
	s := newRealShop(t, 128, 6)
	n := Neighbours{arrangeFrom: 1}
	s.fill(t, &n, 12_000)
	if err := n.Arrange(t.Context()); err != nil {
		t.Fatal(err)
	}
	queries := realQueries(s, 60)
	for _, search := range searches() {
		if r := recall(t, &n, queries, search.Search); r < .97 {
			t.Errorf("%s: recall@10 is %.4f, want .97", search.name, r)
		}
	}
}

// BenchmarkRecall searches real vectors, jittered, one after the other on all cores: how long that takes, and how many of the
// ten nearest are found. -recall-products 10000,100000,1000000 -benchtime 500x
func BenchmarkRecall(b *testing.B) {
	shop := newRealShop(b, *recallDim, 1)
	for _, text := range strings.Split(*recallProducts, ",") {
		count, err := strconv.Atoi(text)
		if err != nil || count < 1 {
			b.Fatalf("-recall-products %q: want numbers parted by commas", *recallProducts)
		}
		b.Run(fmt.Sprintf("%dx%d", count, *recallDim), func(b *testing.B) {
			var n Neighbours
			shop.fill(b, &n, count)
			began := time.Now()
			if err := n.Arrange(b.Context()); err != nil {
				b.Fatal(err)
			}
			arranged := time.Since(began)
			queries := realQueries(shop, 200)
			for _, search := range searches() {
				r := recall(b, &n, queries, search.Search)
				b.Run(search.name, func(b *testing.B) {
					searchMany(b, &n, queries, search.Search, 1)
					b.ReportMetric(r, "recall@10")
					b.ReportMetric(arranged.Seconds(), "arrange-s")
					b.ReportMetric(float64(n.Bytes())/float64(count), "B/product")
				})
			}
		})
	}
}
