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
// Weights and activations are of the precision, Float32 or Float16; the input and the output are float32 either way.
// A checkpoint with a missing, unknown or wrongly shaped tensor is refused by an ErrCheckpoint that names the tensor.
func Convert(checkpoint io.ReaderAt, size int64, precision graph.Type) ([]byte, error) {
	w, err := readCheckpoint(checkpoint, size)
	if err != nil {
		return nil, err
	}
	g := graph.New("efficientnet-lite0")
	n := network{g: g, weights: w, precision: precision}
	n.zero, n.six = n.weight("zero", nil, []float32{0}), n.weight("six", nil, []float32{6})

	x := n.cast(g.Input("images", graph.Float32, graph.Batch("N", 3, Side, Side)), precision)
	x = n.conv(x, stem())
	for _, b := range blocks() {
		x = n.block(x, b)
	}
	x = n.conv(x, head())
	x = g.Op("GlobalAveragePool", []graph.Value{x})
	x = n.cast(x, graph.Float32)
	x = g.Add(graph.Node{Op: "Flatten", Name: "features", Inputs: []graph.Value{x}})[0]
	g.Output(x, graph.Float32, graph.Batch("N", Features))

	return g.Model()
}

// network appends layers to a graph.
type network struct {
	g         *graph.Graph
	weights   weights
	zero, six graph.Value
	precision graph.Type
}

// weight adds a constant in the network's precision.
func (n *network) weight(name string, shape []int64, data []float32) graph.Value {
	if n.precision == graph.Float16 {
		return n.g.Weight(graph.Halves(graph.WeightPrefix+name, shape, data))
	}
	return n.g.Weight(graph.Floats(graph.WeightPrefix+name, shape, data))
}

// cast gives x, which is float32 where precision is, the element type to.
func (n *network) cast(x graph.Value, to graph.Type) graph.Value {
	if n.precision == graph.Float32 {
		return x
	}
	return n.g.Op("Cast", []graph.Value{x}, graph.AttrInt("to", int64(to)))
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
	inputs := []graph.Value{x, n.weight(l.weight+".kernel",
		[]int64{int64(l.out), int64(l.in), int64(l.kernel), int64(l.kernel)}, l.kernels)}
	if l.bias != nil {
		inputs = append(inputs, n.weight(l.weight+".bias", []int64{int64(l.out)}, l.bias))
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
