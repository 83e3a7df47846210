package shoppers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"time"
)

// Config says what to simulate. The zero value of every field but Products and Seed means its default.
type Config struct {
	Seed     uint64
	Products []Product // see ReadCatalogue; at least 2
	Shoppers int       // default 400, at most 1,000,000
	Start    time.Time // of the window; default 2026-09-01 00:00 UTC, rounded to whole seconds
	Days     int       // length of the window; default 60, 10 to 3,650
	Holdout  int       // last days of the window that are kept apart; default a fifth of Days

	// Shares of shoppers, 0 to 1; a negative number is 0.
	Cold      float64 // who came within the last two days before the cut; default 0.10
	NoConsent float64 // who refuse profiling; default 0.08
	Missing   float64 // of each attribute: those whose value the shop does not know; default 0.15
}

// ErrConfig marks a Config that cannot be simulated.
var ErrConfig = errors.New("bad simulation")

func (c *Config) withDefaults() {
	if c.Shoppers == 0 {
		c.Shoppers = 400
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	}
	c.Start = c.Start.UTC().Truncate(time.Second)
	if c.Days == 0 {
		c.Days = 60
	}
	if c.Holdout == 0 {
		c.Holdout = c.Days / 5
	}
	for _, share := range []struct {
		value    *float64
		standard float64
	}{{&c.Cold, 0.10}, {&c.NoConsent, 0.08}, {&c.Missing, 0.15}} {
		switch {
		case *share.value == 0:
			*share.value = share.standard
		case *share.value < 0:
			*share.value = 0
		}
	}
}

// Validate names the first field that is wrong, after defaults are filled in.
func (c Config) Validate() error {
	c.withDefaults()
	switch {
	case c.Shoppers < 1 || c.Shoppers > 1_000_000:
		return fmt.Errorf("%w: Shoppers is %d; give 1 to 1000000", ErrConfig, c.Shoppers)
	case c.Days < 10 || c.Days > 3650:
		return fmt.Errorf("%w: Days is %d; give 10 to 3650", ErrConfig, c.Days)
	case c.Holdout < 1 || c.Holdout > c.Days-5:
		return fmt.Errorf("%w: Holdout is %d days of %d; give 1 to %d", ErrConfig, c.Holdout, c.Days, c.Days-5)
	}
	for _, share := range []struct {
		name  string
		value float64
	}{{"Cold", c.Cold}, {"NoConsent", c.NoConsent}, {"Missing", c.Missing}} {
		if !(share.value <= 1) {
			return fmt.Errorf("%w: %s is %v; give a share of at most 1", ErrConfig, share.name, share.value)
		}
	}
	return checkProducts(c.Products)
}

// Simulation is what simulated shoppers did. Rows are sorted by time, then id.
type Simulation struct {
	Users   []User // in order of id
	Events  []Event
	Reviews []Review

	Truth  []Truth // of Users, in the same order
	Future []Event // at or after Cut
	Cut    time.Time

	seed    uint64
	tastes  *tastes
	natures []nature
	seen    []tally // choices before Cut, of each user
	index   map[string]int
}

// tally counts choices by kind and product, as the oracle needs them: pairs in order of the choices.
type tally [kinds][]int

// Generate simulates shoppers. Their rows depend on c alone.
func Generate(c Config) (*Simulation, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.withDefaults()
	s := &Simulation{
		Cut:    c.Start.AddDate(0, 0, c.Days-c.Holdout),
		seed:   c.Seed,
		tastes: newTastes(c.Seed, slices.Clone(c.Products)),
		seen:   make([]tally, c.Shoppers),
		index:  make(map[string]int, c.Shoppers),
	}
	for i := range c.Shoppers {
		s.drawShopper(c, i)
	}
	var reviews []Review
	for i := range s.Users {
		reviews = append(reviews, s.act(c, i)...)
	}
	s.number(c, reviews)
	return s, nil
}

// drawShopper decides who shopper i is and what the shop knows of it.
func (s *Simulation) drawShopper(c Config, i int) {
	rng := stream(c.Seed, fmt.Sprintf("shopper %d", i))
	n := nature{gender: drawOption(rng, genders()), age: drawOption(rng, ageOptions()), archetype: rng.IntN(archetypeCount)}
	sets := interestSets()
	n.interests = sets[draw(rng, setShares(sets, n.gender, n.age))]
	n.price = draw(rng, priceByAge[n.age][:])
	city := cities()[drawOption(rng, cities())].Name
	band := ageBands()[n.age]
	t := Truth{
		User:       fmt.Sprintf("sim-%06d", i+1),
		Gender:     genders()[n.gender].Name,
		Age:        band.From + rng.IntN(band.To-band.From+1),
		AgeBand:    band.Name,
		City:       city,
		Interests:  interestNames(n.interests),
		PriceLevel: priceLevels()[n.price],
		Archetype:  n.archetype,
		Activity:   activities()[draw(rng, activityShares())].Name,
		Cold:       rng.Float64() < c.Cold,
		Consent:    rng.Float64() >= c.NoConsent,
	}
	weights := s.tastes.chances(s.tastes.appeal(n), consider)
	t.Categories = shares(weights, func(i int) string { return s.tastes.products[i].Category })
	t.Colours = shares(weights, func(i int) string { return s.tastes.family[i] })

	u := User{ID: t.User, Attributes: Attributes{Age: t.Age, Gender: t.Gender, City: t.City, Interests: t.Interests}, Consent: Consent{Profiling: t.Consent}}
	known := func() bool { return rng.Float64() >= c.Missing }
	if !known() {
		u.Attributes.Age = 0
	}
	if !known() {
		u.Attributes.Gender = ""
	}
	if !known() {
		u.Attributes.City = ""
	}
	if !known() {
		u.Attributes.Interests = nil
	}
	s.Users, s.Truth, s.natures = append(s.Users, u), append(s.Truth, t), append(s.natures, n)
	s.index[t.User] = i
}

// number sorts what all shoppers did, splits it at the cut and gives it ids in that order.
func (s *Simulation) number(c Config, reviews []Review) {
	sort.SliceStable(s.Events, func(i, j int) bool { return s.Events[i].Time.Before(s.Events[j].Time) })
	for i := range s.Events {
		s.Events[i].ID = fmt.Sprintf("sim-%d-e%08d", c.Seed, i+1)
	}
	cut, _ := slices.BinarySearchFunc(s.Events, s.Cut, func(e Event, t time.Time) int { return e.Time.Compare(t) })
	s.Events, s.Future = s.Events[:cut:cut], slices.Clone(s.Events[cut:])
	sort.SliceStable(reviews, func(i, j int) bool { return reviews[i].Time.Before(reviews[j].Time) })
	for i := range reviews {
		reviews[i].ID = fmt.Sprintf("sim-%d-r%07d", c.Seed, i+1)
		if reviews[i].Time.Before(s.Cut) {
			s.Reviews = append(s.Reviews, reviews[i])
		}
	}
}

// poisson draws a count with the given mean, below 1,000.
func poisson(rng *rand.Rand, mean float64) int {
	n := 0
	for x := rng.ExpFloat64(); x < mean && n < 1000; x += rng.ExpFloat64() {
		n++
	}
	return n
}
