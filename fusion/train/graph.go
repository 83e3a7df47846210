package train

import (
	"fmt"

	"weft/onnx/graph"
)

// spec is the shape of a tower.
type spec struct {
	dim        int   // of the shared space
	modalities []int // widths of the prepared features
	mix        bool  // users pass through a matrix
	popularity int   // features of an item at a moment; 0 is none
}

// ε under the square root of a length: small beside any row that is trained, large enough that a row of zeros (an item with
// nothing known, a user without history) stays zero and its derivative bounded.
const lengthFloor = 1e-6

// builder writes towers. Operators that take lists want them as weights, numbered as they come.
type builder struct {
	*graph.Graph
	lists int
}

type values = []graph.Value

func (b *builder) list(x ...int64) graph.Value {
	b.lists++
	return b.Weight(graph.Ints(fmt.Sprintf("%slist.%d", graph.WeightPrefix, b.lists), []int64{int64(len(x))}, x))
}

// unit makes the rows of x of unit length.
func (b *builder) unit(x graph.Value) graph.Value {
	b.lists++
	floor := b.Weight(graph.Scalar(fmt.Sprintf("%sfloor.%d", graph.WeightPrefix, b.lists), lengthFloor))
	square := b.Op("ReduceSum", values{b.Op("Mul", values{x, x}), b.list(-1)}, graph.AttrInt("keepdims", 1))
	return b.Op("Div", values{x, b.Op("Sqrt", values{b.Op("Add", values{square, floor})})})
}

// items is v = unit(identity·keep + Σ on·x·W) for rows of the catalogue, [R, dim].
//
// Inputs: identity [R, dim], keep [R, 1], and for each modality k: x.k [R, width], on.k [R, 1], project.k [width, dim].
func (b *builder) items(s spec) graph.Value {
	row := func(n int) []graph.Dim { return graph.Batch("R", int64(n)) }
	v := b.Op("Mul", values{b.Input("identity", graph.Float32, row(s.dim)), b.Input("keep", graph.Float32, row(1))})
	for k, width := range s.modalities {
		x := b.Input(fmt.Sprintf("x.%d", k), graph.Float32, row(width))
		on := b.Input(fmt.Sprintf("on.%d", k), graph.Float32, row(1))
		project := b.Input(fmt.Sprintf("project.%d", k), graph.Float32, graph.Sizes(int64(width), int64(s.dim)))
		v = b.Op("Add", values{v, b.Op("Mul", values{b.Op("MatMul", values{x, project}), on})})
	}
	return b.unit(v)
}

// itemModel computes item vectors alone: output "v".
func itemModel(s spec) ([]byte, error) {
	b := &builder{Graph: graph.New("items")}
	v := b.Add(graph.Node{Op: "Identity", Name: "v", Inputs: values{b.items(s)}})[0]
	b.Output(v, graph.Float32, graph.Batch("R", int64(s.dim)))
	return b.Model()
}

// stepModel is a training step: the loss of a batch, and its derivative for every parameter, named "d."+parameter.
//
// Beside those of items it reads: bias [R]; log_tau [1]; mix [dim, dim] if there is one; offset [R], added to every logit of
// an item; history [B, R], the weights of each user's items; mask [B, R], added to the logits; target [B, 1], the row each
// user is to be led to; share [B], the weight of each user in the loss; and with popularity features, popularity
// [D, R, features] at D moments, popular [features, 1], their weights, and moment [B], the one each user lives in.
func stepModel(s spec) (model []byte, parameters []string, err error) {
	b := &builder{Graph: graph.New("step")}
	users, rows := graph.Dim{Name: "B"}, graph.Dim{Name: "R"}
	v := b.items(s)
	parameters = []string{"identity", "bias", "log_tau"}
	for k := range s.modalities {
		parameters = append(parameters, fmt.Sprintf("project.%d", k))
	}
	bias := b.Op("Add", values{b.Input("bias", graph.Float32, []graph.Dim{rows}), b.Input("offset", graph.Float32, []graph.Dim{rows})})
	tau := b.Op("Exp", values{b.Input("log_tau", graph.Float32, graph.Sizes(1))})

	u := b.unit(b.Op("MatMul", values{b.Input("history", graph.Float32, []graph.Dim{users, rows}), v}))
	if s.mix {
		mix := b.Input("mix", graph.Float32, graph.Sizes(int64(s.dim), int64(s.dim)))
		u = b.unit(b.Op("MatMul", values{u, mix}))
		parameters = append(parameters, "mix")
	}
	logits := b.Op("Gemm", values{b.Op("Mul", values{u, tau}), v}, graph.AttrInt("transB", 1))
	if s.popularity > 0 {
		features := b.Input("popularity", graph.Float32, []graph.Dim{{Name: "D"}, rows, {Size: int64(s.popularity)}})
		popular := b.Input("popular", graph.Float32, graph.Sizes(int64(s.popularity), 1))
		parameters = append(parameters, "popular")
		moments := b.Op("Squeeze", values{b.Op("MatMul", values{features, popular}), b.list(-1)})
		bias = b.Op("Gather", values{b.Op("Add", values{moments, bias}), b.Input("moment", graph.Int64, []graph.Dim{users})})
	}
	logits = b.Op("Add", values{logits, bias})
	logits = b.Op("Add", values{logits, b.Input("mask", graph.Float32, []graph.Dim{users, rows})})

	all := b.Op("ReduceLogSumExp", values{logits}, graph.AttrInts("axes", 1))
	one := b.Op("GatherElements", values{logits, b.Input("target", graph.Int64, []graph.Dim{users, {Size: 1}})}, graph.AttrInt("axis", 1))
	each := b.Op("Squeeze", values{b.Op("Sub", values{all, one}), b.list(1)})
	weighed := b.Op("Mul", values{each, b.Input("share", graph.Float32, []graph.Dim{users})})
	loss := b.Op("ReduceSum", values{weighed, b.list(0)}, graph.AttrInt("keepdims", 1))
	loss = b.Add(graph.Node{Op: "Identity", Name: "loss", Inputs: values{loss}})[0]
	b.Output(loss, graph.Float32, graph.Sizes(1))

	wrt := make(values, len(parameters))
	for i, p := range parameters {
		wrt[i] = graph.Value(p)
	}
	grads, err := b.Gradients(loss, wrt...)
	if err != nil {
		return nil, nil, err
	}
	for i, p := range parameters {
		out := b.Add(graph.Node{Op: "Identity", Name: "d." + p, Inputs: values{grads[i]}})[0]
		b.Output(out, graph.Float32, s.dims(p))
	}
	model, err = b.Model()
	return model, parameters, err
}

// dims is the shape of a parameter, with R rows of the catalogue.
func (s spec) dims(parameter string) []graph.Dim {
	switch parameter {
	case "identity":
		return graph.Batch("R", int64(s.dim))
	case "bias":
		return []graph.Dim{{Name: "R"}}
	case "log_tau":
		return graph.Sizes(1)
	case "mix":
		return graph.Sizes(int64(s.dim), int64(s.dim))
	case "popular":
		return graph.Sizes(int64(s.popularity), 1)
	}
	var k int
	_, _ = fmt.Sscanf(parameter, "project.%d", &k)
	return graph.Sizes(int64(s.modalities[k]), int64(s.dim))
}
