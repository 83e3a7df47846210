package quality

import (
	"iter"
	"math"
	"slices"
)

// Vector is a product's vector, and whether it is of the last day. It is valid for the
// step of the iteration only.
type Vector struct {
	Values []float32
	Recent bool
}

// Drift compares the vectors of the last day with all older ones. Nothing is kept
// between two comparisons: the older vectors are the reference, so that a restart
// loses nothing and every process finds the same.
type Drift struct {
	Recent, Older int
	// Cosine of the two means: 1 says that they point the same way.
	Cosine float64
	// PSI is the population stability index of the likeness to the older mean, in ten
	// parts that hold as many of the older ones each. Below .1 nothing has moved, above
	// .25 much has.
	PSI float64
}

const (
	tenths = 10
	// leastVectors are needed on each side: with fewer the index is above zero by chance
	// alone ((tenths-1)(1/recent+1/older) on average).
	leastVectors = 500
)

// Compare reads all vectors twice. Cosine and PSI are NaN where one side is empty.
func Compare(all func() iter.Seq[Vector]) Drift {
	var older, recent []float64
	var d Drift
	for v := range all() {
		if v.Recent {
			d.Recent++
			recent = add(recent, v.Values)
		} else {
			d.Older++
			older = add(older, v.Values)
		}
	}
	d.Cosine, d.PSI = math.NaN(), math.NaN()
	if d.Recent == 0 || d.Older == 0 || len(recent) != len(older) {
		return d
	}
	length := math.Sqrt(dot(older, older))
	d.Cosine = dot(older, recent) / (length * math.Sqrt(dot(recent, recent)))
	was, is := make([]float64, 0, d.Older), make([]float64, 0, d.Recent)
	for v := range all() {
		if len(v.Values) != len(older) {
			continue // another generation came in between
		}
		var sum float64
		for i, x := range v.Values {
			sum += float64(x) * older[i]
		}
		if v.Recent {
			is = append(is, sum/length)
		} else {
			was = append(was, sum/length)
		}
	}
	d.PSI = stability(was, is)
	return d
}

// stability is the population stability index of a sample against another. Both are sorted.
func stability(was, is []float64) float64 {
	slices.Sort(was)
	slices.Sort(is)
	psi, fromWas, fromIs := 0.0, 0, 0
	for i := 1; i <= tenths; i++ {
		toWas, toIs := len(was), len(is)
		if i < tenths {
			edge := was[i*len(was)/tenths]
			toWas, _ = slices.BinarySearch(was, edge)
			toIs, _ = slices.BinarySearch(is, edge)
		}
		p, q := share(toWas-fromWas, len(was)), share(toIs-fromIs, len(is))
		psi += (q - p) * math.Log(q/p)
		fromWas, fromIs = toWas, toIs
	}
	return psi
}

// share of n in all; an empty part counts as half a member, so that its logarithm is finite.
func share(n, all int) float64 { return max(float64(n), 0.5) / float64(all) }

func add(sum []float64, v []float32) []float64 {
	if sum == nil {
		sum = make([]float64, len(v))
	}
	if len(v) == len(sum) {
		for i, x := range v {
			sum[i] += float64(x)
		}
	}
	return sum
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
