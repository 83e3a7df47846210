package content

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"weft/fusion/linear"
)

// lesson is what there is to learn the shared space from: the axes of the text, and the categories.
type lesson struct {
	head   *Head
	views  []view
	pivot  int           // the text's place among the sides; -1 without
	text   linear.Matrix // z of the text → its axes in the shared space
	label  []int         // by place: of the category, -1 unknown or too rare
	labels int
}

// fewest is how many items a modality must share with what it is led to, and how many a category must have.
const (
	fewestPairs    = 20
	fewestOfAClass = 3
)

func newLesson(h *Head, views []view, categories []string, from []int32) *lesson {
	l := &lesson{head: h, views: views, pivot: -1, label: make([]int, len(from))}
	for k, s := range h.Sides {
		if s.Name == pivotName && s.Used && count(views[k].on) >= fewestPairs {
			for other, v := range views {
				if other != k && h.Sides[other].Used && both(v.on, views[k].on) >= fewestPairs {
					l.pivot = k
				}
			}
		}
	}
	if l.pivot >= 0 {
		l.text = tapered(views[l.pivot])
	}
	sizes := map[string]int{}
	for _, item := range from {
		if categories != nil && categories[item] != "" {
			sizes[categories[item]]++
		}
	}
	var names []string
	for name, n := range sizes {
		if n >= fewestOfAClass {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(sizes[b], sizes[a]), cmp.Compare(a, b)) })
	names = names[:min(len(names), mostLabels)]
	if len(names) < 2 { // one kind tells nothing apart
		names = nil
	}
	number := map[string]int{}
	for i, name := range names {
		number[name] = i
	}
	l.labels = len(names)
	for i, item := range from {
		l.label[i] = -1
		if l.labels > 0 {
			if n, ok := number[categories[item]]; ok {
				l.label[i] = n
			}
		}
	}
	return l
}

// width is the length of the shared part.
func (l *lesson) width() int { return l.text.Cols + l.labels }

// tapered turns z of the text to its leading axes, the weak ones less weak than they are, at a mean length of 1.
func tapered(v view) linear.Matrix {
	kept := min(textAxes, v.z.Cols)
	squares := make([]float64, kept)
	n := 0.
	for i, on := range v.on {
		if on {
			n++
			for k := range kept {
				squares[k] += float64(v.z.Row(i)[k]) * float64(v.z.Row(i)[k])
			}
		}
	}
	first := math.Sqrt(slices.Max(squares))
	out := linear.Zeros(v.z.Cols, kept)
	total := 0.
	for k := range kept {
		scale := 1 / (math.Sqrt(squares[k]) + textTaper*first)
		out.Row(k)[k] = float32(scale)
		total += squares[k] * scale * scale
	}
	for k := range kept {
		out.Row(k)[k] *= float32(math.Sqrt(n / total))
	}
	return out
}

// taught is what there is to lead a modality's z into the shared space by, before it is said how strictly.
type taught struct {
	rows, width, at int             // of the map; at is where categories begin
	text            linear.Matrix   // the text's own map
	words, kinds    *normalEquation // of the others' map to the text, and of the map to categories; nil without
}

// teach looks at the places that may be looked at (nil: all).
func (l *lesson) teach(side int, use []bool) taught {
	v := l.views[side]
	t := taught{rows: v.z.Cols, width: l.width(), at: l.text.Cols}
	if !l.head.Sides[side].Used {
		return t
	}
	if l.pivot == side {
		t.text = l.text
	} else if l.pivot >= 0 {
		p := l.views[l.pivot]
		places := where(len(v.on), func(i int) bool { return v.on[i] && p.on[i] && (use == nil || use[i]) })
		if len(places) >= fewestPairs {
			target := linear.Zeros(len(places), l.text.Cols)
			for r, i := range places {
				accumulate(target.Row(r), p.z.Row(i), l.text)
			}
			t.words = normalOf(v.z, places, target)
		}
	}
	if l.labels > 0 {
		places := where(len(v.on), func(i int) bool { return v.on[i] && l.label[i] >= 0 && (use == nil || use[i]) })
		if len(places) >= fewestPairs {
			t.kinds = normalOf(v.z, places, l.indicators(places))
		}
	}
	return t
}

// lead is the map into the shared space. A modality that shares too few items with the text and with categories has none.
func (t taught) lead(ridge, category float32) (linear.Matrix, error) {
	if t.text.Rows == 0 && t.words == nil && t.kinds == nil {
		return linear.Matrix{}, nil
	}
	out := linear.Zeros(t.rows, t.width)
	put := func(at int, m linear.Matrix, times float32) {
		for i := range m.Rows {
			for k, x := range m.Row(i) {
				out.Row(i)[at+k] = times * x
			}
		}
	}
	put(0, t.text, 1)
	for _, part := range []struct {
		normal *normalEquation
		at     int
		times  float32
	}{{t.words, 0, 1}, {t.kinds, t.at, category}} {
		if part.normal == nil {
			continue
		}
		m, err := part.normal.solve(ridge)
		if err != nil {
			return out, err
		}
		put(part.at, m, part.times)
	}
	return out, nil
}

// indicators are the centred categories of places, at a mean length of 1.
func (l *lesson) indicators(places []int) linear.Matrix {
	mean := make([]float64, l.labels)
	for _, i := range places {
		mean[l.label[i]] += 1 / float64(len(places))
	}
	spread := 1.
	for _, p := range mean {
		spread -= p * p
	}
	scale := 1 / math.Sqrt(max(spread, 1e-6))
	out := linear.Zeros(len(places), l.labels)
	for r, i := range places {
		for k, p := range mean {
			x := -p
			if k == l.label[i] {
				x++
			}
			out.Row(r)[k] = float32(x * scale)
		}
	}
	return out
}

// normalEquation is a least squares problem.
type normalEquation struct {
	gram    *mat.SymDense
	product *mat.Dense
}

// normalOf is the regression of targets on the rows of z at places.
func normalOf(z linear.Matrix, places []int, target linear.Matrix) *normalEquation {
	rows, wanted := mat.NewDense(len(places), z.Cols, nil), mat.NewDense(len(places), target.Cols, nil)
	for r, i := range places {
		for k, x := range z.Row(i) {
			rows.Set(r, k, float64(x))
		}
		for k, x := range target.Row(r) {
			wanted.Set(r, k, float64(x))
		}
	}
	n := &normalEquation{gram: &mat.SymDense{}, product: &mat.Dense{}}
	n.gram.SymOuterK(1, rows.T())
	n.product.Mul(rows.T(), wanted)
	return n
}

// solve is the ridge regression; ridge is relative to the mean variance of an axis.
func (n *normalEquation) solve(ridge float32) (linear.Matrix, error) {
	d, cols := n.product.Dims()
	gram := mat.NewSymDense(d, nil)
	gram.CopySym(n.gram)
	more := float64(ridge)*mat.Trace(gram)/float64(d) + 1e-12
	for k := range d {
		gram.SetSym(k, k, gram.At(k, k)+more)
	}
	var solved mat.Dense
	var factor mat.Cholesky
	if !factor.Factorize(gram) {
		return linear.Matrix{}, fault("a regression has no solution; are the features of a sensible size?")
	}
	if err := factor.SolveTo(&solved, n.product); err != nil {
		return linear.Matrix{}, fault("a regression has no solution: %v", err)
	}
	out := linear.Zeros(d, cols)
	for i := range d {
		for k := range cols {
			out.Row(i)[k] = float32(solved.At(i, k))
		}
	}
	return out, nil
}

func where(n int, is func(int) bool) (places []int) {
	for i := range n {
		if is(i) {
			places = append(places, i)
		}
	}
	return places
}

func count(on []bool) int { return both(on, on) }

func both(a, b []bool) (n int) {
	for i := range a {
		if a[i] && b[i] {
			n++
		}
	}
	return n
}
