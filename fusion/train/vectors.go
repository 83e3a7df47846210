package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"weft/fusion/dataset"
	"weft/onnx"
)

// tower is what a training made, as matrices: the score of a user for an item is the dot product of their rows.
type tower struct {
	dim   int       // of users and items, the bias included
	users []float32 // [u, 1]
	items []float32 // [τ·v, b]
	// v are the unit rows that users are summed from, b the biases.
	v, b []float32
	// Towers that were joined lie side by side, each in a unit segment of its own with its own temperature; mix, nil without
	// times, keeps to the segments.
	segments int
	tau, mix []float32
	// coldBias is what items got that nobody has.
	coldBias float32
}

// coldRank is where the bias of an item that nobody has yet lies among those of the others: at the median it would never
// be shown.
const coldRank = .8

// chunk bounds the rows that one run computes.
const chunk = 1 << 14

// vectors computes the tower of the averaged weights for all items and for the users' histories, as of the end of the data.
func (f *fit) vectors(ctx context.Context) (*tower, error) {
	d := f.spec.dim
	t := &tower{dim: d + 1, v: make([]float32, 0, f.items*d), segments: 1, tau: []float32{float32(math.Exp(float64(f.parameter("log_tau").Average[0])))}}
	for from := 0; from < f.items; from += chunk {
		to := min(from+chunk, f.items)
		rows := int64(to - from)
		in := map[string]onnx.Tensor{"identity": onnx.Floats(f.parameter("identity").Average[from*d:to*d], rows, int64(d))}
		keep := make([]float32, rows)
		for i := range keep {
			if f.counts[from+i] > 0 {
				keep[i] = 1
			}
		}
		in["keep"] = onnx.Floats(keep, rows, 1)
		for k, p := range f.features {
			on := make([]float32, rows)
			for i := range on {
				if p.on[from+i] {
					on[i] = 1
				}
			}
			name := fmt.Sprintf("project.%d", k)
			in[fmt.Sprintf("x.%d", k)] = onnx.Floats(p.rows[from*p.Width:to*p.Width], rows, int64(p.Width))
			in[fmt.Sprintf("on.%d", k)] = onnx.Floats(on, rows, 1)
			in[name] = onnx.Floats(f.parameter(name).Average, int64(p.Width), int64(d))
		}
		out, err := f.forward.Run(ctx, in, nil)
		if err != nil {
			return nil, err
		}
		t.v = append(t.v, out["v"].F32...)
	}
	if f.spec.mix {
		t.mix = slices.Clone(f.parameter("mix").Average)
	}
	t.b, t.coldBias = f.biases()
	t.items = make([]float32, f.items*t.dim)
	for i := range f.items {
		row := t.items[i*t.dim : (i+1)*t.dim]
		for j, x := range t.v[i*d : (i+1)*d] {
			row[j] = t.tau[0] * x
		}
		row[d] = t.b[i]
	}
	t.users = make([]float32, f.users*t.dim)
	inParallel(f.users*d, func(from, to int) {
		for u := (from + d - 1) / d; u < (to+d-1)/d; u++ {
			row := t.users[u*t.dim : (u+1)*t.dim]
			t.user(f.sampler.byUser[u], f.config.Strength, row[:d])
			row[d] = 1
		}
	})
	return t, nil
}

// user writes the vector of a history; it stays zero for an empty one.
func (t *tower) user(history []dataset.Interaction, strength dataset.Strength, u []float32) {
	d := len(u)
	clear(u)
	for _, r := range history {
		s := strength.Of(r.Weight)
		for j, x := range t.v[int(r.Item)*d : (int(r.Item)+1)*d] {
			u[j] += s * x
		}
	}
	unit(u)
	if t.mix == nil {
		return
	}
	mixed := make([]float32, d)
	for i, x := range u {
		for j, m := range t.mix[i*d : (i+1)*d] {
			mixed[j] += x * m
		}
	}
	unit(mixed)
	copy(u, mixed)
}

func unit(x []float32) {
	scale := float32(1 / math.Sqrt(dot(x, x)+lengthFloor))
	for i := range x {
		x[i] *= scale
	}
}

// biases are those of all items at the end of the data; cold items share one.
func (f *fit) biases() (b []float32, cold float32) {
	b = slices.Clone(f.parameter("bias").Average)
	if f.spec.popularity > 0 {
		w := f.parameter("popular").Average
		for i := range b {
			b[i] += float32(dot(f.now[i*len(w):(i+1)*len(w)], w))
		}
	}
	var warm []float32
	for i, n := range f.counts {
		if n > 0 {
			warm = append(warm, b[i])
		}
	}
	slices.Sort(warm)
	if len(warm) == 0 {
		return b, 0
	}
	cold = warm[min(int(coldRank*float64(len(warm))), len(warm)-1)]
	for i, n := range f.counts {
		if n == 0 {
			b[i] = cold
		}
	}
	return b, cold
}
