package clean

import (
	"maps"
	"math"
	"slices"
)

// Distribution counts values. As long as there are few different ones it is exact;
// beyond, it drops trailing bits of them, so that memory is bounded and a value is
// short by at most 1 part in 1,024 (beyond that again, in 64). It depends on the
// values alone, not on their order. The zero Distribution is ready.
type Distribution struct {
	counts  map[float64]int64
	level   int // of precisions
	n       int64
	nothing int64
}

// precisions are the bits of a float64 that are kept, each with how many different
// values are worth that much.
var precisions = [...]struct {
	bits   uint64
	values int
}{{52, 1 << 14}, {10, 1 << 17}, {6, 1 << 62}}

// Add counts a value; one that is no number counts as missing.
func (d *Distribution) Add(v float64) {
	if notNumber(v) {
		d.nothing++
		return
	}
	if d.counts == nil {
		d.counts = map[float64]int64{}
	}
	d.n++
	d.counts[d.short(v)]++
	for len(d.counts) > precisions[d.level].values {
		d.level++
		coarse := make(map[float64]int64, len(d.counts)/2)
		for v, n := range d.counts {
			coarse[d.short(v)] += n
		}
		d.counts = coarse
	}
}

// Miss counts a row that has no value.
func (d *Distribution) Miss() { d.nothing++ }

// short drops bits. Dropping some and then more is the same as dropping all at
// once, which is why the order does not count.
func (d *Distribution) short(v float64) float64 {
	if v == 0 {
		return 0 // and not its negative
	}
	drop := 52 - precisions[d.level].bits
	return math.Float64frombits(math.Float64bits(v) >> drop << drop)
}

// Count is how many values there are, and Missing how many rows had none.
func (d *Distribution) Count() int64   { return d.n }
func (d *Distribution) Missing() int64 { return d.nothing }

// point is a value and how often it is there.
type point struct {
	value float64
	n     int64
}

// points are all values, ascending.
func (d *Distribution) points() []point {
	all := make([]point, 0, len(d.counts))
	for _, v := range slices.Sorted(maps.Keys(d.counts)) {
		all = append(all, point{v, d.counts[v]})
	}
	return all
}

// quantile is the least value that at least the part q of n values do not exceed,
// or the middle between it and the next where the part ends just there.
func quantile(points []point, n int64, q float64) float64 {
	want := q * float64(n)
	seen := int64(0)
	for i, p := range points {
		seen += p.n
		if float64(seen) == want && i+1 < len(points) {
			return p.value/2 + points[i+1].value/2
		}
		if float64(seen) >= want {
			return p.value
		}
	}
	return points[len(points)-1].value
}

// Bin is a bar of a histogram: Count values from From to below To (the last bin: and
// To itself).
type Bin struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Count int64   `json:"count"`
}
