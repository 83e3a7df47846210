// Package efficientnet turns the published PyTorch checkpoint of EfficientNet-Lite0 into an ONNX model that gives feature vectors.
//
// The classifier is left out, each batch norm is folded into the convolution before it, and the features are the mean over
// space of the last activations. The same checkpoint gives the same bytes on every platform.
package efficientnet

import (
	"fmt"
	"io"
	"math"

	"weft/onnx/graph"
)

// normEpsilon keeps a batch norm from dividing by zero, as the checkpoint was trained.
const normEpsilon = 1e-3

// Convert reads a checkpoint of size bytes (a state dict as torch.save writes it) and returns the ONNX model: input `images`
// [N, 3, 224, 224] float32, red, green and blue as (pixel-127)/128; output `features` [N, 1280] float32, not normalised.
// A checkpoint with a missing, unknown or wrongly shaped tensor is refused by an ErrCheckpoint that names the tensor.
func Convert(checkpoint io.ReaderAt, size int64) ([]byte, error) {
	w, err := readCheckpoint(checkpoint, size)
	if err != nil {
		return nil, err
	}
	g := graph.New("efficientnet-lite0")
	zero, six := g.Weight(graph.Scalar("w.zero", 0)), g.Weight(graph.Scalar("w.six", 6))
	n := network{g: g, weights: w, zero: zero, six: six}

	x := g.Input("images", graph.Float32, graph.Batch("N", 3, Side, Side))
	x = n.conv(x, stem())
	for _, b := range blocks() {
		in := x
		for _, c := range b.convs {
			x = n.conv(x, c)
		}
		if b.skip {
			x = g.Op("Add", []graph.Value{x, in})
		}
	}
	x = n.conv(x, head())
	x = g.Op("GlobalAveragePool", []graph.Value{x})
	x = g.Add(graph.Node{Op: "Flatten", Name: "features", Inputs: []graph.Value{x}})[0]
	g.Output(x, graph.Float32, graph.Batch("N", Features))

	if n.err != nil {
		return nil, n.err
	}
	return g.Model()
}

// network appends layers to a graph. It keeps the first error.
type network struct {
	g         *graph.Graph
	weights   weights
	zero, six graph.Value
	err       error
}

func (n *network) conv(x graph.Value, c conv) graph.Value {
	kernel, bias, err := n.weights.fold(c)
	if err != nil && n.err == nil {
		n.err = err
	}
	shape := []int64{int64(c.out), int64(c.in), int64(c.kernel), int64(c.kernel)}
	k, s, p := int64(c.kernel), int64(c.stride), int64(c.kernel/2)
	x = n.g.Add(graph.Node{
		Op:   "Conv",
		Name: c.weight,
		Inputs: []graph.Value{x,
			n.g.Weight(graph.Floats(graph.WeightPrefix+c.weight+".kernel", shape, kernel)),
			n.g.Weight(graph.Floats(graph.WeightPrefix+c.weight+".bias", shape[:1], bias)),
		},
		Attrs: []graph.Attr{
			graph.AttrInts("kernel_shape", k, k),
			graph.AttrInts("strides", s, s),
			graph.AttrInts("pads", p, p, p, p),
			graph.AttrInt("group", int64(c.groups)),
		},
	})[0]
	if c.relu6 {
		x = n.g.Add(graph.Node{Op: "Clip", Name: c.weight + ".relu6", Inputs: []graph.Value{x, n.zero, n.six}})[0]
	}
	return x
}

// fold multiplies the scale of a batch norm into the kernel before it and returns the kernel and the bias that is left.
// The sums are made in float64 and rounded once. The conversions around products keep a compiler from fusing them with the
// subtraction, which some processors would round differently.
func (w weights) fold(c conv) (kernel, bias []float32, err error) {
	gamma, beta := w[c.norm+".weight"], w[c.norm+".bias"]
	mean, variance := w[c.norm+".running_mean"], w[c.norm+".running_var"]
	source := w[c.weight+".weight"]
	kernel, bias = make([]float32, len(source)), make([]float32, c.out)
	each := len(source) / c.out
	for o := range c.out {
		if variance[o] < 0 {
			return nil, nil, fmt.Errorf("%w: tensor %q holds %v at element %d, want at least 0", ErrCheckpoint, c.norm+".running_var", variance[o], o)
		}
		scale := float64(gamma[o]) / math.Sqrt(float64(variance[o])+normEpsilon)
		for i := o * each; i < (o+1)*each; i++ {
			kernel[i] = float32(float64(source[i]) * scale)
		}
		bias[o] = float32(float64(beta[o]) - float64(float64(mean[o])*scale))
	}
	return kernel, bias, nil
}
