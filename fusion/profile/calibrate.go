package profile

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// scale maps z to Slope·z + Shift, with a pair for each column. It standardises inputs, and calibrates outputs: there a
// head of classes has one slope, the inverse temperature, and no shifts.
type scale struct {
	Slope, Shift []float64
}

// temperature finds the one slope for a head of classes with the least log loss of the rows (Guo et al., On Calibration
// of Modern Neural Networks, 2017). The loss is convex in the slope; the search is over 0.05 to 20.
func temperature(out [][]float64, truth []int) scale {
	cost := func(slope float64) (sum float64) {
		for i, row := range out {
			top := slices.Max(row) * slope
			var total float64
			for _, z := range row {
				total += math.Exp(slope*z - top)
			}
			sum += math.Log(total) + top - slope*row[truth[i]]
		}
		return sum
	}
	slope := goldenSection(cost, 0.05, 20)
	values := len(out[0])
	s := scale{Slope: make([]float64, values), Shift: make([]float64, values)}
	for j := range s.Slope {
		s.Slope[j] = slope
	}
	return s
}

// goldenSection minimises a function with one minimum between low and high, to 0.1 %.
func goldenSection(f func(float64) float64, low, high float64) float64 {
	ratio := (math.Sqrt(5) - 1) / 2
	a, b := high-ratio*(high-low), low+ratio*(high-low)
	fa, fb := f(a), f(b)
	for high-low > 0.001*low {
		if fa <= fb {
			high, b, fb = b, a, fa
			a = high - ratio*(high-low)
			fa = f(a)
		} else {
			low, a, fa = a, b, fb
			b = low + ratio*(high-low)
			fb = f(b)
		}
	}
	return (low + high) / 2
}

// platt fits slope and shift of each tag (Platt, Probabilistic Outputs for Support Vector Machines, 1999) by Newton's
// method, held to 1 and 0 as if by one more row.
func platt(out [][]float64, truth [][]bool) scale {
	values := len(out[0])
	s := scale{Slope: make([]float64, values), Shift: make([]float64, values)}
	for j := range values {
		a, b := 1.0, 0.0
		for range 30 {
			ga, gb, haa, hab, hbb := a-1, b, 1.0, 0.0, 1.0
			for i, row := range out {
				p := sigmoid(a*row[j] + b)
				d := p
				if truth[i][j] {
					d--
				}
				w := p * (1 - p)
				ga += d * row[j]
				gb += d
				haa += w * row[j] * row[j]
				hab += w * row[j]
				hbb += w
			}
			det := haa*hbb - hab*hab // at least 1: the matrix is a Gram matrix plus the unit matrix
			da, db := (hbb*ga-hab*gb)/det, (haa*gb-hab*ga)/det
			// A long step can overshoot where the loss is flat.
			if most := math.Max(math.Abs(da), math.Abs(db)); most > 1 {
				da, db = da/most, db/most
			}
			a, b = a-da, b-db
			if math.Abs(da)+math.Abs(db) < 1e-9 {
				break
			}
		}
		s.Slope[j], s.Shift[j] = a, b
	}
	return s
}

func (s scale) apply(row []float64) {
	for j, z := range row {
		row[j] = s.Slope[j]*z + s.Shift[j]
	}
}

func (s scale) applyAll(x *mat.Dense) {
	rows, _ := x.Dims()
	for i := range rows {
		s.apply(x.RawRowView(i))
	}
}

// guess is one thing said with a certainty, and whether it was right.
type guess struct {
	sure  float64
	right bool
}

func surestFirst(guesses []guess) {
	slices.SortFunc(guesses, func(a, b guess) int { return cmp.Compare(b.sure, a.sure) })
}

// fewestGuesses that a threshold may rest on.
const fewestGuesses = 20

// never is a threshold that no probability reaches.
const never = 2

// threshold is the least certainty at which those at least as sure were right with the wanted precision, less a standard
// error (the lower end of a Wilson interval of one standard deviation). It is never if there is none.
func threshold(guesses []guess, precision float64) float64 {
	surestFirst(guesses)
	least, right := float64(never), 0
	for i, g := range guesses {
		if g.right {
			right++
		}
		tied := i+1 < len(guesses) && guesses[i+1].sure == g.sure
		if n := i + 1; !tied && n >= fewestGuesses && wilson(right, n) >= precision {
			least = g.sure
		}
	}
	return least
}

// wilson is the lower end of the Wilson score interval at one standard deviation (Wilson, 1927).
func wilson(right, n int) float64 {
	p, m := float64(right)/float64(n), float64(n)
	return (p + 1/(2*m) - math.Sqrt(p*(1-p)/m+1/(4*m*m))) / (1 + 1/m)
}

// decision is the probability from which a tag counts as said when an answer is forced: one for all tags of a head, the
// one with the best micro F1. Probabilities and truth are by row and tag.
func decision(probabilities [][]float64, truth [][]bool) float64 {
	var all []guess
	held := 0
	for i, row := range probabilities {
		for j, p := range row {
			all = append(all, guess{p, truth[i][j]})
			if truth[i][j] {
				held++
			}
		}
	}
	surestFirst(all)
	best, at, hit := 0.0, 0.5, 0
	for i, g := range all {
		if g.right {
			hit++
		}
		tied := i+1 < len(all) && all[i+1].sure == g.sure
		if f1 := 2 * float64(hit) / float64(held+i+1); !tied && f1 > best {
			best, at = f1, g.sure
		}
	}
	return at
}
