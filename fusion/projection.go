package fusion

import (
	"math"
	"math/bits"
)

// projection maps dim values to out values: an orthogonal map of the dim-dimensional space, of which out coordinates
// are kept. Lengths and angles survive on average, with an error that falls as 1/√out; with out = dim they survive
// exactly.
//
// The map is a product of cheap orthogonal maps, drawn from the seed: three rounds of (shuffle the coordinates, flip
// signs at random, Hadamard transform of the first p, Hadamard transform of the last p), p being the largest power of
// two not above dim; then a last shuffle. Three rounds measure as good as a dense random orthonormal matrix, two do
// not. There is no matrix to store or to orthogonalise, and only additions, sign flips and one factor per transform,
// each rounded by itself, so every platform gives the same bits.
type projection struct {
	dim, out, p int
	scale       float64 // 1/√p
	rounds      [rounds]round
	last        []int32
}

const rounds = 3

type round struct {
	from []int32   // coordinate i is taken from from[i] …
	sign []float64 // … times sign[i]
}

func newProjection(dim, out int, seed uint64) *projection {
	p := &projection{dim: dim, out: out, p: 1 << (bits.Len(uint(dim)) - 1)}
	p.scale = 1 / math.Sqrt(float64(p.p))
	draw := &splitmix{seed}
	for i := range p.rounds {
		p.rounds[i].from = draw.shuffle(dim)
		p.rounds[i].sign = make([]float64, dim)
		for j := range p.rounds[i].sign {
			p.rounds[i].sign[j] = 1 - 2*float64(draw.next()>>63)
		}
	}
	p.last = draw.shuffle(dim)[:out]
	return p
}

// apply writes the out projected values of x to dst. It overwrites x and spare, both dim long.
func (p *projection) apply(dst, x, spare []float64) {
	for i := range p.rounds {
		r := &p.rounds[i]
		for j, from := range r.from {
			spare[j] = r.sign[j] * x[from]
		}
		p.hadamard(spare[:p.p])
		if p.p < p.dim {
			p.hadamard(spare[p.dim-p.p:])
		}
		x, spare = spare, x
	}
	for i, from := range p.last {
		dst[i] = x[from]
	}
}

// hadamard is the orthonormal Walsh–Hadamard transform in place; len(x) is p.
func (p *projection) hadamard(x []float64) {
	half := 1
	if len(x) >= 4 { // the first two passes at once: short inner loops would cost more than their sums
		for at := 0; at < len(x); at += 4 {
			q := x[at : at+4 : at+4]
			a, b, c, d := q[0]+q[1], q[0]-q[1], q[2]+q[3], q[2]-q[3]
			q[0], q[1], q[2], q[3] = a+c, b+d, a-c, b-d
		}
		half = 4
	}
	for ; half < len(x); half *= 2 {
		for at := 0; at < len(x); at += 2 * half {
			low, high := x[at:at+half], x[at+half:at+2*half]
			for i, a := range low {
				b := high[i]
				low[i], high[i] = a+b, a-b
			}
		}
	}
	for i := range x {
		x[i] = float64(x[i] * p.scale) // the conversion forbids fusing it with a later addition
	}
}

// splitmix is the SplitMix64 generator of Steele, Lea and Flood (2014). It is written out here, not taken from
// math/rand, because its numbers are part of the format.
type splitmix struct{ state uint64 }

func (s *splitmix) next() uint64 {
	s.state += 0x9E3779B97F4A7C15
	z := s.state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// shuffle draws a permutation of 0 … n-1 (Fisher–Yates from the top; the index is the high word of next·(i+1)).
func (s *splitmix) shuffle(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	for i := n - 1; i > 0; i-- {
		j, _ := bits.Mul64(s.next(), uint64(i+1))
		out[i], out[j] = out[j], out[i]
	}
	return out
}
