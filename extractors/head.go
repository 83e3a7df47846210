package extractors

import (
	"fmt"
	"math"
	"slices"

	"weft/extractors/models"
	"weft/onnx"
)

// head makes vectors out of a model's output as the manifest says.
type head struct {
	recipe  string
	dim     int
	output  string
	pooling string
	l2      bool
}

func newHead(m *models.Manifest, decoder string) head {
	return head{recipe: m.Recipe(decoder), dim: m.Dim, output: m.Output, pooling: m.Pooling, l2: m.Normalisation == "l2"}
}

func (h head) Recipe() string { return h.recipe }
func (h head) Dim() int       { return h.dim }

// vectors makes one vector of each of the first n of the output's rows. lengths
// says how many tokens of each row are not padding; nil means all.
func (h head) vectors(t onnx.Tensor, rows, n int, lengths []int) ([][]float32, error) {
	if err := h.check(t, rows); err != nil {
		return nil, err
	}
	out := make([][]float32, n)
	for i := range out {
		row := t.Row(i)
		var v []float32
		switch {
		case h.pooling == "none" || h.pooling == "pooler":
			v = slices.Clone(row)
		case h.pooling == "cls":
			v = slices.Clone(row[:h.dim])
		case len(t.Shape) == 4:
			v = h.poolSpace(row)
		default:
			tokens := len(row) / h.dim
			if lengths != nil {
				tokens = lengths[i]
			}
			v = h.poolTokens(row[:tokens*h.dim])
		}
		if err := h.finish(v); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		out[i] = v
	}
	return out, nil
}

// check holds the output's shape against the manifest.
func (h head) check(t onnx.Tensor, rows int) error {
	s := t.Shape
	fits, want := false, "[%d tokens %d]"
	switch h.pooling {
	case "none", "pooler":
		fits, want = len(s) == 2 && s[1] == int64(h.dim), "[%d %d]"
	case "cls":
		fits = len(s) == 3 && s[1] > 0 && s[2] == int64(h.dim)
	case "mean", "max":
		fits = len(s) == 3 && s[1] > 0 && s[2] == int64(h.dim) || len(s) == 4 && s[1] == int64(h.dim) && s[2]*s[3] > 0
	}
	if t.F32 == nil || !fits || s[0] != int64(rows) {
		return fmt.Errorf("%w: output %q has shape %v, want float32 "+want+" for pooling %q", ErrVector, h.output, s, rows, h.dim, h.pooling)
	}
	return nil
}

// poolTokens pools [tokens][dim] in order, so that the sums do not depend on
// the company in a batch.
func (h head) poolTokens(row []float32) []float32 {
	v := slices.Clone(row[:h.dim])
	for at := h.dim; at < len(row); at += h.dim {
		for d, x := range row[at : at+h.dim] {
			if h.pooling == "max" {
				v[d] = max(v[d], x)
			} else {
				v[d] += x
			}
		}
	}
	if h.pooling == "mean" {
		n := float32(len(row) / h.dim)
		for d := range v {
			v[d] /= n
		}
	}
	return v
}

// poolSpace pools [dim][positions].
func (h head) poolSpace(row []float32) []float32 {
	n := len(row) / h.dim
	v := make([]float32, h.dim)
	for d := range v {
		plane := row[d*n : (d+1)*n]
		if h.pooling == "max" {
			v[d] = slices.Max(plane)
			continue
		}
		for _, x := range plane {
			v[d] += x
		}
		v[d] /= float32(n)
	}
	return v
}

// finish normalises and refuses what no recommender could use.
func (h head) finish(v []float32) error {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return fmt.Errorf("%w: the model gives values that are not finite", ErrVector)
	}
	if !h.l2 {
		return nil
	}
	if sum == 0 {
		return fmt.Errorf("%w: the model gives only zeros", ErrVector)
	}
	norm := math.Sqrt(sum)
	for d, x := range v {
		v[d] = float32(float64(x) / norm)
	}
	return nil
}
