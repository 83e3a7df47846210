package baselines

import (
	"fmt"
	"math"

	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/fusion/rank"
)

// Content scores an item by the cosine between its features and the mean of what the user had. Of several modalities each
// is brought to unit length and they are laid end to end: the concatenated vector. centred takes the mean of the present
// items off first.
func Content(h History, modalities []dataset.Modality, centred bool) (rank.Scorer, error) {
	items, err := ContentVectors(h.Items, modalities, centred)
	if err != nil {
		return nil, err
	}
	users := linear.Zeros(h.Users, items.Cols)
	for _, r := range h.Rows {
		add(users.Row(int(r.User)), items.Row(int(r.Item)), h.Strength.Of(r.Weight))
	}
	for i := range users.Rows {
		unit(users.Row(i))
	}
	return rank.Dot{Users: users.Data, Items: items.Data, Dim: items.Cols}, nil
}

// ContentVectors are unit rows of concatenated unit parts; an item without any features has a zero row.
func ContentVectors(items int, modalities []dataset.Modality, centred bool) (linear.Matrix, error) {
	dim := 0
	for _, m := range modalities {
		dim += m.Dim
	}
	if dim == 0 {
		return linear.Matrix{}, fmt.Errorf("%w: content without modalities: give at least one", ErrHistory)
	}
	out := linear.Zeros(items, dim)
	at := 0
	for _, m := range modalities {
		mean := make([]float32, m.Dim)
		if centred {
			n := float32(0)
			for i, present := range m.Present {
				if present {
					add(mean, m.Row(int32(i)), 1)
					n++
				}
			}
			for k := range mean {
				mean[k] /= max(n, 1)
			}
		}
		for i, present := range m.Present {
			if present {
				part := out.Row(i)[at : at+m.Dim]
				copy(part, m.Row(int32(i)))
				add(part, mean, -1)
				unit(part)
			}
		}
		at += m.Dim
	}
	for i := range items {
		unit(out.Row(i))
	}
	return out, nil
}

// unit brings v to length 1; zero stays zero.
func unit(v []float32) {
	if n := math.Sqrt(float64(dot(v, v))); n > 0 {
		for k := range v {
			v[k] /= float32(n)
		}
	}
}
