package serve

// poolFor is how many candidates an order by diversity picks k from.
func poolFor(k int) int { return max(k, min(5*k, 1000)) }

// diverse picks k of the candidates one by one (maximal marginal relevance): each time
// the one with the largest
//
//	(1−λ)·score − λ·likeness
//
// where score is brought to 0…1 over the candidates and likeness is the largest cosine
// of contents to one that was picked. λ = 0 is the order of scores, 1 is unlikeness
// alone after the first. Ties go to the better score.
func diverse(content *Neighbours, candidates []Hit, k int, lambda float64) []Hit {
	if len(candidates) < 2 || lambda == 0 {
		return candidates[:min(k, len(candidates))]
	}
	low, high := candidates[0].Score, candidates[0].Score
	vectors := make([][]float32, len(candidates))
	for i := range candidates {
		low, high = min(low, candidates[i].Score), max(high, candidates[i].Score)
		vectors[i], _ = content.Vector(candidates[i].ID) // nil: gone meanwhile, like nothing
	}
	span := float64(max(high-low, 1e-9))
	likeness := make([]float64, len(candidates))
	taken := make([]bool, len(candidates))
	var picked []Hit
	for len(picked) < min(k, len(candidates)) {
		best, most := -1, 0.0
		for i := range candidates {
			if taken[i] {
				continue
			}
			worth := (1-lambda)*float64(candidates[i].Score-low)/span - lambda*likeness[i]
			if best < 0 || worth > most {
				best, most = i, worth
			}
		}
		taken[best] = true
		picked = append(picked, candidates[best])
		for i := range candidates {
			if !taken[i] && vectors[i] != nil && len(vectors[i]) == len(vectors[best]) {
				likeness[i] = max(likeness[i], float64(dot(vectors[best], vectors[i])))
			}
		}
	}
	return picked
}
