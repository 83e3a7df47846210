// Package efficientnet turns the published PyTorch checkpoint of EfficientNet-Lite0 into an ONNX model that gives feature vectors.
//
// The classifier is left out, each batch norm is folded into the convolution before it, and the features are the mean over
// space of the last activations. The same checkpoint gives the same bytes on every platform.
package efficientnet

import (
	"io"

	"weft/onnx/graph"
)

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
		x = n.block(x, b)
	}
	x = n.conv(x, head())
	x = g.Op("GlobalAveragePool", []graph.Value{x})
	x = g.Add(graph.Node{Op: "Flatten", Name: "features", Inputs: []graph.Value{x}})[0]
	g.Output(x, graph.Float32, graph.Batch("N", Features))

	return g.Model()
}

// network appends layers to a graph.
type network struct {
	g         *graph.Graph
	weights   weights
	zero, six graph.Value
}

// block computes each part of the wide channels, adds them up, and adds the block's input if that is passed by.
func (n *network) block(x graph.Value, b block) graph.Value {
	var sum graph.Value
	if b.skip {
		sum = x
	}
	for part := range b.parts {
		y := x
		for i, c := range b.convs {
			l := n.weights.fold(c)
			if b.parts > 1 {
				narrows := i == len(b.convs)-1
				l = l.part(part, b.parts, narrows)
			}
			y = n.layer(y, l)
		}
		if sum != "" {
			y = n.g.Op("Add", []graph.Value{y, sum})
		}
		sum = y
	}
	return sum
}

func (n *network) conv(x graph.Value, c conv) graph.Value { return n.layer(x, n.weights.fold(c)) }

// layer appends a convolution, and its ReLU6 as the Clip that the runtime merges into it.
func (n *network) layer(x graph.Value, l layer) graph.Value {
	inputs := []graph.Value{x, n.g.Weight(graph.Floats(graph.WeightPrefix+l.weight+".kernel",
		[]int64{int64(l.out), int64(l.in), int64(l.kernel), int64(l.kernel)}, l.kernels))}
	if l.bias != nil {
		inputs = append(inputs, n.g.Weight(graph.Floats(graph.WeightPrefix+l.weight+".bias", []int64{int64(l.out)}, l.bias)))
	}
	k, s, p := int64(l.kernel), int64(l.stride), int64(l.kernel/2)
	x = n.g.Add(graph.Node{Op: "Conv", Name: l.weight, Inputs: inputs, Attrs: []graph.Attr{
		graph.AttrInts("kernel_shape", k, k),
		graph.AttrInts("strides", s, s),
		graph.AttrInts("pads", p, p, p, p),
		graph.AttrInt("group", int64(l.groups)),
	}})[0]
	if l.relu6 {
		x = n.g.Add(graph.Node{Op: "Clip", Name: l.weight + ".relu6", Inputs: []graph.Value{x, n.zero, n.six}})[0]
	}
	return x
}
