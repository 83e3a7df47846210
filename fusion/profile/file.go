package profile

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"

	"weft/onnx"
	"weft/onnx/graph"
)

// metadataKey is where the model's file holds its Card as JSON.
const metadataKey = "weft.profile"

// ONNX writes the model as an ONNX file: inputs `vector` [n, dim] and `features` [n, features] (either is left out where
// there are none), and one output [n, values] of calibrated probabilities for each head, under the head's name. The Card
// is in the file's metadata.
func (m *Model) ONNX() ([]byte, error) {
	card, err := json.Marshal(m.card)
	if err != nil {
		return nil, fmt.Errorf("profile card: %w", err)
	}
	g := graph.New("profile")
	g.Metadata(metadataKey, string(card))
	w := writer{g: g}
	var vector, features graph.Value
	for _, in := range m.card.inputs() {
		x := g.Input(in.Name, in.Type, in.Dims)
		if in.Name == "vector" {
			vector = w.scaled("vector", x, m.inputs.part(0, m.card.VectorDim))
		} else {
			features = w.scaled("features", x, m.inputs.part(m.card.VectorDim, len(m.inputs.Slope)))
		}
	}
	for h, n := range m.nets {
		head := m.card.Heads[h]
		out := w.scaled(head.Name, w.network(head.Name, n, vector, features), m.scales[h])
		node := graph.Node{Op: "Sigmoid", Inputs: []graph.Value{out}, Outputs: []graph.Value{graph.Value(head.Name)}}
		if head.Kind == Classes {
			node.Op, node.Attrs = "Softmax", []graph.Attr{graph.AttrInt("axis", 1)}
		}
		g.Output(g.Add(node)[0], graph.Float32, graph.Batch("n", int64(n.out)))
	}
	file, err := g.Model()
	if err != nil {
		return nil, fmt.Errorf("profile model: %w", err)
	}
	return file, nil
}

// writer appends the parts of a model to its graph.
type writer struct{ g *graph.Graph }

func (w writer) weight(name string, values []float64, shape ...int) graph.Value {
	data, dims := make([]float32, len(values)), make([]int64, len(shape))
	for i, v := range values {
		data[i] = float32(v)
	}
	for i, n := range shape {
		dims[i] = int64(n)
	}
	return w.g.Weight(graph.Floats(graph.WeightPrefix+name, dims, data))
}

func (w writer) op(op string, inputs ...graph.Value) graph.Value { return w.g.Op(op, inputs) }

func (w writer) scaled(name string, x graph.Value, s scale) graph.Value {
	n := len(s.Slope)
	return w.op("Add", w.op("Mul", x, w.weight(name+".slope", s.Slope, n)), w.weight(name+".shift", s.Shift, n))
}

// network writes what network.forward computes; vector or features is "" where there is none.
func (w writer) network(name string, n *network, vector, features graph.Value) graph.Value {
	l := n.layer(n.weights)
	product := func(x graph.Value, part string, m *mat.Dense) graph.Value {
		rows, columns := m.Dims()
		weight := w.weight(name+"."+part, mat.DenseCopyOf(m).RawMatrix().Data, rows, columns)
		return w.g.Op("Gemm", []graph.Value{x, weight}, graph.AttrInt("transB", 1))
	}
	var out graph.Value
	if n.vector > 0 {
		out = product(vector, "vector", l.vector)
	}
	if n.features > 0 {
		said := product(features, "features", l.features)
		if n.vector > 0 {
			exponent := w.op("Clip", product(features, "gamma", mat.NewDense(1, n.features, l.gamma)),
				w.weight(name+".least", []float64{-most}), w.weight(name+".most", []float64{most}))
			said = w.op("Add", w.op("Mul", out, w.op("Exp", exponent)), said)
		}
		out = said
	}
	return w.op("Add", out, w.weight(name+".bias", l.b, n.out))
}

func (s scale) part(from, to int) scale {
	return scale{Slope: s.Slope[from:to], Shift: s.Shift[from:to]}
}

// inputs are the graph's, in order.
func (c Card) inputs() []graph.Info {
	var list []graph.Info
	if c.VectorDim > 0 {
		list = append(list, graph.Info{Name: "vector", Type: graph.Float32, Dims: graph.Batch("n", int64(c.VectorDim))})
	}
	if n := len(c.FeatureNames); n > 0 {
		list = append(list, graph.Info{Name: "features", Type: graph.Float32, Dims: graph.Batch("n", int64(n))})
	}
	return list
}

// Session is a profile model that runs through ONNX Runtime. It is safe for concurrent use. Whoever opened it closes it.
type Session struct {
	card    Card
	session *onnx.Session
}

// Open loads a model's file. A file that is no profile model, of another version, or whose card does not fit its graph
// is an ErrFile.
func Open(rt *onnx.Runtime, file []byte) (*Session, error) {
	signature, err := graph.Inspect(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	card, err := readCard(signature)
	if err != nil {
		return nil, err
	}
	session, err := rt.NewSession(file, onnx.SessionConfig{})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return &Session{card: card, session: session}, nil
}

// readCard checks that a file's card is whole and fits its graph.
func readCard(s graph.Signature) (Card, error) {
	text, ok := s.Metadata[metadataKey]
	if !ok {
		return Card{}, fmt.Errorf("%w: no metadata %q: it was not written by weft", ErrFile, metadataKey)
	}
	var c Card
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return Card{}, fmt.Errorf("%w: metadata %q: %w", ErrFile, metadataKey, err)
	}
	if c.Version != Version {
		return Card{}, fmt.Errorf("%w: it has version %d, this program reads version %d: train it again", ErrFile, c.Version, Version)
	}
	if err := sameTensors("inputs", s.Inputs, c.inputs()); err != nil {
		return Card{}, err
	}
	var outputs []graph.Info
	for _, h := range c.Heads {
		answers := 1
		if h.Kind == Tags {
			answers = len(h.Values)
		}
		if checkName(h.Name) != nil || h.Kind != Classes && h.Kind != Tags || len(h.Values) == 0 || len(h.Answer) != answers || len(h.Prior) != len(h.Values) {
			return Card{}, fmt.Errorf("%w: head %q (%s): %d values, %d thresholds, %d priors", ErrFile, h.Name, h.Kind, len(h.Values), len(h.Answer), len(h.Prior))
		}
		outputs = append(outputs, graph.Info{Name: h.Name, Type: graph.Float32, Dims: graph.Batch("n", int64(len(h.Values)))})
	}
	return c, sameTensors("outputs", s.Outputs, outputs)
}

func sameTensors(what string, got, want []graph.Info) error {
	same := slices.EqualFunc(got, want, func(a, b graph.Info) bool {
		return a.Name == b.Name && a.Type == b.Type && slices.EqualFunc(a.Dims, b.Dims, func(x, y graph.Dim) bool { return x.Size == y.Size })
	})
	if !same {
		return fmt.Errorf("%w: its graph has the %s %v, its card says %v", ErrFile, what, got, want)
	}
	return nil
}

// Card describes the model.
func (s *Session) Card() Card { return s.card }

// Close frees the model after the runs that are going on.
func (s *Session) Close() error { return s.session.Close() }

// batchRows of one run: enough to be fast, little enough to stop soon.
const batchRows = 1024

func (s *Session) probabilities(ctx context.Context, examples []Example) ([][][]float64, error) {
	heads := make([][][]float64, len(s.card.Heads))
	for batch := range slices.Chunk(examples, batchRows) {
		inputs := map[string]onnx.Tensor{}
		add := func(name string, size int, row func(Example) []float32) {
			if size == 0 {
				return
			}
			data := make([]float32, 0, size*len(batch))
			for _, e := range batch {
				data = append(data, row(e)...)
			}
			inputs[name] = onnx.Floats(data, int64(len(batch)), int64(size))
		}
		add("vector", s.card.VectorDim, func(e Example) []float32 { return e.Vector })
		add("features", len(s.card.FeatureNames), func(e Example) []float32 { return e.Features })
		out, err := s.session.Run(ctx, inputs, nil)
		if err != nil {
			return nil, fmt.Errorf("profile model: %w", err)
		}
		for h, head := range s.card.Heads {
			for i := range batch {
				row := make([]float64, len(head.Values))
				for j, p := range out[head.Name].Row(i) {
					row[j] = float64(p)
				}
				heads[h] = append(heads[h], row)
			}
		}
	}
	return heads, nil
}
