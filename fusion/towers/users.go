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
const eventsModality = "events"

// history is what the user tower reads of one shopper.
type history struct {
	at      int // in the batch
	rows    [][]float32
	ages    []float32
	instant int64
}

// Users runs the user tower on a batch. What speaks for a shopper are the choices whose product the model has a row for:
// one that somebody had, or a later one that brings its own. A shopper without any gets no vector: what everybody likes
// is for the recommender to say, and not to be taken for what this one likes.
//
// Ages count from the model's own moment, or from the shopper's newest choice if that is later, and not from now: the
// same parts give the same vector at any time.
func (m *Model) Users(ctx context.Context, batch []fusion.UserParts) ([]fusion.UserVector, error) {
	out := make([]fusion.UserVector, len(batch))
	var all []history
	longest := 0
	for i := range batch {
		h, err := m.history(i, batch[i].Choices)
		if err != nil {
			return nil, err
		}
		if len(h.rows) > 0 {
			all = append(all, h)
			longest = max(longest, len(h.rows))
		}
	}
	if len(all) == 0 {
		return out, nil
	}
	n, width := len(all), m.manifest.Sources
	sources, age, mask := make([]float32, n*longest*width), make([]float32, n*longest), make([]float32, n*longest)
	for u, h := range all {
		for k, row := range h.rows {
			copy(sources[(u*longest+k)*width:], row)
			age[u*longest+k], mask[u*longest+k] = h.ages[k], 1
		}
	}
	made, err := m.user.Run(ctx, map[string]onnx.Tensor{
		"sources": onnx.Floats(sources, int64(n), int64(longest), int64(width)),
		"age":     onnx.Floats(age, int64(n), int64(longest)), "mask": onnx.Floats(mask, int64(n), int64(longest)),
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("user tower: %w", err)
	}
	for u, h := range all {
		v := made[vectorOutput].Row(u)
		if len(v) != m.manifest.Dim {
			return nil, fmt.Errorf("%w: user.onnx gives %d values, the manifest says %d", ErrModel, len(v), m.manifest.Dim)
		}
		if !slices.ContainsFunc(v, func(x float32) bool { return x != 0 }) {
			continue // the rows say nothing that the model ranks by
		}
		out[h.at] = fusion.UserVector{Vector: slices.Clone(v), Modalities: []string{eventsModality}}
	}
	return out, nil
}

// history reads the rows of a shopper's choices.
func (m *Model) history(at int, choices []fusion.Choice) (history, error) {
	h := history{at: at, instant: m.manifest.Now}
	for _, c := range choices {
		h.instant = max(h.instant, c.Last)
	}
	for _, c := range choices {
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
		h.rows, h.ages = append(h.rows, row), append(h.ages, float32(float64(h.instant-c.Last)/day))
	}
	return h, nil
}
