package serve

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// Beyond what a scan answers at once, products lie in cells: each in the cell whose centre is nearest, the centres being
// fitted to a sample by spherical k-means. A search then reads cell by cell, those first whose centres are nearest to what is
// asked for, until a share of all products on end has changed nothing in what it found, and answers exactly over what it read.
// So one whose answer lies far apart, as under a filter, reads on by itself. The shares are chosen for recall, see
// BenchmarkRecall. What is not in a cell yet is always read.
const (
	arrangeFrom  = 50_000 // products; below, all are read
	rearrange    = 4      // times as many products as the centres were fitted to: they are fitted anew
	cellProducts = 400    // wanted in a cell
	perCentre    = 32     // products in the sample for each centre
	rounds       = 4      // of k-means
)

// patienceFor is how many of all blocks on end may change nothing before a search ends: an eighth of few, near a sixteenth of
// many. One that keeps few is thrice as patient: twice lost a fortieth of a category among 100,000.
func patienceFor(blocks int, sparse bool) int {
	patience := blocks/16 + min(blocks/16, 128)
	if sparse {
		patience *= 3
	}
	return patience
}

// loose is the cell of blocks whose products have not been put into one.
const loose int32 = -1

// cells are the centres. They do not change once they are made.
type cells struct {
	count  int // products they were fitted for
	stride int
	codes  []int8 // stride each, see encode
	scale  []float32
}

func (c *cells) len() int { return len(c.scale) }

// scores compares a query with every centre. to has a place for each.
func (c *cells) scores(q *query, sums []int32, to []float32) {
	dotRows(q.codes, c.codes, sums)
	for i, s := range sums {
		to[i] = float32(s) * c.scale[i]
	}
}

// nearest is the cell of a unit vector.
func (c *cells) nearest(v []float32) int32 {
	q := newQuery(v, c.stride)
	sums, scores := make([]int32, c.len()), make([]float32, c.len())
	c.scores(&q, sums, scores)
	best := 0
	for i, s := range scores {
		if s > scores[best] {
			best = i
		}
	}
	return int32(best)
}

// ranked lists the cells, the nearest first.
func (c *cells) ranked(q *query) []int32 {
	sums, scores := make([]int32, c.len()), make([]float32, c.len())
	c.scores(q, sums, scores)
	order := make([]int32, c.len())
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return int(a - b)
	})
	return order
}

// fitCells finds centres for count products like those of the sample, of unit length.
func fitCells(ctx context.Context, sample [][]float32, count, stride int) (*cells, error) {
	dim, k := len(sample[0]), max(1, min(count/cellProducts, len(sample)/2))
	draw := rand.New(rand.NewPCG(1, uint64(count)))
	centres := make([][]float32, k)
	for i, at := range draw.Perm(len(sample))[:k] {
		centres[i] = slices.Clone(sample[at])
	}
	c := newCells(centres, count, stride)
	for range rounds {
		sums, members := make([]float32, k*dim), make([]int, k)
		for _, v := range sample {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			at := c.nearest(v)
			members[at]++
			for i, x := range v {
				sums[int(at)*dim+i] += x
			}
		}
		for i := range centres {
			sum := sums[i*dim : (i+1)*dim]
			length := math.Sqrt(float64(dot(sum, sum)))
			if members[i] == 0 || length == 0 { // nobody's: it begins again elsewhere
				copy(centres[i], sample[draw.IntN(len(sample))])
				continue
			}
			for d, x := range sum {
				centres[i][d] = float32(float64(x) / length)
			}
		}
		c = newCells(centres, count, stride)
	}
	return c, nil
}

func newCells(centres [][]float32, count, stride int) *cells {
	c := &cells{count: count, stride: stride, codes: make([]int8, len(centres)*stride), scale: make([]float32, len(centres))}
	for i, v := range centres {
		c.scale[i], _ = encode(v, c.codes[i*stride:][:len(v)])
	}
	return c
}
