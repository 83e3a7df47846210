package serve

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"weft/extractors/encodertest"
	"weft/fusion"
)

// realShop makes products of those of examples/catalogue: their content vectors, as the encoders and the untrained fusion
// make them, each moved at random.
type realShop struct {
	r       *rand.Rand
	vectors [][]float32
	entries []Entry
}

// newRealShop encodes the catalogue, one in so many of its 250 photos and listings; dim is that of the content vectors, at most 576.
func newRealShop(tb testing.TB, dim, oneIn int) *realShop {
	tb.Helper()
	image, text := encodertest.Open(tb)
	config := fusion.DefaultConfig(image.Dim(), text.Dim())
	config.Blocks[0].Out, config.Blocks[1].Out = dim*2/3, dim-dim*2/3
	fuse, err := fusion.NewConcat(config)
	if err != nil {
		tb.Fatal(err)
	}
	s := &realShop{r: rand.New(rand.NewPCG(9, 10))}
	photos, err := filepath.Glob("../examples/catalogue/*/*.jpg")
	if err != nil || len(photos) < 200 {
		tb.Fatal(len(photos), err)
	}
	for i, path := range photos {
		if i%oneIn != 0 {
			continue
		}
		var parts []fusion.Part
		var listing struct {
			Title, Description, Category string
			Price                        float64
		}
		if data, err := os.ReadFile(filepath.Join(filepath.Dir(path), "product.json")); err == nil {
			if err := json.Unmarshal(data, &listing); err != nil {
				tb.Fatal(path, err)
			}
			ids, err := text.Tokenize(listing.Title + ". " + listing.Description)
			if err != nil {
				tb.Fatal(err)
			}
			made, err := text.Encode(tb.Context(), [][]int32{ids})
			if err != nil {
				tb.Fatal(err)
			}
			parts = append(parts, fusion.Part{Modality: "text", Weight: 1, Vector: made[0]})
		}
		data, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		rgb, err := image.Prepare(data)
		if err != nil {
			tb.Fatal(path, err)
		}
		made, err := image.Encode(tb.Context(), [][]byte{rgb})
		if err != nil {
			tb.Fatal(err)
		}
		v, _, err := fuse.Fuse(append(parts, fusion.Part{Modality: "image", Weight: 1, Vector: made[0]}))
		if err != nil {
			tb.Fatal(err)
		}
		s.vectors = append(s.vectors, v)
		s.entries = append(s.entries, Entry{Title: listing.Title, Category: listing.Category, Price: &listing.Price})
	}
	return s
}

// next is a product like one of the catalogue: its vector is moved by a vector of random direction and of a length from
// .2 to .6, which leaves it a cosine of .98 to .86 to where it was.
func (s *realShop) next() (Entry, []float32) {
	i := s.r.IntN(len(s.vectors))
	v := randomUnit(s.r, len(s.vectors[i]))
	length := float32(.2 + .4*s.r.Float64())
	for d := range v {
		v[d] = s.vectors[i][d] + length*v[d]
	}
	e := s.entries[i]
	price := *e.Price * (.5 + s.r.Float64())
	e.Price, e.Facts = &price, []Fact{{Name: "stock", Value: "0", Number: float64(s.r.IntN(20)), Numeric: true}}
	return e, v
}

// shopper is the vector of one who chose some products: their mean.
func (s *realShop) shopper() []float32 {
	sum := make([]float32, len(s.vectors[0]))
	for range 1 + s.r.IntN(20) {
		_, v := s.next()
		for d := range sum {
			sum[d] += v[d]
		}
	}
	return sum
}

// unitOf is a vector at unit length.
func unitOf(v []float32) []float32 {
	length := float32(math.Sqrt(float64(dot(v, v))))
	for i := range v {
		v[i] /= length
	}
	return v
}

// fill sets as many products.
func (s *realShop) fill(tb testing.TB, n *Neighbours, count int) {
	tb.Helper()
	for i := range count {
		e, v := s.next()
		e.ID = fmt.Sprintf("p%07d", i)
		if err := n.Set(e, v); err != nil {
			tb.Fatal(err)
		}
	}
}
