package train

import (
	"context"
	"fmt"

	"weft/fusion/dataset"
)

// seedApart is the distance of the seeds of an ensemble, far from those that people give.
const seedApart = 1 << 32

// ensemble trains towers on rows, each from another seed, beside those that there are: for the given epochs each, or until
// validation stops it where there are none.
func (t *training) ensemble(ctx context.Context, c Config, rows []dataset.Interaction, name string, epochs []int, list ...fitted) (fitted, error) {
	for i := len(list); i < c.Towers; i++ {
		own, part := c, name
		own.Seed += uint64(i) * seedApart
		if i > 0 {
			part = fmt.Sprintf("%s.%d", name, i+1)
			t.Watch.stage("%s, tower %d of %d", name, i+1, c.Towers)
		}
		if epochs != nil {
			own.Epochs = epochs[i]
		}
		f, err := t.fit(ctx, own, rows, part, epochs == nil)
		if err != nil {
			return fitted{}, err
		}
		list = append(list, f)
	}
	return join(list), nil
}

// join lays towers of the same shape side by side: one wide tower whose score is the mean of theirs. Each keeps a unit
// segment of its own; what they are unsure of differs from seed to seed and cancels out.
func join(list []fitted) fitted {
	if len(list) == 1 {
		return list[0]
	}
	one := list[0]
	d, k := one.dim-1, len(list)
	items, users := len(one.items)/one.dim, len(one.users)/one.dim
	out := fitted{tower: &tower{dim: k*d + 1, segments: k}, history: one.history, best: one.best}
	for _, f := range list {
		out.steps += f.steps
		out.bests = append(out.bests, f.bests...)
		out.coldBias += f.coldBias / float32(k)
		for _, tau := range f.tau {
			out.tau = append(out.tau, tau/float32(k))
		}
	}
	wide := func(rows, width int, of func(fitted) []float32) []float32 { // segments side by side
		data := make([]float32, rows*k*width)
		for s, f := range list {
			for i, from := 0, of(f); i < rows; i++ {
				copy(data[(i*k+s)*width:][:width], from[i*width:])
			}
		}
		return data
	}
	out.v = wide(items, d, func(f fitted) []float32 { return f.v })
	out.identity = wide(items, d, func(f fitted) []float32 { return f.identity })
	for m := range one.projects {
		out.projects = append(out.projects, wide(len(one.projects[m])/d, d, func(f fitted) []float32 { return f.projects[m] }))
	}
	out.b = make([]float32, items)
	for _, f := range list {
		for i, b := range f.b {
			out.b[i] += b / float32(k)
		}
	}
	if one.mix != nil { // block by block along the diagonal
		out.mix = make([]float32, k*d*k*d)
		for s, f := range list {
			for i := range d {
				copy(out.mix[((s*d+i)*k+s)*d:][:d], f.mix[i*d:])
			}
		}
	}
	out.items = make([]float32, items*out.dim)
	for i := range items {
		row := out.items[i*out.dim:][:out.dim]
		for j, x := range out.v[i*k*d : (i+1)*k*d] {
			row[j] = out.tau[j/d] * x
		}
		row[k*d] = out.b[i]
	}
	out.users = make([]float32, users*out.dim)
	for s, f := range list {
		for u := range users {
			copy(out.users[u*out.dim+s*d:][:d], f.users[u*f.dim:])
		}
	}
	for u := range users {
		out.users[u*out.dim+k*d] = 1
	}
	return out
}
