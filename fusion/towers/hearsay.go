package towers

import (
	"context"
	"slices"

	"weft/fusion"
)

// textModality is whose encoder the words of shoppers go through.
const textModality = "text"

// hearsay reads what stands for the choices of a shopper who has none: own words, else the products of those followed. It
// comes back empty where the model can make nothing of either.
func (m *Model) hearsay(ctx context.Context, at int, told []fusion.UserPart) (history, error) {
	h := history{at: at, from: wordsModality}
	var texts []fusion.UserPart
	for _, p := range told {
		if p.Group == fusion.Words && p.Weight > 0 {
			texts = append(texts, p)
		}
	}
	if reads := slices.Contains(m.manifest.Modalities, ModalityInput{textModality, textDim(texts)}); reads && m.hasSource {
		in := m.productInputs(len(texts))
		for i, p := range texts {
			m.new(in, i)
			if err := pooled(p.Vector, in["x."+textModality].Row(i)); err != nil {
				return h, err
			}
			in["has."+textModality].F32[i] = 1
		}
		made, err := m.product.Run(ctx, read(m.product, in), []string{sourceOutput})
		if err != nil {
			return h, err
		}
		for i, p := range texts {
			h.add(made[sourceOutput].Row(i), p)
		}
	}
	if len(h.rows) > 0 {
		return h, nil
	}
	h.from = socialModality
	for _, p := range told {
		i, known := m.rows[p.Product]
		if p.Group != fusion.Social || p.Weight <= 0 || !known {
			continue
		}
		row := make([]float32, m.manifest.Sources)
		if err := m.sources.Row(i, row); err != nil {
			return h, err
		}
		h.add(row, p)
	}
	return h, nil
}

func (h *history) add(row []float32, p fusion.UserPart) {
	if !slices.ContainsFunc(row, func(x float32) bool { return x != 0 }) {
		return
	}
	h.rows, h.ages, h.says = append(h.rows, row), append(h.ages, float32(p.Age.Hours()/24)), append(h.says, float32(min(p.Weight, 1)))
}

// textDim is the length that all texts have, 0 where they differ or there are none.
func textDim(texts []fusion.UserPart) int {
	dim := 0
	for i, p := range texts {
		if i > 0 && len(p.Vector) != dim {
			return 0
		}
		dim = len(p.Vector)
	}
	return dim
}

// pooled writes a text's feature as that of a listing is given to the model.
func pooled(text, row []float32) error {
	features, err := fusion.Pool(fusion.ProductParts{Parts: []fusion.Part{{Modality: textModality, Weight: 1, Vector: text}}})
	if err == nil {
		copy(row, features[textModality])
	}
	return err
}
