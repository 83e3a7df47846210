package train

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"weft/fusion/dataset"
	"weft/fusion/linear"
)

// encoding turns the raw features of one modality into what the tower reads. A single number (a price) is spread over
// bumps; wider features are centred and rotated to their principal axes, where weak axes keep part of their weakness:
// x = U·s/(s+.1·s₀) of the singular value decomposition U·s·Vᵀ, scaled to a mean length of 1. Both are plain functions of a
// row, so that an item that comes later is encoded alike.
type encoding struct {
	Name  string
	Dim   int // of the raw features
	Width int // of x
	// Center and Map: x = (raw - Center)·Map, Map being Dim × Width. Empty for a single number.
	Center, Map []float32
	// Bumps and Spread: x_j = bumpHeight · exp(-((t - Bumps_j)/Spread)²/2) for t = sign(raw)·log(1+|raw|).
	Bumps  []float32
	Spread float32
}

const (
	bumpCount   = 5
	bumpHeight  = 0.3
	weakness    = 0.1   // of an axis, relative to the first
	widest      = 256   // axes that are kept
	sampledRows = 20000 // rows that the axes are found from
)

// prepared is a modality as the tower reads it.
type prepared struct {
	encoding
	rows []float32 // items × Width; zero where off
	on   []bool
}

func prepare(m *dataset.Modality) (prepared, error) {
	items := len(m.Present)
	var present []int32
	for i, ok := range m.Present {
		if ok {
			present = append(present, int32(i))
		}
	}
	if len(present) == 0 {
		return prepared{}, fmt.Errorf("%w: modality %s has features for no item: leave it out, or mend its file", ErrData, m.Name)
	}
	e := encoding{Name: m.Name, Dim: m.Dim}
	var err error
	if m.Dim == 1 {
		e.bumps(m, present)
	} else if err = e.axes(m, present); err != nil {
		return prepared{}, err
	}
	p := prepared{encoding: e, rows: make([]float32, items*e.Width), on: m.Present}
	inParallel(items, func(from, to int) {
		for i := from; i < to; i++ {
			if m.Present[i] {
				e.encode(m.Row(int32(i)), p.rows[i*e.Width:(i+1)*e.Width])
			}
		}
	})
	return p, nil
}

// encode writes x of one raw row.
func (e *encoding) encode(raw, x []float32) {
	if e.Dim == 1 {
		t := logarithm(raw[0])
		for j, c := range e.Bumps {
			z := float64((t - c) / e.Spread)
			x[j] = bumpHeight * float32(math.Exp(-z*z/2))
		}
		return
	}
	clear(x)
	for i, r := range raw {
		r -= e.Center[i]
		for j, w := range e.Map[i*e.Width : (i+1)*e.Width] {
			x[j] += r * w
		}
	}
}

func logarithm(x float32) float32 {
	return float32(math.Copysign(math.Log1p(math.Abs(float64(x))), float64(x)))
}

func (e *encoding) bumps(m *dataset.Modality, present []int32) {
	t := make([]float32, len(present))
	for i, item := range present {
		t[i] = logarithm(m.Rows[item])
	}
	slices.Sort(t)
	for j := range bumpCount {
		e.Bumps = append(e.Bumps, t[(2*j+1)*len(t)/(2*bumpCount)])
	}
	e.Spread = max((e.Bumps[bumpCount-1]-e.Bumps[0])/bumpCount, 1e-3)
	e.Width = bumpCount
}

// axes finds the principal axes from the covariance of the rows.
func (e *encoding) axes(m *dataset.Modality, present []int32) error {
	every := (len(present) + sampledRows - 1) / sampledRows
	var sample []int32
	for i := 0; i < len(present); i += every {
		sample = append(sample, present[i])
	}
	n, d := len(sample), m.Dim
	mean := make([]float64, d)
	for _, item := range sample {
		for j, x := range m.Row(item) {
			mean[j] += float64(x) / float64(n)
		}
	}
	rows := mat.NewDense(n, d, nil)
	for i, item := range sample {
		for j, x := range m.Row(item) {
			rows.Set(i, j, float64(x)-mean[j])
		}
	}
	axes, strength, ok := principal(rows, widest)
	if !ok {
		return fmt.Errorf("%w: modality %s: its principal axes cannot be found; are its numbers of a sensible size?", ErrData, m.Name)
	}
	if len(strength) == 0 {
		return fmt.Errorf("%w: modality %s is the same for every item: leave it out", ErrData, m.Name)
	}
	e.Width = len(strength)
	e.Center, e.Map = make([]float32, d), make([]float32, d*e.Width)
	for j, x := range mean {
		e.Center[j] = float32(x)
	}
	for k, s := range strength {
		scale := 1 / (s + weakness*strength[0])
		for j := range d {
			e.Map[j*e.Width+k] = float32(axes.At(j, k) * scale)
		}
	}
	// Mean length 1.
	x, total := make([]float32, e.Width), 0.
	for _, item := range sample {
		e.encode(m.Row(item), x)
		total += math.Sqrt(dot(x, x))
	}
	if total == 0 {
		return nil
	}
	scale := float32(float64(n) / total)
	for i := range e.Map {
		e.Map[i] *= scale
	}
	return nil
}

func dot(a, b []float32) float64 { return float64(linear.Dot(a, b)) }
