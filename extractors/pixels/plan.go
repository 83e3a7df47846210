package pixels

import (
	"math"
	"sync"
)

// axis holds the taps of one direction of a resize: output i is the weighted sum of
// count[i] source samples from start[i] on.
type axis struct {
	start, count []int32
	weights      []int32 // ksize per output, 22-bit fixed point
	quads        []int16 // the same in groups of four taps: high halves, then low halves
	ksize        int
	quadStride   int
	lo, hi       int // the source samples that any output needs: [lo, hi)
}

const (
	precision = 22
	lowBits   = 11
)

// newAxis computes the taps of outputs [from, from+n) of a resize from in to out samples.
// reversed mirrors the source, which costs nothing this way. The arithmetic follows
// Pillow's, operation by operation; float64(…) around products keeps compilers from
// fusing them with sums, which would round differently.
func newAxis(filter string, in, out, from, n int, reversed bool) *axis {
	kernel, reach := kernelOf(filter)
	scale := float64(in) / float64(out)
	stretch := math.Max(scale, 1)
	support := reach * stretch
	ss := 1 / stretch
	ksize := int(math.Ceil(support))*2 + 1

	a := &axis{
		start: make([]int32, n), count: make([]int32, n),
		weights: make([]int32, n*ksize), ksize: ksize,
		lo: in,
	}
	a.quadStride = (ksize + 3) / 4 * 8
	a.quads = make([]int16, n*a.quadStride)
	taps := make([]float64, ksize)
	for i := range n {
		center := float64((float64(from+i) + 0.5) * scale)
		first := max(int(center-support+0.5), 0)
		last := min(int(center+support+0.5), in)
		count := last - first
		sum := 0.0
		for t := range count {
			w := kernel(float64((float64(t+first) - center + 0.5) * ss))
			taps[t] = w
			sum += w
		}
		start := first
		if reversed {
			start = in - last
		}
		k := a.weights[i*ksize:][:ksize]
		for t := range count {
			w := taps[t]
			if sum != 0 {
				w /= sum
			}
			at := t
			if reversed {
				at = count - 1 - t
			}
			k[at] = fixed(w)
		}
		q := a.quads[i*a.quadStride:][:a.quadStride]
		for t, w := range k {
			q[t/4*8+t%4] = int16(w >> lowBits)
			q[t/4*8+4+t%4] = int16(w & (1<<lowBits - 1))
		}
		a.start[i], a.count[i] = int32(start), int32(count)
		a.lo, a.hi = min(a.lo, start), max(a.hi, start+count)
	}
	return a
}

func fixed(w float64) int32 {
	w = float64(w * (1 << precision))
	if w < 0 {
		return int32(w - 0.5)
	}
	return int32(w + 0.5)
}

// kernelOf returns a filter's weight function and how far it reaches at scale 1.
func kernelOf(filter string) (func(float64) float64, float64) {
	switch filter {
	case Bilinear:
		return bilinear, 1
	case Lanczos:
		return lanczos, 3
	}
	return bicubic, 2
}

func bilinear(x float64) float64 {
	return math.Max(1-math.Abs(x), 0)
}

func bicubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	if x < 1 {
		v := float64((a+2)*x) - (a + 3)
		return float64(float64(v*x)*x) + 1
	}
	if x < 2 {
		v := float64((x-5)*x) + 8
		return float64((float64(v*x) - 4) * a)
	}
	return 0
}

func lanczos(x float64) float64 {
	if -3 <= x && x < 3 {
		return float64(sinc(x) * sinc(x/3))
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x = float64(x * math.Pi)
	return math.Sin(x) / x
}

// plan is all that is known before the first pixel: the taps along the stored picture's
// x and y, which of the passes comes first, and whether what they make lies on its side.
type plan struct {
	x, y         *axis
	columnsFirst bool
	transpose    bool
}

type planKey struct {
	w, h, orientation int
	spec              Spec
}

// newPlan orients the resize instead of the picture. Pillow orients first and then makes
// a pass along x and one along y, rounding in between; so a mirrored picture gets mirrored
// taps, and one lying on its side gets its passes in the other order.
func newPlan(k planKey) *plan {
	w, h := k.w, k.h
	p := &plan{transpose: k.orientation >= 5}
	if p.transpose {
		w, h = h, w
	}
	ow, oh := k.spec.scaled(w, h)
	// Since release 13 Pillow begins with y when the height shrinks so much more than the
	// width.
	yFirst := h > oh && h-oh > 2*(w-ow)
	p.columnsFirst = yFirst != p.transpose

	mirrorX, mirrorY := false, false
	switch k.orientation {
	case 2, 6:
		mirrorX = true
	case 3, 7:
		mirrorX, mirrorY = true, true
	case 4, 8:
		mirrorY = true
	}
	size := k.spec.Size
	p.x = newAxis(k.spec.Filter, w, ow, (ow-size)/2, size, mirrorX)
	p.y = newAxis(k.spec.Filter, h, oh, (oh-size)/2, size, mirrorY)
	if p.transpose {
		p.x, p.y = p.y, p.x
	}
	return p
}

// plans remembers the plans of common sizes; a shop's photos come in few.
type plans struct {
	mu    sync.Mutex
	known map[planKey]*plan
}

const (
	keepPlans = 256
	keepTaps  = 48
)

func (p *plans) get(k planKey) *plan {
	p.mu.Lock()
	found := p.known[k]
	p.mu.Unlock()
	if found != nil {
		return found
	}
	made := newPlan(k)
	if made.x.ksize > keepTaps || made.y.ksize > keepTaps || k.spec.Size > 1024 {
		return made
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= keepPlans {
		p.known = make(map[planKey]*plan, keepPlans)
	}
	p.known[k] = made
	return made
}
