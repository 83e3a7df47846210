package shoppers

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// An exact posterior is calibrated: what it holds likely with probability p is so in a share p of cases. A wrong term in
// the sum would show here as being too sure or not sure enough.
func TestOracleIsCalibrated(t *testing.T) {
	s := simulated(t, Config{Seed: 21, Shoppers: 800})
	users := make([]string, len(s.Users))
	for i, u := range s.Users {
		users[i] = u.ID
	}
	c, err := NewOracle(s).Ceiling(users)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("knowable of %d simulated shoppers: gender %.3f, age band %.3f, interests F1 %.3f", c.Users, c.Gender, c.AgeBand, c.Interests)
	type bin struct{ n, said, was float64 }
	heads := map[string]*[10]bin{"gender": {}, "age": {}, "interests": {}}
	add := func(head string, p float64, was bool) {
		b := &heads[head][min(9, int(10*p))]
		b.n++
		b.said += p
		if was {
			b.was++
		}
	}
	for i, p := range c.Posteriors {
		truth := s.Truth[i]
		for j, name := range Genders() {
			add("gender", p.Gender[j], truth.Gender == name)
		}
		for j, name := range AgeBands() {
			add("age", p.AgeBand[j], truth.AgeBand == name)
		}
		for j, name := range Interests() {
			add("interests", p.Interests[j], slices.Contains(truth.Interests, name))
		}
	}
	for head, bins := range heads {
		for i, b := range bins {
			if b.n < 30 {
				continue
			}
			said, was := b.said/b.n, b.was/b.n
			if math.Abs(said-was) > 4*math.Sqrt(said*(1-said)/b.n)+0.002 {
				t.Errorf("%s, bin %d: of %.0f held likely with %.3f, %.3f were", head, i, b.n, said, was)
			}
		}
	}
	if c.Gender < 0.8 || c.AgeBand < 0.5 || c.Interests < 0.6 {
		t.Errorf("too little can be known to learn from: %+v", c)
	}
	if c.AgeBand > 0.9 || c.Interests > 0.95 {
		t.Errorf("too much can be known to be worth learning: %+v", c)
	}
}

// Without a single choice nothing is known but the priors.
func TestOracleKnowsPriors(t *testing.T) {
	s := simulated(t, Config{Seed: 1, Shoppers: 3})
	for k := range s.seen[1] {
		s.seen[1][k] = nil
	}
	p, err := NewOracle(s).Posterior(s.Users[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, g := range genders() {
		if math.Abs(p.Gender[i]-g.Share) > 1e-4 {
			t.Errorf("%s: %v, prior %v", g.Name, p.Gender[i], g.Share)
		}
	}
	for i, b := range ageBands() {
		if math.Abs(p.AgeBand[i]-b.Share) > 1e-4 {
			t.Errorf("%s: %v, prior %v", b.Name, p.AgeBand[i], b.Share)
		}
	}
	if _, err := NewOracle(s).Posterior("nobody"); !errors.Is(err, ErrConfig) {
		t.Errorf("an unknown user: %v", err)
	}
}
