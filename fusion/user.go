package fusion

import (
	"fmt"
	"math"
	"time"
)

// UserVersion is raised with any change to what User computes.
const UserVersion = 1

// UserHalfLife is the time in which what a shopper did loses half of its weight.
// Nothing of this file's constants is measured: they are a start that needs no data.
const UserHalfLife = 30 * 24 * time.Hour

// UserGroup is a kind of what is known of a shopper.
type UserGroup int

// The groups, in the order in which they are added.
const (
	Acts       UserGroup = iota // products that the shopper did something with
	Words                       // what the shopper wrote and searched for
	Attributes                  // what is known of the shopper, as text
	Social                      // products of those whom the shopper follows
	groups
)

// shares are the lengths of the groups beside each other: whatever a shopper wrote
// turns a vector of acts by at most 17°, those followed by 11°.
var shares = [groups]float64{Acts: 1, Words: 0.3, Attributes: 0.2, Social: 0.2}

var groupNames = [groups]string{Acts: "events", Words: "words", Attributes: "attributes", Social: "social"}

// UserPart is one thing known of a shopper.
type UserPart struct {
	Group  UserGroup
	Weight float64       // how much it says; negative: against. Not 0, 1e-6 to 1e6 either way
	Age    time.Duration // before the newest thing known of the shopper, at least 0
	// Vector is of any length but zero: of Acts and Social the product's, in ranking space; of Words and Attributes, given to
	// a Model, the text encoder's, and given to User one in product space too.
	Vector  []float32
	Product string // whose vector it is; empty for words
	Kind    string // the type of event behind it, or "review"; empty: neither
}

// User gives the unit-length vector of a shopper in the space of the products, so that
// their dot product says how well a product suits, and the names of the groups that
// took part.
//
// With the parts' vectors x at unit length, each group g becomes
//
//	s_g = Σ weight · 2^(−age/UserHalfLife) · x
//
// and the vector is Σ share_g · s_g/‖s_g‖, at unit length, with the shares 1 for acts,
// 0.3 for words, 0.2 for attributes, 0.2 for those followed. So a group's say does not
// grow with the number of its parts, and acts, where there are any, lead.
//
// A group where nothing speaks for anything, or whose parts cancel out, is left out:
// there is no direction in dislikes alone. If no group is left, the error is
// ErrNoParts. Age counts from the shopper's newest part and not from now, so the same
// parts give the same vector at any time; parts in the same order give the same bytes.
func User(parts []UserPart) (vector []float32, modalities []string, err error) {
	if len(parts) == 0 {
		return nil, nil, fmt.Errorf("fusion: user: %w: nothing is known", ErrNoParts)
	}
	dim := len(parts[0].Vector)
	var sums [groups][]float64
	var weights, most [groups]float64
	for i, p := range parts {
		if err := p.check(dim); err != nil {
			return nil, nil, fmt.Errorf("fusion: user: part %d: %w", i, err)
		}
		norm, err := length(p.Vector)
		if err != nil {
			return nil, nil, fmt.Errorf("fusion: user: part %d: %w", i, err)
		}
		weight := p.Weight * math.Exp2(-float64(p.Age)/float64(UserHalfLife))
		weights[p.Group] += math.Abs(weight)
		most[p.Group] = max(most[p.Group], weight)
		if sums[p.Group] == nil {
			sums[p.Group] = make([]float64, dim)
		}
		weight /= norm
		sum := sums[p.Group]
		for j, x := range p.Vector {
			sum[j] += float64(weight * float64(x)) // each step rounded by itself: the same bits everywhere
		}
	}
	whole := make([]float64, dim)
	for g := range groups {
		if most[g] <= 0 || normalise(sums[g], shares[g], cancelled*weights[g]) != nil {
			continue
		}
		for j, x := range sums[g] {
			whole[j] += x
		}
		modalities = append(modalities, groupNames[g])
	}
	if len(modalities) == 0 {
		return nil, nil, fmt.Errorf("fusion: user: %w: none of %d speaks for anything", ErrNoParts, len(parts))
	}
	if err := normalise(whole, 1, cancelled); err != nil {
		return nil, nil, fmt.Errorf("fusion: user: %v cancel out: %w", modalities, ErrNoParts)
	}
	vector = make([]float32, dim)
	for i, x := range whole {
		vector[i] = float32(x)
	}
	return vector, modalities, nil
}

func (p UserPart) check(dim int) error {
	w := math.Abs(p.Weight)
	switch {
	case p.Group < 0 || p.Group >= groups:
		return fmt.Errorf("group %d: want one of the constants", p.Group)
	case !(w >= minWeight && w <= maxWeight):
		return fmt.Errorf("%w: %v, want %g to %g or its negative; leave out a part that is not to count", ErrWeight, p.Weight, minWeight, maxWeight)
	case p.Age < 0:
		return fmt.Errorf("age %v: want at least 0; it counts back from the newest part", p.Age)
	case len(p.Vector) != dim:
		return fmt.Errorf("%w: the vector has %d values, the first part's has %d", ErrDim, len(p.Vector), dim)
	}
	return nil
}
