package clean

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

func distribution(values ...float64) *Distribution {
	var d Distribution
	for _, v := range values {
		d.Add(v)
	}
	return &d
}

func TestNumeric(t *testing.T) {
	ages := distribution(20, 30, 30, 40, 50, math.NaN(), 999)
	ages.Miss()
	s := ages.Numeric()
	// Six values: quartiles 30 and 50, so the fence is 50 + 3·20.
	if s.Count != 6 || s.Missing != 2 || s.Q1 != 30 || s.Median != 35 || s.Q3 != 50 || s.Max != 999 {
		t.Errorf("%+v", s)
	}
	if s.Log {
		t.Log("with one age of 999 the octiles lean; the fences are of logarithms")
	}
	for _, c := range []struct {
		name   string
		values []float64
		log    bool
		outer  int64
	}{
		{"even", []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, false, 0},
		{"prices", []float64{1, 1, 1.2, 1.5, 2, 2.5, 3, 5, 9, 20, 60}, true, 0},
		{"prices with a nought too many", []float64{1, 1, 1.2, 1.5, 2, 2.5, 3, 5, 9, 20, 6e9}, true, 1},
		{"below 0 too", []float64{-1, 1, 1.2, 1.5, 2, 2.5, 3, 5, 9, 20, 6e9}, false, 1},
		{"all equal", []float64{7, 7, 7}, false, 0},
		{"mostly equal", []float64{7, 7, 7, 7, 7, 7, 7, 7, 9}, false, 0},
		{"one", []float64{3}, false, 0},
		{"huge", []float64{-1.7e308, 1.7e308, 1.6e308, -1.6e308}, false, 0},
	} {
		s := distribution(c.values...).Numeric()
		if s.Log != c.log || s.Outside != c.outer || s.Count != int64(len(c.values)) {
			t.Errorf("%s: %+v", c.name, s)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, v := range append(c.values, -1e300, 0, 1e300) {
			n := s.Apply(&v)
			if notNumber(n.Normal) || n.Imputed || n.Value < s.Low || n.Value > s.High || n.Winsorised != (v < s.Low || v > s.High) {
				t.Errorf("%s: %v becomes %+v", c.name, v, n)
			}
		}
	}
}

func TestMissingAndNothing(t *testing.T) {
	var none Numeric
	nan, five := math.NaN(), 5.0
	if got := none.Apply(nil); got != (Number{Imputed: true}) {
		t.Errorf("%+v", got)
	}
	if got := none.Apply(&five); got != (Number{Value: 5}) {
		t.Errorf("%+v", got)
	}
	s := distribution(1, 2, 3).Numeric()
	for _, v := range []*float64{nil, &nan} {
		if got := s.Apply(v); !got.Imputed || got.Value != 2 || got.Normal != 0 {
			t.Errorf("%+v", got)
		}
	}
	if got := (&Distribution{}).Numeric(); got != (Numeric{}) {
		t.Errorf("%+v", got)
	}
	if before, after := (&Distribution{}).Histogram(none, 10); before != nil || after != nil {
		t.Error("a histogram of nothing has bins")
	}
}

// The training's values come out with mean 0 and deviation 1, on either scale.
func TestNormal(t *testing.T) {
	for _, f := range []func(float64) float64{func(x float64) float64 { return 100 + 15*x }, math.Exp} {
		r := rand.New(rand.NewPCG(1, 1))
		var values []float64
		for range 2_000 {
			values = append(values, f(r.NormFloat64()))
		}
		s := distribution(values...).Numeric()
		var sum, square float64
		for _, v := range values {
			n := s.Apply(&v).Normal
			sum += n
			square += n * n
		}
		if mean, sd := sum/2_000, math.Sqrt(square/2_000); math.Abs(mean) > 1e-9 || math.Abs(sd-1) > 1e-9 {
			t.Errorf("mean %v, deviation %v", mean, sd)
		}
		if s.Log != (values[0] < 50) {
			t.Errorf("scale %+v", s)
		}
	}
}

// Beyond 16,384 different values memory stays bounded, quantiles are within one part
// in 1,024, and the order still does not count.
func TestDistributionOfManyValues(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	values := make([]float64, 100_000)
	for i := range values {
		values[i] = math.Exp(3 * r.NormFloat64())
		if i%3 == 0 {
			values[i] = -values[i]
		}
	}
	a := distribution(values...)
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	if len(a.counts) > 1<<17 || a.level != 1 {
		t.Errorf("%d different values at level %d", len(a.counts), a.level)
	}
	points := a.points()
	for _, q := range []float64{0.001, 0.25, 0.5, 0.9, 0.999} {
		at := int(q * float64(len(sorted)))
		got, want := quantile(points, a.n, q), (sorted[at-1]+sorted[at])/2
		if math.Abs(got-want) > math.Abs(want)/500 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	if b := distribution(values...); !reflect.DeepEqual(a, b) || !reflect.DeepEqual(a.Numeric(), b.Numeric()) {
		t.Error("another order of values gave another distribution")
	}
	var wide Distribution
	for i := range 1 << 18 {
		wide.Add(math.Float64frombits(uint64(i) << 44)) // all magnitudes
	}
	if wide.level != 2 || len(wide.counts) > 1<<18>>1 {
		t.Errorf("%d different values at level %d", len(wide.counts), wide.level)
	}
}

func TestHistogramHoldsEverything(t *testing.T) {
	for _, values := range [][]float64{{1}, {1, 1}, {-5, 0, 5, 5e8}, {1, 2, 3, 4, 8, 16, 1e9}, {-1.7e308, 1.7e308}} {
		d := distribution(values...)
		s := d.Numeric()
		before, after := d.Histogram(s, 30)
		for _, bins := range [][]Bin{before, after} {
			n := int64(0)
			for i, b := range bins {
				n += b.Count
				if b.To < b.From || i > 0 && b.From != bins[i-1].To && math.Abs(b.From-bins[i-1].To) > 1e-9*math.Abs(b.From) {
					t.Errorf("%v: bin %d is %+v after %+v", values, i, b, bins[max(0, i-1)])
				}
			}
			if n != int64(len(values)) {
				t.Errorf("%v: %d in %+v", values, n, bins)
			}
		}
	}
}

func TestCategorical(t *testing.T) {
	var c names
	for value, n := range map[string]int{"red": 500, "blue": 490, "teal": 4, "ochre": 2, " ": 3, "": 2} {
		for range n {
			c.add(value)
		}
	}
	s := c.categorical()
	// 0.5 % of 996 is 4.98: teal and ochre are too rare.
	if s.Count != 996 || s.Missing != 5 || s.Fewest != 5 || s.PooledValues != 2 || s.Pooled != 6 ||
		!slices.Equal(s.Values, []ValueCount{{"red", 500}, {"blue", 490}}) {
		t.Errorf("%+v", s)
	}
	for value, want := range map[string]Name{
		"red": {Value: "red"}, " red ": {Value: "red"}, "teal": {Value: Other, Pooled: true}, "never seen": {Value: Other, Pooled: true}, "": {Value: Unknown, Imputed: true},
	} {
		if got := s.Apply(value); got != want {
			t.Errorf("%q becomes %+v", value, got)
		}
	}
	for i := range mostDifferent + 1 {
		c.add(string(rune('a'+i%26)) + string(rune(0x4e00+i%20_000)) + string(rune('A'+i/20_000)))
	}
	if s := c.categorical(); !s.Text || len(s.Values) != 0 || s.Apply("anything") != (Name{Value: "anything"}) {
		t.Errorf("%d different values are text: %+v", mostDifferent, s)
	}
	if len(c.counts) != 0 {
		t.Errorf("%d values are held", len(c.counts))
	}
}
