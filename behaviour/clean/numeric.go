package clean

import "math"

// Numeric is what is kept of a distribution: enough to put outliers back to the
// edge, to fill what is missing and to normalise, in training and in serving alike.
type Numeric struct {
	Count   int64   `json:"count"`   // values
	Missing int64   `json:"missing"` // rows without one
	Min     float64 `json:"min"`
	Q1      float64 `json:"q1"`
	Median  float64 `json:"median"` // also what missing values are filled with
	Q3      float64 `json:"q3"`
	Max     float64 `json:"max"`
	// Log: the values are all above 0 and lean to the right, so that fences, Mean and
	// SD are of their natural logarithms. Fences are told as values all the same.
	Log bool `json:"log"`
	// Low and High are the fences: Fence quartile distances outside the quartiles, or
	// Min and Max where more than half of all values are equal.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	Mean float64 `json:"mean"` // within the fences, of logarithms if Log
	SD   float64 `json:"sd"`   // likewise; 0: all are equal
	// Outside is how many values lie outside the fences.
	Outside int64 `json:"outside"`
}

// Fence is how many quartile distances outside the quartiles a value is an outlier:
// 3, Tukey's "far out" (Exploratory Data Analysis, 1977), since what is bought and
// paid has long tails that are real.
const Fence = 3

// lean above which values are judged by their logarithms: octile skewness, Hinkley
// 1975. 0 is symmetric; an exponential distribution has 0.42.
const lean = 0.25

// Numeric summarises; the zero Numeric without values.
func (d *Distribution) Numeric() Numeric {
	s := Numeric{Count: d.n, Missing: d.nothing}
	points := d.points()
	if len(points) == 0 {
		return s
	}
	q := func(p float64) float64 { return quantile(points, d.n, p) }
	s.Min, s.Max = points[0].value, points[len(points)-1].value
	s.Q1, s.Median, s.Q3 = q(0.25), q(0.5), q(0.75)
	low, high := q(0.125), q(0.875)
	s.Log = s.Min > 0 && high > low && (high+low-2*s.Median)/(high-low) > lean
	s.Low, s.High = s.Min, s.Max
	if q1, q3 := s.scaled(s.Q1), s.scaled(s.Q3); q3 > q1 {
		reach := Fence * (q3 - q1)
		s.Low, s.High = max(s.Min, s.unscaled(q1-reach)), min(s.Max, s.unscaled(q3+reach))
	}
	for _, p := range points {
		if p.value < s.Low || p.value > s.High {
			s.Outside += p.n
		}
		s.Mean += s.scaled(s.clamp(p.value)) / float64(d.n) * float64(p.n)
	}
	variance := 0.0
	for _, p := range points {
		away := s.scaled(s.clamp(p.value)) - s.Mean
		variance += away * away / float64(d.n) * float64(p.n)
	}
	s.SD = math.Sqrt(variance)
	if len(points) == 1 || notNumber(s.SD) {
		s.SD = 0 // only the mean's last bits, or squares too large for a number
	}
	return s
}

func (s *Numeric) scaled(v float64) float64 {
	if s.Log {
		return math.Log(v)
	}
	return v
}

func (s *Numeric) unscaled(v float64) float64 {
	if s.Log {
		return math.Exp(v)
	}
	return v
}

func (s *Numeric) clamp(v float64) float64 { return min(max(v, s.Low), s.High) }

// Number is a value after cleaning.
type Number struct {
	Value      float64 `json:"value"`
	Normal     float64 `json:"normal"`     // (value − mean) / sd, on the scale of the statistics
	Imputed    bool    `json:"imputed"`    // there was none; it is the median
	Winsorised bool    `json:"winsorised"` // it lay outside a fence and was put onto it
}

// Apply cleans one value; nil, NaN and infinities are missing. Without statistics
// (Count 0) a value stays as it is with Normal 0, and a missing one is 0.
func (s *Numeric) Apply(v *float64) Number {
	var n Number
	switch {
	case v == nil || notNumber(*v):
		n.Value, n.Imputed = s.Median, true
	case s.Count == 0:
		n.Value = *v
	default:
		n.Value = s.clamp(*v)
		n.Winsorised = n.Value != *v
	}
	if s.SD > 0 {
		n.Normal = (s.scaled(s.clamp(n.Value)) - s.Mean) / s.SD
	}
	return n
}

// Histogram is the values in bins of equal width, on the scale of s, between the
// least and the greatest: before cleaning, and within the fences after it. Both are
// nil without values; where all are equal there is one bin.
func (d *Distribution) Histogram(s Numeric, bins int) (before, after []Bin) {
	points := d.points()
	if len(points) == 0 || bins < 1 {
		return nil, nil
	}
	whole := func(v float64) float64 { return v }
	return histogram(points, s, s.Min, s.Max, bins, whole), histogram(points, s, s.Low, s.High, bins, s.clamp)
}

func histogram(points []point, s Numeric, from, to float64, bins int, value func(float64) float64) []Bin {
	low, high := s.scaled(from), s.scaled(to)
	if !(high > low) {
		bins = 1
	}
	out := make([]Bin, bins)
	step := high/float64(bins) - low/float64(bins) // high − low itself may be too large
	edge := func(i int) float64 {
		part := float64(i) / float64(bins)
		return s.unscaled(low*(1-part) + high*part)
	}
	for i := range out {
		out[i].From, out[i].To = edge(i), edge(i+1)
	}
	out[0].From, out[bins-1].To = from, to
	for _, p := range points {
		i := 0
		if step > 0 {
			i = min(max(0, int(s.scaled(value(p.value))/step-low/step)), bins-1)
		}
		out[i].Count += p.n
	}
	return out
}
