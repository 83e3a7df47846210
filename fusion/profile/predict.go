package profile

import (
	"context"
	"fmt"
)

// Profile is what a model says of one shopper.
type Profile struct {
	User     string
	Declined bool     // no consent: nothing was computed
	Unusable bool     // the vector or the features hold NaN or infinity: nothing was computed
	Answers  []Answer // one for each head, in the order of Card.Heads; nil if nothing was computed
}

// Answer is what one head says. Unknown is an answer: Value is "" and Tags is empty when the head is not sure enough.
type Answer struct {
	Head       string
	Value      string  // of classes, "" if unknown
	Confidence float64 // the calibrated probability of the likeliest class, told or not; 0 for tags
	Tags       []Tag   // those held likely enough, likeliest first
}

// Tag is one tag and its calibrated probability.
type Tag struct {
	Value      string
	Confidence float64
}

// Predict asks a model about shoppers, in order. Of those without consent nothing is read, computed or said.
func Predict(ctx context.Context, n Network, examples []Example) ([]Profile, error) {
	card := n.Card()
	profiles := make([]Profile, len(examples))
	var asked []Example
	var places []int
	for i, e := range examples {
		profiles[i].User = e.User
		if !e.Consent {
			profiles[i].Declined = true
			continue
		}
		if err := card.checkInputs(len(e.Vector), len(e.Features)); err != nil {
			return nil, fmt.Errorf("user %q: %w", e.User, err)
		}
		if !finite(e.Vector) || !finite(e.Features) {
			profiles[i].Unusable = true
			continue
		}
		asked, places = append(asked, e), append(places, i)
	}
	if len(asked) == 0 {
		return profiles, nil
	}
	heads, err := n.probabilities(ctx, asked)
	if err != nil {
		return nil, err
	}
	for k, i := range places {
		for h, head := range card.Heads {
			profiles[i].Answers = append(profiles[i].Answers, head.answer(heads[h][k]))
		}
	}
	return profiles, nil
}

// answer says what a head's probabilities amount to.
func (h Head) answer(p []float64) Answer {
	a := Answer{Head: h.Name}
	if h.Kind == Classes {
		best := likeliest(p)
		a.Confidence = p[best]
		if p[best] >= h.Answer[0] {
			a.Value = h.Values[best]
		}
		return a
	}
	for j, x := range p {
		if x < h.Answer[j] {
			continue
		}
		at := len(a.Tags)
		for at > 0 && a.Tags[at-1].Confidence < x {
			at--
		}
		a.Tags = append(a.Tags, Tag{})
		copy(a.Tags[at+1:], a.Tags[at:])
		a.Tags[at] = Tag{h.Values[j], x}
	}
	return a
}
