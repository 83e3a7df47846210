package efficientnet

import (
	"fmt"
	"math"
)

// normEpsilon keeps a batch norm from dividing by zero, as the checkpoint was trained.
const normEpsilon = 1e-3

// layer is a convolution with its numbers, its batch norm folded in.
type layer struct {
	conv
	kernels []float32 // [out, in, kernel, kernel]
	bias    []float32 // [out], nil for none
}

// fold multiplies the scale of a batch norm into the kernel before it; its shift becomes the bias.
// The sums are made in float64 and rounded once. The conversions around products keep a compiler from fusing them with the
// subtraction, which some processors would round differently.
func (w weights) fold(c conv) layer {
	gamma, beta := w[c.norm+".weight"], w[c.norm+".bias"]
	mean, variance := w[c.norm+".running_mean"], w[c.norm+".running_var"]
	source := w[c.weight+".weight"]
	l := layer{conv: c, kernels: make([]float32, len(source)), bias: make([]float32, c.out)}
	each := len(source) / c.out
	for o := range c.out {
		scale := float64(gamma[o]) / math.Sqrt(float64(variance[o])+normEpsilon)
		for i := o * each; i < (o+1)*each; i++ {
			l.kernels[i] = float32(float64(source[i]) * scale)
		}
		l.bias[o] = float32(float64(beta[o]) - float64(float64(mean[o])*scale))
	}
	return l
}

// part is the share of a layer in part i of n of the wide channels: those it writes, or for the narrowing layer those it
// reads. The parts of a narrowing layer are summed, so only the first has the bias.
func (l layer) part(i, n int, narrows bool) layer {
	p := l
	p.weight = fmt.Sprintf("%s.%d", l.weight, i)
	if !narrows {
		p.out = l.out / n
		each := p.out * l.in * l.kernel * l.kernel
		p.kernels, p.bias = l.kernels[i*each:(i+1)*each], l.bias[i*p.out:(i+1)*p.out]
		if l.groups > 1 {
			p.groups = p.out
		}
		return p
	}
	p.in = l.in / n
	each, whole := p.in*l.kernel*l.kernel, l.in*l.kernel*l.kernel
	p.kernels = make([]float32, 0, l.out*each)
	for o := range l.out {
		p.kernels = append(p.kernels, l.kernels[o*whole+i*each:o*whole+(i+1)*each]...)
	}
	if i > 0 {
		p.bias = nil
	}
	return p
}
