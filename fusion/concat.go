package fusion

import (
	"errors"
	"fmt"
	"math"
)

// What Fuse refuses. Each error names the part, the value and what to do.
var (
	ErrNoParts   = errors.New("no parts")
	ErrModality  = errors.New("unknown modality")
	ErrDim       = errors.New("wrong dimension")
	ErrNotFinite = errors.New("not finite")
	ErrZero      = errors.New("zero vector")
	ErrWeight    = errors.New("weight out of range")
)

// Part is one thing known of a product: a photo's features, the embedding of its text, of a review.
type Part struct {
	Modality string    // a modality of the Config
	Weight   float64   // beside the other parts of the modality; 1 where nothing speaks for more or less. 1e-6 to 1e6
	Vector   []float32 // as the encoder gave it, of any length but zero
}

// Concat fuses without training; see the package comment for what it computes. It is immutable and safe for concurrent
// use, and holds nothing to close.
type Concat struct {
	config Config
	dim    int
	blocks []block
	of     map[string]place
}

type block struct {
	Block
	project *projection
}

// place is where a modality's parts go.
type place struct{ block, modality int }

// NewConcat prepares the projections of a valid configuration.
func NewConcat(c Config) (*Concat, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Concat{config: c, dim: c.Dim(), of: map[string]place{}}
	for i, b := range c.Blocks {
		f.blocks = append(f.blocks, block{b, newProjection(b.Dim, b.Out, b.Seed)})
		for j, m := range b.Modalities {
			f.of[m.Name] = place{i, j}
		}
	}
	return f, nil
}

// Dim is the length of the vectors that Fuse gives.
func (f *Concat) Dim() int { return f.dim }

// Config is what f was made from; treat it as read-only.
func (f *Concat) Config() Config { return f.config }

// cancelled is the share of the summed weights up to which the length of a mean counts as zero: below it the direction
// is mostly rounding.
const cancelled = 1e-6

// Fuse gives the unit-length product vector of parts and the modalities present, in the order of the configuration.
//
// The first part of each modality is its main one (Modality.Lead). Otherwise the order of parts matters only in the
// last bits, so give them in a fixed order where equal input must give equal bytes. A modality without parts is masked:
// it takes no share in any mean, and if its whole block is absent, the block is zero and the rest has unit length.
// Any bad part fails the whole call, since a vector that silently misses a part would look current.
func (f *Concat) Fuse(parts []Part) (vector []float32, modalities []string, err error) {
	if len(parts) == 0 {
		return nil, nil, fmt.Errorf("fusion: %w: a product needs at least one", ErrNoParts)
	}
	for i, p := range parts {
		if err := f.check(p); err != nil {
			return nil, nil, fmt.Errorf("fusion: part %d (%s): %w", i, p.Modality, err)
		}
	}
	whole := make([]float64, f.dim)
	at := 0
	for i := range f.blocks {
		b := &f.blocks[i]
		names, err := b.fuse(whole[at:at+b.Out], parts)
		if err != nil {
			return nil, nil, fmt.Errorf("fusion: block %s: %w", b.Name, err)
		}
		modalities = append(modalities, names...)
		at += b.Out
	}
	if err := normalise(whole, 1, 0); err != nil {
		return nil, nil, fmt.Errorf("fusion: %w", err)
	}
	vector = make([]float32, f.dim)
	for i, x := range whole {
		vector[i] = float32(x)
	}
	return vector, modalities, nil
}

func (f *Concat) check(p Part) error {
	at, ok := f.of[p.Modality]
	if !ok {
		return fmt.Errorf("%w: the generation's fusion has no such modality", ErrModality)
	}
	if !(p.Weight >= minWeight && p.Weight <= maxWeight) {
		return fmt.Errorf("%w: %v, want %g to %g; leave out a part that is not to count", ErrWeight, p.Weight, minWeight, maxWeight)
	}
	if want := f.blocks[at.block].Dim; len(p.Vector) != want {
		return fmt.Errorf("%w: the vector has %d values, want %d; was it made by another model?", ErrDim, len(p.Vector), want)
	}
	_, err := length(p.Vector)
	return err
}

// fuse writes the block's values, of length Weight, to dst, or leaves it zero where no part is for it.
func (b *block) fuse(dst []float64, parts []Part) (present []string, err error) {
	var sum, one, spare []float64
	total := 0.0
	for _, m := range b.Modalities {
		first, weights := true, 0.0
		for _, p := range parts {
			if p.Modality != m.Name {
				continue
			}
			if sum == nil {
				scratch := make([]float64, 3*b.Dim)
				sum, one, spare = scratch[:b.Dim], scratch[b.Dim:2*b.Dim], scratch[2*b.Dim:]
			}
			weight := p.Weight
			if first {
				weight *= m.Lead
				clear(one)
				first = false
			}
			norm, err := length(p.Vector)
			if err != nil {
				return nil, err
			}
			weights += weight
			weight /= norm
			for i, x := range p.Vector {
				one[i] += float64(weight * float64(x)) // each step rounded by itself: the same bits everywhere
			}
		}
		if first {
			continue
		}
		if err := normalise(one, m.Weight, cancelled*weights); err != nil {
			return nil, fmt.Errorf("the %s parts cancel out: %w", m.Name, err)
		}
		for i, x := range one {
			sum[i] += x
		}
		total += m.Weight
		present = append(present, m.Name)
	}
	if len(present) == 0 {
		return nil, nil
	}
	if err := normalise(sum, 1, cancelled*total); err != nil {
		return nil, fmt.Errorf("the modalities %v cancel out: %w", present, err)
	}
	b.project.apply(dst, sum, spare)
	if err := normalise(dst, b.Weight, cancelled); err != nil {
		return nil, fmt.Errorf("nothing is left of %v after projection: %w", present, err)
	}
	return present, nil
}

// normalise scales x in place to the length to. A length up to floor counts as zero.
func normalise(x []float64, to, floor float64) error {
	sum := 0.0
	for _, v := range x {
		sum += float64(v * v)
	}
	norm := math.Sqrt(sum)
	if !(norm > floor) {
		return ErrZero
	}
	scale := to / norm
	for i := range x {
		x[i] = float64(x[i] * scale)
	}
	return nil
}

// length is the Euclidean length of v, which must be finite and not zero. The products are exact in float64.
func length(v []float32) (float64, error) {
	sum := 0.0
	for i, x := range v {
		f := float64(x)
		if !finite(f) {
			return 0, fmt.Errorf("%w: value %d is %v", ErrNotFinite, i, x)
		}
		sum += f * f
	}
	if sum == 0 {
		return 0, fmt.Errorf("%w: it has no direction", ErrZero)
	}
	return math.Sqrt(sum), nil
}

// Unit gives v at unit length. It refuses NaN, infinities and the zero vector.
func Unit(v []float32) ([]float32, error) {
	norm, err := length(v)
	if err != nil {
		return nil, fmt.Errorf("fusion: %w", err)
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(float64(x) / norm)
	}
	return out, nil
}
