package towers

import (
	"context"
	"fmt"
	"math"
	"slices"

	"weft/fusion"
	"weft/onnx"
)

// Names in product.onnx and user.onnx.
const (
	vectorOutput  = "vector"
	contentOutput = "content"
	sourceOutput  = "source"
)

// identityModality says that a product was placed by what people did with it, beside its features.
const identityModality = "identity"

// Products runs the product tower on a batch. A product that somebody had takes its rows of the tables, another one the
// cold path; features are read by fusion.Pool, and those that are missing are masked.
func (m *Model) Products(ctx context.Context, batch []fusion.ProductParts) ([]fusion.ProductVectors, error) {
	out, err := m.towers(ctx, batch)
	if err != nil || m.hasContent {
		return out, err
	}
	for i := range batch { // what it looks like is not for a model without features to say
		if out[i].Content, _, err = m.concat.Fuse(batch[i].Parts); err != nil {
			return nil, fmt.Errorf("product %s: %w", batch[i].ID, err)
		}
	}
	return out, nil
}

// towers is Products without a content where the model has none.
func (m *Model) towers(ctx context.Context, batch []fusion.ProductParts) ([]fusion.ProductVectors, error) {
	n := len(batch)
	out := make([]fusion.ProductVectors, n)
	in := m.productInputs(n)
	warm := in["warm"].F32
	for i := range batch {
		features, err := fusion.Pool(batch[i])
		if err != nil {
			return nil, err
		}
		for _, mod := range m.manifest.Modalities {
			row, has := features[mod.Name]
			if !has {
				continue
			}
			if len(row) != mod.Dim {
				return nil, fmt.Errorf("product %s: %w: %s has %d values, the model reads %d", batch[i].ID, fusion.ErrDim, mod.Name, len(row), mod.Dim)
			}
			copy(in["x."+mod.Name].Row(i), row)
			in["has."+mod.Name].F32[i] = 1
			out[i].Modalities = append(out[i].Modalities, mod.Name)
		}
		if err := m.chosen(batch[i].ID, in, i); err != nil {
			return nil, err
		}
		if warm[i] > 0 {
			out[i].Modalities = append(out[i].Modalities, identityModality)
		}
	}
	for i := range batch {
		if batch[i].Unpopular {
			in["bias"].F32[i] = 0
		}
	}
	made, err := m.product.Run(ctx, read(m.product, in), nil)
	if err != nil {
		return nil, fmt.Errorf("product tower: %w", err)
	}
	for i := range out {
		out[i].Vector = slices.Clone(made[vectorOutput].Row(i))
		if len(out[i].Vector) != m.manifest.Dim {
			return nil, fmt.Errorf("%w: product.onnx gives %d values, the manifest says %d", ErrModel, len(out[i].Vector), m.manifest.Dim)
		}
		if m.hasContent {
			out[i].Content = something(slices.Clone(made[contentOutput].Row(i)))
		}
		if source := made[sourceOutput].Row(i); warm[i] == 0 && m.hasSource && slices.ContainsFunc(source, func(x float32) bool { return x != 0 }) {
			out[i].Source = slices.Clone(source)
		}
	}
	return out, nil
}

// chosen fills in what people's choices say of a product, row i of the inputs: its rows of the tables, or what stands for
// those of a product that nobody had.
func (m *Model) chosen(id string, in map[string]onnx.Tensor, i int) error {
	at, known := m.rows[id]
	if !known {
		m.new(in, i)
		return nil
	}
	in["warm"].F32[i] = 1
	for _, err := range []error{m.identity.Row(at, in["identity"].Row(i)), m.bias.Row(at, in["bias"].Row(i)), m.residual.Row(at, in["residual"].Row(i))} {
		if err != nil {
			return fmt.Errorf("%w: %w", ErrModel, err)
		}
	}
	return nil
}

// new fills in row i for a product that nobody had.
func (m *Model) new(in map[string]onnx.Tensor, i int) {
	in["bias"].F32[i] = m.manifest.ColdBias
	copy(in["residual"].Row(i), m.manifest.ColdResidual)
}

// productInputs are those of n products of whom nothing is known.
func (m *Model) productInputs(n int) map[string]onnx.Tensor {
	zeros := func(dim int) onnx.Tensor { return onnx.Floats(make([]float32, n*dim), int64(n), int64(dim)) }
	in := map[string]onnx.Tensor{"identity": zeros(m.manifest.Tower), "warm": zeros(1), "bias": zeros(1), "residual": zeros(m.manifest.Rank)}
	for _, mod := range m.manifest.Modalities {
		in["x."+mod.Name], in["has."+mod.Name] = zeros(mod.Dim), zeros(1)
	}
	return in
}

// something is content, or where the model reads nothing of a product, the one direction that stands for nothing: such
// products are alike, and unlike all others.
func something(content []float32) []float32 {
	sum := 0.
	for _, x := range content {
		sum += float64(x) * float64(x)
	}
	if sum > .5 || len(content) == 0 {
		return content
	}
	each := float32(1 / math.Sqrt(float64(len(content))))
	for i := range content {
		content[i] = each
	}
	return content
}
