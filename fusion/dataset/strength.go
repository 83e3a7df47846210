package dataset

import "math"

// Strength is how much an interaction says beside the others, by its weight: (weight/Full)^Power, at most 1. The zero value
// lets all say alike.
type Strength struct {
	Full  float32 `json:"full"`  // the weight from which on it says all that one can
	Power float32 `json:"power"` // 0: all alike
}

// Of is the strength of a weight, above 0 and at most 1 for a weight above 0.
func (s Strength) Of(weight float32) float32 {
	if s.Power == 0 || !(s.Full > 0) || weight >= s.Full {
		return 1
	}
	return float32(math.Pow(float64(weight/s.Full), float64(s.Power)))
}

// At is how much an interaction said by a moment (Unix ms) that it began before.
func (s Strength) At(r Interaction, moment int64) float32 {
	if r.Wait > 0 && r.Time+r.Wait >= moment {
		return s.Of(r.Look)
	}
	return s.Of(r.Weight)
}

// Each calls f with the moments at which an interaction came to say something, and how much more it said from then on.
func (s Strength) Each(r Interaction, f func(time int64, more float32)) {
	if r.Wait == 0 {
		f(r.Time, s.Of(r.Weight))
		return
	}
	look := s.Of(r.Look)
	f(r.Time, look)
	f(r.Time+r.Wait, s.Of(r.Weight)-look)
}
