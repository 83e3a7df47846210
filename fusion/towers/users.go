package towers

import (
	"context"
	"fmt"
	"slices"

	"weft/fusion"
	"weft/onnx"
)

const day = 24 * 3600 * 1000 // ms

// eventsModality is what a shopper's vector is made of.
const (
	eventsModality = "events"
	wordsModality  = "words"
	socialModality = "social"
)

// history is what the user tower reads of one shopper.
type history struct {
	at   int    // in the batch
	from string // modality
	rows [][]float32
	ages []float32 // days
	says []float32 // strengths
}

// Users runs the user tower on a batch. What speaks for a shopper are the choices whose product the model has a row for:
// one that somebody had, or a later one that brings its own. For a shopper without any, what they searched for and wrote
// speaks, each text as a product of which nothing but that is known; else what those they follow passed on. Who is left gets no
// vector: what everybody likes is for the recommender to say, and not to be taken for what this one likes.
//
// Ages count from the model's own moment, or from the shopper's newest choice if that is later, and not from now: the
// same parts give the same vector at any time.
func (m *Model) Users(ctx context.Context, batch []fusion.UserParts) ([]fusion.UserVector, error) {
	out := make([]fusion.UserVector, len(batch))
	var all []history
	for i := range batch {
		h, err := m.history(i, batch[i].Choices)
		if err != nil {
			return nil, err
		}
		if len(h.rows) == 0 {
			if h, err = m.hearsay(ctx, i, batch[i].Parts); err != nil {
				return nil, fmt.Errorf("user %s: %w", batch[i].ID, err)
			}
		}
		if len(h.rows) > 0 {
			all = append(all, h)
		}
	}
	if len(all) == 0 {
		return out, nil
	}
	made, err := m.sum(ctx, all)
	if err != nil {
		return nil, err
	}
	for u, h := range all {
		if made[u] != nil { // the rows say something that the model ranks by
			out[h.at] = fusion.UserVector{Vector: made[u], Modalities: []string{h.from}}
		}
	}
	return out, nil
}

// sum runs the user tower on histories, each of at least one row, and gives the vector of each; nil where it is zero.
func (m *Model) sum(ctx context.Context, all []history) ([][]float32, error) {
	n, width, longest := len(all), m.manifest.Sources, 0
	for _, h := range all {
		longest = max(longest, len(h.rows))
	}
	sources, age, mask := make([]float32, n*longest*width), make([]float32, n*longest), make([]float32, n*longest)
	for u, h := range all {
		for k, row := range h.rows {
			copy(sources[(u*longest+k)*width:], row)
			age[u*longest+k], mask[u*longest+k] = h.ages[k], h.says[k]
		}
	}
	made, err := m.user.Run(ctx, read(m.user, map[string]onnx.Tensor{
		"sources": onnx.Floats(sources, int64(n), int64(longest), int64(width)),
		"age":     onnx.Floats(age, int64(n), int64(longest)), "mask": onnx.Floats(mask, int64(n), int64(longest)),
	}), nil)
	if err != nil {
		return nil, fmt.Errorf("user tower: %w", err)
	}
	out := make([][]float32, n)
	for u := range out {
		v := made[vectorOutput].Row(u)
		if len(v) != m.manifest.Dim {
			return nil, fmt.Errorf("%w: user.onnx gives %d values, the manifest says %d", ErrModel, len(v), m.manifest.Dim)
		}
		if slices.ContainsFunc(v, func(x float32) bool { return x != 0 }) {
			out[u] = slices.Clone(v)
		}
	}
	return out, nil
}

// ages are days before the model's own moment, or before the newest of the choices if that is later.
func (m *Model) ages(choices []fusion.Choice) []float32 {
	instant := m.manifest.Now
	for _, c := range choices {
		instant = max(instant, c.Last)
	}
	ages := make([]float32, len(choices))
	for i, c := range choices {
		ages[i] = float32(float64(instant-c.Last) / day)
	}
	return ages
}

// history reads the rows of a shopper's choices.
func (m *Model) history(at int, choices []fusion.Choice) (history, error) {
	h := history{at: at, from: eventsModality}
	ages := m.ages(choices)
	for k, c := range choices {
		row := c.Source
		if i, known := m.rows[c.Product]; known {
			row = make([]float32, m.manifest.Sources)
			if err := m.sources.Row(i, row); err != nil {
				return h, fmt.Errorf("%w: %w", ErrModel, err)
			}
		}
		if len(row) == 0 {
			continue
		}
		if len(row) != m.manifest.Sources {
			return h, fmt.Errorf("product %s: %w: its row for histories has %d values, the model reads %d", c.Product, fusion.ErrDim, len(row), m.manifest.Sources)
		}
		h.rows, h.ages, h.says = append(h.rows, row), append(h.ages, ages[k]), append(h.says, m.manifest.Strength.Of(float32(c.Weight)))
	}
	return h, nil
}
