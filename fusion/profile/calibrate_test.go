package profile

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestTemperatureUndoesOverconfidence(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var out [][]float64
	var truth []int
	for range 6000 {
		row := []float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
		p := distribution(Classes, row)
		x, class := rng.Float64(), 0
		for x > p[class] && class < 2 {
			x -= p[class]
			class++
		}
		for j := range row {
			row[j] *= 4 // four times too sure
		}
		out, truth = append(out, row), append(truth, class)
	}
	if s := temperature(out, truth); math.Abs(s.Slope[0]-0.25) > 0.02 || s.Shift[0] != 0 {
		t.Errorf("slope %v, want 0.25", s.Slope)
	}
}

func TestPlattFindsSlopeAndShift(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var out [][]float64
	var truth [][]bool
	for range 8000 {
		a, b := 3*rng.NormFloat64(), 3*rng.NormFloat64()
		out = append(out, []float64{a, b})
		truth = append(truth, []bool{rng.Float64() < sigmoid(0.5*a-1), rng.Float64() < sigmoid(1.5*b+0.5)})
	}
	s := platt(out, truth)
	for i, want := range []float64{0.5, 1.5} {
		if math.Abs(s.Slope[i]-want) > 0.1*want+0.03 {
			t.Errorf("slope %d: %v, want %v", i, s.Slope[i], want)
		}
	}
	if math.Abs(s.Shift[0]+1) > 0.12 || math.Abs(s.Shift[1]-0.5) > 0.12 {
		t.Errorf("shifts %v, want -1 and 0.5", s.Shift)
	}
	// A tag that nobody has and outputs that separate perfectly must not run away.
	s = platt([][]float64{{1, 5}, {2, -5}, {3, 5}}, [][]bool{{false, true}, {false, false}, {false, true}})
	for _, x := range append(s.Slope, s.Shift...) {
		if math.IsNaN(x) || math.Abs(x) > 20 {
			t.Errorf("slopes %v and shifts %v of three rows", s.Slope, s.Shift)
		}
	}
}

func TestThreshold(t *testing.T) {
	made := func(from, to int) (guesses []guess) {
		for i := from; i < to; i++ { // the surer half is all right, the other half never
			guesses = append(guesses, guess{float64(i) / 100, i >= 50})
		}
		return guesses
	}
	got := threshold(made(0, 100), 0.8)
	if got > 0.45 || got < 0.35 { // about 50 right of 62 are 0.8
		t.Errorf("threshold %v; down to about .4 eight of ten are right", got)
	}
	if got := threshold(made(0, 50), 0.8); got != never {
		t.Errorf("threshold %v where nothing is right", got)
	}
	if got := threshold(made(90, 100), 0.8); got != never {
		t.Errorf("threshold %v on ten guesses, which are too few", got)
	}
	same := make([]guess, 40)
	for i := range same {
		same[i] = guess{0.5, i < 30}
	}
	if got := threshold(same, 0.6); got != 0.5 {
		t.Errorf("threshold %v where all are equally sure and enough are right", got)
	}
	if got := threshold(same, 0.8); got != never {
		t.Errorf("threshold %v: equals cannot be told apart by it", got)
	}
}

func TestWilson(t *testing.T) {
	// Wilson's interval at z=1 for 8 of 10: (.8 + .05 ± √(.016+.0025))/1.1.
	if got, want := wilson(8, 10), (0.85-math.Sqrt(0.0185))/1.1; math.Abs(got-want) > 1e-12 {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestDecision(t *testing.T) {
	p := [][]float64{{0.9, 0.2}, {0.4, 0.6}, {0.3, 0.1}}
	truth := [][]bool{{true, false}, {true, true}, {false, false}}
	if got := decision(p, truth); got != 0.4 { // says three, all right
		t.Errorf("decision at %v, want 0.4", got)
	}
}

func TestReliability(t *testing.T) {
	bins, ece := reliability([]guess{{0.95, true}, {0.95, true}, {0.95, false}, {0.95, true}, {0.15, false}, {1, true}})
	// Top bin: 4 × .95 and 1, mean .96, of which 4 of 5; the other: .15, none.
	if want := 5.0/6*math.Abs(0.96-0.8) + 1.0/6*0.15; math.Abs(ece-want) > 1e-12 {
		t.Errorf("ECE %v, want %v", ece, want)
	}
	if b := bins[9]; b.Count != 5 || math.Abs(b.Said-0.96) > 1e-12 || b.Was != 0.8 {
		t.Errorf("top bin %+v", b)
	}
}
