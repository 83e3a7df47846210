package serve

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// The sums are of whole numbers: with and without vector instructions they are the
// same, and a sum at the limits does not overflow.
func TestDotRows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, stride := range []int{32, 64, 576, 1664, 16384} {
		for _, rows := range []int{1, 3, blockRows} {
			codes, q := make([]int8, rows*stride), newQuery(randomUnit(r, stride), stride).codes
			for i := range codes {
				codes[i] = int8(r.IntN(255) - 127)
			}
			for i := range stride { // the first row is as like the query as a row can be
				codes[i] = 127
				if q[i] < 0 {
					codes[i] = -127
				}
			}
			got, want := make([]int32, rows), make([]int32, rows)
			dotRows(q, codes, got)
			dotRowsPlain(q, codes, want)
			if !slices.Equal(got, want) {
				t.Errorf("%d rows of %d: %v, want %v", rows, stride, got, want)
			}
			var first int64
			for i := range stride {
				first += int64(q[i]) * int64(codes[i])
			}
			if int64(got[0]) != first {
				t.Errorf("stride %d: %d, want %d", stride, got[0], first)
			}
		}
	}
	flat := make([]float32, 4096) // all values equal: codes are as large as they get
	for i := range flat {
		flat[i] = 1.0 / 64
	}
	q := newQuery(flat, len(flat))
	codes, out := make([]int8, len(flat)), make([]int32, 1)
	scale, miss := encode(flat, codes)
	dotRows(q.codes, codes, out)
	if got := q.scale * scale * float32(out[0]); got < .9999 || got > 1.0001 || q.atMost(out[0], scale, miss) < 1 {
		t.Errorf("a flat vector has %v to itself", got)
	}
}

// What the codes promise of a score holds, and is not far from it.
func TestCodesBoundTheScore(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, dim := range []int{1, 2, 31, 256, 576, 1664} {
		stride := (dim + codeStride - 1) / codeStride * codeStride
		var widest float32
		for range 300 {
			a, b := randomUnit(r, dim), randomUnit(r, dim)
			if r.IntN(2) == 0 { // one value far above the others
				b[r.IntN(dim)] += 3
			}
			var n Neighbours
			set(t, &n, "b", b)
			b, _ = n.Vector("b")
			codes, out := make([]int8, stride), make([]int32, 1)
			scale, miss := encode(b, codes[:dim])
			q := newQuery(a, stride)
			dotRows(q.codes, codes, out)
			bound, score := q.atMost(out[0], scale, miss), dot(a, b)
			if bound < score {
				t.Fatalf("dim %d: bound %v below the score %v", dim, bound, score)
			}
			widest = max(widest, bound-score)
		}
		if widest > .2 {
			t.Errorf("dim %d: the bound is %v above the score", dim, widest)
		}
	}
}

// With a limit for each category and a filter, the answer is that of sorting
// everything and taking from the top whatever the limits leave room for.
func TestNearWithinLimits(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var n Neighbours
	const products, dim = 3000, 24
	for i := range products {
		e := Entry{ID: fmt.Sprintf("p%04d", i)}
		if c := min(r.IntN(12), r.IntN(12)); c > 0 { // some categories are large, and some products have none
			e.Category = fmt.Sprint("c", c)
		}
		if err := n.Set(e, randomUnit(r, dim)); err != nil {
			t.Fatal(err)
		}
	}
	odd := func(e *Entry) bool { return (e.ID[4]-'0')%2 == 1 }
	for _, s := range []Search{
		{K: 1, PerCategory: 1}, {K: 10, PerCategory: 1}, {K: 10, PerCategory: 3}, {K: 20, PerCategory: 2}, {K: 200, PerCategory: 10},
		{K: 30, PerCategory: 1000}, {K: 10, PerCategory: 2, Keep: odd}, {K: 2000, Keep: odd}, {K: products + 1},
	} {
		q := randomUnit(r, dim)
		all, err := n.Near(t.Context(), q, Search{K: products})
		if err != nil || len(all) != products {
			t.Fatal(len(all), err)
		}
		if !slices.IsSortedFunc(all, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) }) {
			t.Fatal("not sorted")
		}
		taken := map[string]int{}
		var want []string
		for _, h := range all {
			if len(want) == s.K || s.Keep != nil && !s.Keep(&h.Entry) || s.PerCategory > 0 && h.Category != "" && taken[h.Category] == s.PerCategory {
				continue
			}
			taken[h.Category]++
			want = append(want, h.ID)
		}
		hits, err := n.Near(t.Context(), q, s)
		var got []string
		for _, h := range hits {
			got = append(got, h.ID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("k %d, %d a category: %v, %v\nwant %v", s.K, s.PerCategory, got, err, want)
		}
	}
}

// BenchmarkDotRows is one block with and without vector instructions.
func BenchmarkDotRows(b *testing.B) {
	const stride = 576
	r := rand.New(rand.NewPCG(4, 4))
	codes, out := make([]int8, blockRows*stride), make([]int32, blockRows)
	for i := range codes {
		codes[i] = int8(r.IntN(255) - 127)
	}
	q := newQuery(randomUnit(r, stride), stride).codes
	for name, run := range map[string]func([]int16, []int8, []int32){"here": dotRows, "plain": dotRowsPlain} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(blockRows * stride)
			for b.Loop() {
				run(q, codes, out)
			}
		})
	}
}
