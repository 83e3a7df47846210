package fusion

import "fmt"

// PriceModality is the number that Pool gives for a price.
const PriceModality = "price"

// lead is how much more the main photo says than another.
const lead = 2

// Pool brings the parts of each modality to one row of raw features, as trained towers read them: the mean of the parts
// at unit length, by their weights, the main photo counting double. A single part keeps its direction, and every row has
// unit length. A price is a row of one number, itself. Training and serving both read products through it.
//
// Modalities without a part are absent from the result. It refuses NaN, infinities and parts without direction.
func Pool(p ProductParts) (map[string][]float32, error) {
	rows := map[string][]float32{}
	sums := map[string][]float64{}
	weights := map[string]float64{}
	for i, part := range p.Parts {
		norm, err := length(part.Vector)
		if err != nil {
			return nil, fmt.Errorf("fusion: product %s: part %d (%s): %w", p.ID, i, part.Modality, err)
		}
		if !(part.Weight >= minWeight && part.Weight <= maxWeight) {
			return nil, fmt.Errorf("fusion: product %s: part %d (%s): %w: %v, want %g to %g", p.ID, i, part.Modality, ErrWeight, part.Weight, minWeight, maxWeight)
		}
		weight := part.Weight
		sum, known := sums[part.Modality]
		if !known {
			sum = make([]float64, len(part.Vector))
			sums[part.Modality] = sum
			if part.Modality == imageModality {
				weight *= lead
			}
		}
		if len(sum) != len(part.Vector) {
			return nil, fmt.Errorf("fusion: product %s: part %d (%s): %w: the vector has %d values, the first part's has %d", p.ID, i, part.Modality, ErrDim, len(part.Vector), len(sum))
		}
		weights[part.Modality] += weight
		weight /= norm
		for k, x := range part.Vector {
			sum[k] += float64(weight * float64(x)) // each step rounded by itself: the same bits everywhere
		}
	}
	for name, sum := range sums {
		if normalise(sum, 1, cancelled*weights[name]) != nil {
			continue // the parts cancel out: nothing is said
		}
		row := make([]float32, len(sum))
		for k, x := range sum {
			row[k] = float32(x)
		}
		rows[name] = row
	}
	if p.Price != nil && finite(*p.Price) && *p.Price > 0 {
		rows[PriceModality] = []float32{float32(*p.Price)}
	}
	return rows, nil
}
