package content

import (
	"context"
	"errors"
	"fmt"
	"math"

	"weft/fusion/dataset"
	"weft/fusion/linear"
)

// ErrContent marks features that no content can be made of.
var ErrContent = errors.New("content cannot be learned")

// Head makes content vectors. It is immutable and safe for concurrent use.
type Head struct {
	Sides  []Side // one for each modality it was fitted on, in order; those of single numbers are not Used
	Shared int    // numbers of the shared part; 0: there is none
	Own    float32
	Choice Choice
}

// Side is how a modality is read: z = (unit(root(x)) - Center)·Axes, unit(z[:Own]) is its own part and unit(z·Map) its share.
type Side struct {
	Name   string
	Dim    int
	Used   bool
	Root   bool      // square roots, with the sign
	Center []float32 // Dim
	Axes   linear.Matrix
	Own    int           // leading numbers of z that stand for themselves
	Map    linear.Matrix // of z into the shared part; no rows: it has no share
}

// Dim is the length of a content vector; 0 where no modality says anything.
func (h *Head) Dim() int {
	dim := h.Shared
	for _, s := range h.Sides {
		dim += s.Own
	}
	return dim
}

const (
	axes       = 256 // kept of a modality
	ownAxes    = 128 // that stand for themselves
	textAxes   = 64  // of the text, in the shared part
	mostLabels = 64  // categories, in the shared part
	textTaper  = .3  // of an axis of the text, relative to the first: weak axes keep part of their weakness
)

// pivotName is the modality whose axes the others are led to.
const pivotName = "text"

// Fit makes a head of the items that may be learned from (nil: all). categories are the items', "" where unknown, or nil.
func Fit(ctx context.Context, m linear.Multiplier, modalities []dataset.Modality, categories []string, from []int32) (*Head, error) {
	h := &Head{Own: 1}
	if len(modalities) == 0 {
		return h, nil
	}
	if from == nil {
		for i := range modalities[0].Present {
			from = append(from, int32(i))
		}
	}
	views := make([]view, len(modalities))
	for k := range modalities {
		s, v, err := newSide(ctx, m, &modalities[k], from)
		if err != nil {
			return nil, err
		}
		h.Sides, views[k] = append(h.Sides, s), v
	}
	l := newLesson(h, views, categories, from)
	if l.width() == 0 {
		return h, nil
	}
	choice, err := l.choose(ctx)
	if err != nil {
		return nil, err
	}
	h.Choice = choice
	h.Own, h.Shared = choice.Own, l.width()
	for k := range h.Sides {
		if h.Sides[k].Map, err = l.teach(k, nil).lead(choice.Ridge, choice.Category); err != nil {
			return nil, err
		}
		if h.Sides[k].Name == pivotName {
			h.Sides[k].Own = 0 // its axes are the shared ones
		}
	}
	return h, ctx.Err()
}

// Encode writes the content of raw features, a row for each side, nil where there is none. It is of unit length, or zero
// where nothing is known.
func (h *Head) Encode(rows [][]float32, dst []float32) {
	clear(dst)
	at := 0
	shared := dst[len(dst)-h.Shared:]
	mapped := make([]float32, h.Shared)
	for k := range h.Sides {
		s := &h.Sides[k]
		if s.Used && rows[k] != nil {
			z := s.turn(rows[k])
			own := dst[at : at+s.Own]
			copy(own, z)
			unit(own, h.Own)
			if s.Map.Rows > 0 {
				clear(mapped)
				accumulate(mapped, z, s.Map)
				unit(mapped, 1)
				for i, x := range mapped {
					shared[i] += x
				}
			}
		}
		at += s.Own
	}
	unit(shared, 1-h.Own)
	unit(dst, 1)
}

// Items are the contents of all items, with the modalities that with allows (nil: all).
func (h *Head) Items(modalities []dataset.Modality, with func(name string) bool) linear.Matrix {
	out := linear.Zeros(len(modalities[0].Present), h.Dim())
	inParallel(out.Rows, func(from, to int) {
		rows := make([][]float32, len(modalities))
		for i := from; i < to; i++ {
			for k := range modalities {
				rows[k] = nil
				if modalities[k].Present[i] && (with == nil || with(modalities[k].Name)) {
					rows[k] = modalities[k].Row(int32(i))
				}
			}
			h.Encode(rows, out.Row(i))
		}
	})
	return out
}

// accumulate adds x·m to dst.
func accumulate(dst, x []float32, m linear.Matrix) {
	for i, v := range x {
		if v == 0 {
			continue
		}
		for k, w := range m.Row(i) {
			dst[k] += v * w
		}
	}
}

// unit brings x to a length; zeros stay zero.
func unit(x []float32, to float32) {
	sum := 0.
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	if sum < 1e-24 {
		return
	}
	scale := float32(float64(to) / math.Sqrt(sum))
	for i := range x {
		x[i] *= scale
	}
}

func fault(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrContent}, args...)...)
}
