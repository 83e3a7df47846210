// Package train fits the model that ranks: a tower over identities and features, trained by gradient descent, and
// closed-form blocks beside it, chosen and weighed on the validation part and folded into one dot product.
//
// A training step is one ONNX graph (loss and derivatives, made by onnx/graph), run by ONNX Runtime over tensors that lie
// in Go's memory; Adam and the running average of the weights are plain Go.
//
// # Tower
//
// Several are trained from different seeds and joined to one wide tower (see join), whose score is the mean of theirs. Of each:
//
// An item is v = unit(identity·m + Σ x·W) over its modalities' features x (see encoding), where m drops a whole identity
// at random so that the features learn to carry an item that nobody has seen. A user is u = unit(Σ v) over the history, in
// the same table (each by its strength, where interactions differ in kind), for timed data passed on through a matrix that
// begins as the identity. The logit of an item is τ·u·v + b;
// with times, b also holds a weighted sum of popularity features of that moment. Everything is one dot product: [τ·v, b] by
// [u, 1].
package train

import (
	"errors"
	"fmt"

	"weft/fusion/dataset"
)

// Errors of this package, for errors.Is.
var (
	ErrConfig     = errors.New("bad training configuration")
	ErrData       = errors.New("data cannot be trained on")
	ErrCheckpoint = errors.New("checkpoint cannot be used")
)

// Config says how a tower is trained. The zero Config is the recipe that was measured.
type Config struct {
	Seed        uint64
	Towers      int     // that are trained, each from another seed, and joined; 0 is 3
	Dim         int     // of a tower, without the bias; 0 is 127
	Epochs      int     // at most; 0 is 12
	Patience    int     // epochs without a better validation before it stops; 0 is 3
	Batch       int     // users in a step; 0 is 512
	Rate        float32 // learning rate of Adam; 0 is .001
	Temperature float32 // τ at the start; 0 is 6 without times, 5 with them
	// DropIdentity and DropModality are how often a step leaves out the identity of an item, or one of its modalities. 0 is
	// .2 and .1; a negative number is never.
	DropIdentity, DropModality float32
	Targets                    int // items that a user is led to in an epoch, at most; 0 is 4
	// FullSoftmax is the largest catalogue whose every item enters the loss; 0 is 30,000. Beyond it Negatives items, drawn by
	// popularity to the power of 3/4, stand for the rest, each weighed by the chance that it is there; 0 is 8,192.
	FullSoftmax, Negatives int

	// With times: users are looked at every Every days before the end of the data, and led to what they first take within
	// Window days; a look that lies HalfLife days back is taken half as often. 0 is 7, 21 and 90.
	Every, Window, HalfLife float64
	// Timeless trains as if there were no times: from all of a user's other items instead of those of before a moment. Train
	// chooses it.
	Timeless bool

	Threads int // of a step; 0 is one per core

	// Strength of interactions beside each other, where they differ in kind; Train chooses it.
	Strength dataset.Strength
}

func (c Config) withDefaults(timed bool) Config {
	set := func(x *int, to int) {
		if *x == 0 {
			*x = to
		}
	}
	setFloat := func(x *float32, to float32) {
		if *x == 0 {
			*x = to
		}
	}
	set(&c.Towers, 3)
	set(&c.Dim, 127)
	set(&c.Epochs, 12)
	set(&c.Patience, 3)
	set(&c.Batch, 512)
	set(&c.Targets, 4)
	set(&c.FullSoftmax, 30000)
	set(&c.Negatives, 8192)
	setFloat(&c.Rate, .001)
	setFloat(&c.DropIdentity, .2)
	setFloat(&c.DropModality, .1)
	if timed {
		setFloat(&c.Temperature, 5)
	} else {
		setFloat(&c.Temperature, 6)
	}
	for x, to := range map[*float64]float64{&c.Every: 7, &c.Window: 21, &c.HalfLife: 90} {
		if *x == 0 {
			*x = to
		}
	}
	return c
}

// Validate names the first field that is wrong.
func (c Config) Validate() error {
	c = c.withDefaults(false)
	for _, f := range []struct {
		name        string
		x, from, to float64
	}{
		{"Towers", float64(c.Towers), 1, 16},
		{"Dim", float64(c.Dim), 2, 1024},
		{"Epochs", float64(c.Epochs), 1, 1000},
		{"Patience", float64(c.Patience), 1, 1000},
		{"Batch", float64(c.Batch), 1, 1 << 16},
		{"Rate", float64(c.Rate), 1e-9, 10},
		{"Temperature", float64(c.Temperature), 1e-3, 1e3},
		{"DropIdentity", float64(c.DropIdentity), -1, .99},
		{"DropModality", float64(c.DropModality), -1, .99},
		{"Targets", float64(c.Targets), 1, 1 << 20},
		{"FullSoftmax", float64(c.FullSoftmax), 1, 1 << 24},
		{"Negatives", float64(c.Negatives), 1, 1 << 20},
		{"Every", c.Every, .01, 1e4},
		{"Window", c.Window, .01, 1e4},
		{"HalfLife", c.HalfLife, .01, 1e6},
		{"Threads", float64(c.Threads), 0, 1024},
	} {
		if !(f.x >= f.from && f.x <= f.to) {
			return fmt.Errorf("%w: %s is %g, want %g to %g", ErrConfig, f.name, f.x, f.from, f.to)
		}
	}
	return nil
}
