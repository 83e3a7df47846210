package serve

import (
	"fmt"
	"strings"

	"weft/client"
)

// lift is what scores are multiplied by for one request: boosts, words that fit the
// context, and shoppers alike. The zero lift changes nothing.
type lift struct {
	boosts []Boost
	words  occasion
	alike  map[string]float64 // by product, 0 to 1
}

// mostOf is the most that words of the context, and that shoppers alike, may lift.
const (
	contextLift = 1.25
	alikeLift   = 1.25
)

func (l *lift) none() bool {
	return len(l.boosts) == 0 && len(l.words.aspects) == 0 && len(l.alike) == 0
}

// most bounds the factor from above.
func (l *lift) most() float64 {
	most := 1.0
	for i := range l.boosts {
		most *= max(1, l.boosts[i].Factor)
	}
	most = min(most, MostBoost)
	if len(l.words.aspects) > 0 {
		most *= contextLift
	}
	if len(l.alike) > 0 {
		most *= alikeLift
	}
	return most
}

// of is the factor of a product.
func (l *lift) of(e *Entry) float64 {
	f := l.boost(e)
	if len(l.words.aspects) > 0 {
		f *= 1 + (contextLift-1)*l.words.fit(e)
	}
	if len(l.alike) > 0 {
		f *= 1 + (alikeLift-1)*l.alike[e.ID]
	}
	return f
}

func (l *lift) boost(e *Entry) float64 {
	f := 1.0
	for i := range l.boosts {
		if l.boosts[i].holds(e) {
			f *= l.boosts[i].Factor
		}
	}
	return min(MostBoost, max(LeastBoost, f))
}

// reasons tells what a factor is made of.
func (l *lift) reasons(e *Entry) []string {
	said := []string{}
	for i := range l.boosts {
		if b := &l.boosts[i]; b.holds(e) {
			whose := ""
			if b.standing {
				whose = "standing "
			}
			said = append(said, fmt.Sprintf("%sboost %s x%g", whose, b.text, b.Factor))
		}
	}
	if words := l.words.found(e); len(words) > 0 {
		said = append(said, fmt.Sprintf("context %s x%.3g", strings.Join(words, ", "), 1+(contextLift-1)*l.words.fit(e)))
	}
	if w := l.alike[e.ID]; w > 0 {
		said = append(said, fmt.Sprintf("chosen by shoppers alike x%.3g", 1+(alikeLift-1)*w))
	}
	return said
}

// weigh applies a factor to a score so that a larger factor never puts a product lower:
// a score below 0 is divided by it.
func weigh(score, factor float32) float32 {
	if score < 0 {
		return score / factor
	}
	return score * factor
}

// effects counts the boosts on a list.
func (l *lift) effects(hits []Hit) (all []client.BoostEffect) {
	for i := range l.boosts {
		b := client.BoostEffect{Rule: l.boosts[i].text, Factor: l.boosts[i].Factor, Standing: l.boosts[i].standing}
		for j := range hits {
			if l.boosts[i].holds(&hits[j].Entry) {
				b.Items++
			}
		}
		all = append(all, b)
	}
	return all
}
