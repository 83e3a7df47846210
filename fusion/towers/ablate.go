package towers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"weft/fusion"
	"weft/fusion/dataset"
	"weft/onnx"
)

// Catalogue is products as rows: ids, and features with a row for each.
type Catalogue struct {
	IDs      []string
	Features []dataset.Modality
}

// Withheld says what a model is to do without, on the side of products and in the histories of shoppers alike. The zero
// value withholds nothing.
type Withheld struct {
	Modalities []string // features of these, of every product
	// Choices is all that people did with products: identity, popularity, what the closed-form models say. Every product
	// is then as one that nobody had, and of a history only what its products look like and say is left.
	Choices bool
}

// Ablation is a model that does without something, over a fixed catalogue.
type Ablation struct {
	// Vectors of the products in ranking space, products × Dim.
	Vectors []float32

	model   *Model
	sources []float32 // products × manifest.Sources
	known   []bool    // their row counts in a history even if it is zero
}

const ablated = 512 // products in one call

// Ablate runs the product tower over the catalogue without what is withheld. A modality that the model reads must be among
// the features, with the length that it reads (ErrModel).
func (m *Model) Ablate(ctx context.Context, c Catalogue, w Withheld) (*Ablation, error) {
	dims := map[string]int{}
	for _, f := range c.Features {
		dims[f.Name] = f.Dim
	}
	if err := m.manifest.Fits(dims); err != nil {
		return nil, err
	}
	n, width := len(c.IDs), m.manifest.Sources
	a := &Ablation{model: m, Vectors: make([]float32, 0, n*m.manifest.Dim), sources: make([]float32, n*width), known: make([]bool, n)}
	for from := 0; from < n; from += ablated {
		to := min(from+ablated, n)
		without, err := m.placed(ctx, c, from, to, w)
		if err != nil {
			return nil, err
		}
		a.Vectors = append(a.Vectors, without[vectorOutput].F32...)
		var whole map[string]onnx.Tensor
		for i := from; i < to; i++ {
			row := a.sources[i*width : (i+1)*width]
			at, known := m.rows[c.IDs[i]]
			if !known || w.Choices {
				if m.hasSource {
					copy(row, without[sourceOutput].Row(i-from))
				}
				continue
			}
			a.known[i] = true
			if err := m.sources.Row(at, row); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrModel, err)
			}
			if len(w.Modalities) == 0 || !m.hasSource {
				continue
			}
			if whole == nil {
				if whole, err = m.placed(ctx, c, from, to, Withheld{}); err != nil {
					return nil, err
				}
			}
			// The table's row, less what the tower makes of it of the features that are withheld; what the closed-form models
			// sum is in the table alone.
			for k, x := range without[sourceOutput].Row(i - from) {
				row[k] += x - whole[sourceOutput].Row(i - from)[k]
			}
		}
	}
	if len(a.Vectors) != n*m.manifest.Dim {
		return nil, fmt.Errorf("%w: product.onnx gives %d values for %d products, the manifest says %d each", ErrModel, len(a.Vectors), n, m.manifest.Dim)
	}
	return a, nil
}

// placed runs the product tower on rows from..to of a catalogue.
func (m *Model) placed(ctx context.Context, c Catalogue, from, to int, w Withheld) (map[string]onnx.Tensor, error) {
	in := m.productInputs(to - from)
	for i := from; i < to; i++ {
		if w.Choices {
			m.new(in, i-from)
		} else if err := m.chosen(c.IDs[i], in, i-from); err != nil {
			return nil, err
		}
		for k := range c.Features {
			f := &c.Features[k]
			x, reads := in["x."+f.Name]
			if reads && f.Present[i] && !slices.Contains(w.Modalities, f.Name) {
				copy(x.Row(i-from), f.Row(int32(i)))
				in["has."+f.Name].F32[i-from] = 1
			}
		}
	}
	out, err := m.product.Run(ctx, read(m.product, in), nil)
	if err != nil {
		return nil, fmt.Errorf("product tower: %w", err)
	}
	return out, nil
}

// mostSummed bounds the numbers in one call of the user tower.
const mostSummed = 1 << 23

// Users makes the vectors of shoppers of their histories, shoppers × Dim; zero for one without a history that says
// something. Items of the histories are rows of the catalogue.
func (a *Ablation) Users(ctx context.Context, histories [][]dataset.Interaction) ([]float32, error) {
	m, width := a.model, a.model.manifest.Sources
	out := make([]float32, len(histories)*m.manifest.Dim)
	var all []history
	for u, rows := range histories {
		choices := make([]fusion.Choice, len(rows))
		for k, r := range rows {
			choices[k].Last = r.Last
		}
		h := history{at: u}
		ages := m.ages(choices)
		for k, r := range rows {
			row := a.sources[int(r.Item)*width:][:width]
			if a.known[r.Item] || slices.ContainsFunc(row, func(x float32) bool { return x != 0 }) {
				h.rows, h.ages, h.says = append(h.rows, row), append(h.ages, ages[k]), append(h.says, m.manifest.Strength.Of(r.Weight))
			}
		}
		if len(h.rows) > 0 {
			all = append(all, h)
		}
	}
	// Those of like length together, since the tower reads all of them as long as the longest.
	slices.SortStableFunc(all, func(a, b history) int { return cmp.Compare(len(a.rows), len(b.rows)) })
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && (to+1-from)*len(all[to].rows)*width <= mostSummed {
			to++
		}
		made, err := m.sum(ctx, all[from:to])
		if err != nil {
			return nil, err
		}
		for i, v := range made {
			copy(out[all[from+i].at*m.manifest.Dim:], v)
		}
		from = to
	}
	return out, nil
}
