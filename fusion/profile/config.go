package profile

import (
	"fmt"
	"slices"
)

// Kind is how the values of a head go together.
type Kind string

// Kinds of heads.
const (
	Classes Kind = "classes" // exactly one value holds
	Tags    Kind = "tags"    // any number of values hold
)

// Spec asks for a head.
type Spec struct {
	Name   string
	Kind   Kind
	Values []string // in the order of the output; nil: those found in the examples that are common enough, sorted
}

// Config says what to learn and how. The zero value of every field but Heads means its default.
type Config struct {
	Heads        []Spec
	FeatureNames []string // of Example.Features, in order; required when there are features
	Seed         uint64

	MinUsers    int // labelled users that a head needs; default 60
	MinPerValue int // users that a value needs to be learned; default 10. Values with fewer are left out of the head
	MaxExamples int // more are sampled; default 50000
	Folds       int // default 5; every user is scored by a network that has not seen it, and all choices are made on that

	// L2 are the weight decays to try, from the largest down until the loss has risen twice; the one with the least log
	// loss over the folds is taken. Default 0.3, 0.1, 0.03, 0.01, 0.003, 0.001.
	L2 []float64

	// Precision is what answers are held to: a head answers only where those that are at least as sure were right this
	// often, by a standard error below the mean, and where it is more likely right than not. Default 0.8. For tags the
	// same goes for each tag.
	Precision float64

	// Progress is told after each fold and after the training on all users; nil is fine. It is called from Train's
	// goroutine.
	Progress func(done, of int, head string)
}

func (c *Config) withDefaults() {
	set := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	set(&c.MinUsers, 60)
	set(&c.MinPerValue, 10)
	set(&c.MaxExamples, 50_000)
	set(&c.Folds, 5)
	if c.L2 == nil {
		c.L2 = []float64{0.3, 0.1, 0.03, 0.01, 0.003, 0.001}
	}
	if c.Precision == 0 {
		c.Precision = 0.8
	}
	if c.Progress == nil {
		c.Progress = func(int, int, string) {}
	}
}

// Validate names the first field that is wrong, after defaults are filled in.
func (c Config) Validate() error {
	c.withDefaults()
	if len(c.Heads) == 0 {
		return fmt.Errorf("%w: Heads is empty: name what to learn", ErrConfig)
	}
	seen := map[string]bool{}
	for _, h := range c.Heads {
		if err := checkName(h.Name); err != nil {
			return err
		}
		switch {
		case seen[h.Name]:
			return fmt.Errorf("%w: head %q is named twice", ErrConfig, h.Name)
		case h.Kind != Classes && h.Kind != Tags:
			return fmt.Errorf("%w: head %q has the kind %q; give %q or %q", ErrConfig, h.Name, h.Kind, Classes, Tags)
		case len(h.Values) > maxValues:
			return fmt.Errorf("%w: head %q has %d values; give at most %d", ErrConfig, h.Name, len(h.Values), maxValues)
		case slices.Contains(h.Values, ""):
			return fmt.Errorf("%w: head %q has an empty value, which stands for unknown", ErrConfig, h.Name)
		}
		seen[h.Name] = true
	}
	for _, n := range []struct {
		field              string
		value, least, most int
	}{
		{"MinUsers", c.MinUsers, 20, 1 << 30}, {"MinPerValue", c.MinPerValue, 2, 1 << 30},
		{"MaxExamples", c.MaxExamples, 20, 1 << 30}, {"Folds", c.Folds, 2, 20},
	} {
		if n.value < n.least || n.value > n.most {
			return fmt.Errorf("%w: %s is %d; give %d to %d", ErrConfig, n.field, n.value, n.least, n.most)
		}
	}
	for _, l := range c.L2 {
		if !(l > 0 && l <= 1000) {
			return fmt.Errorf("%w: L2 holds %v; give numbers above 0 and at most 1000", ErrConfig, l)
		}
	}
	if !(c.Precision > 0 && c.Precision < 1) {
		return fmt.Errorf("%w: Precision is %v; give a number between 0 and 1", ErrConfig, c.Precision)
	}
	return nil
}

// maxValues of a head: beyond it a column is not an attribute but a name.
const maxValues = 200
