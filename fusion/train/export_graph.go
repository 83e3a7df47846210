package train

import (
	"fmt"

	"weft/fusion/content"
	"weft/onnx/graph"
)

// exporter writes the two towers that serve. Their weights are everything that is the same for all products and users;
// what belongs to one product (its identity, its bias, what the closed-form blocks say of it) is an input.
type exporter struct {
	builder
	weights int
}

func newExporter(name string) *exporter { return &exporter{builder: builder{Graph: graph.New(name)}} }

func (e *exporter) weight(rows, cols int, data []float32) graph.Value {
	e.weights++
	return e.Weight(graph.Floats(fmt.Sprintf("%stable.%d", graph.WeightPrefix, e.weights), []int64{int64(rows), int64(cols)}, data))
}

func (e *exporter) number(x float32) graph.Value {
	e.weights++
	return e.Weight(graph.Scalar(fmt.Sprintf("%snumber.%d", graph.WeightPrefix, e.weights), x))
}

func (e *exporter) mul(a, b graph.Value) graph.Value { return e.Op("Mul", values{a, b}) }
func (e *exporter) add(a, b graph.Value) graph.Value { return e.Op("Add", values{a, b}) }
func (e *exporter) sub(a, b graph.Value) graph.Value { return e.Op("Sub", values{a, b}) }

func (e *exporter) concat(parts ...graph.Value) graph.Value {
	if len(parts) == 1 {
		return parts[0]
	}
	return e.Op("Concat", parts, graph.AttrInt("axis", -1))
}

func (e *exporter) squares(x graph.Value) graph.Value {
	return e.Op("ReduceSum", values{e.mul(x, x), e.list(-1)}, graph.AttrInt("keepdims", 1))
}

// tiny bounds lengths from below where there is nothing to train: rows of zeros stay zero.
const tiny = 1e-18

// exactly is x brought to unit length.
func (e *exporter) exactly(x graph.Value) graph.Value {
	return e.Op("Div", values{x, e.Op("Sqrt", values{e.add(e.squares(x), e.number(tiny))})})
}

// named gives a value its name as an output.
func (e *exporter) named(name string, v graph.Value, dims []graph.Dim) {
	e.Output(e.Add(graph.Node{Op: "Identity", Name: name, Inputs: values{v}})[0], graph.Float32, dims)
}

// productModel is the tower of products. Inputs, N products at a time:
//
//	identity [N, dim]   row of identity.npy; zeros for a product that nobody had
//	warm [N, 1]         1, or 0 for a product that nobody had
//	bias [N, 1]         row of bias.npy; for a new product the cold bias of the manifest
//	residual [N, rank]  row of residual.npy; for a new product the cold residual of the manifest
//	x.NAME [N, width]   raw features of a modality, and has.NAME [N, 1], 1 or 0 where there are none
//
// Outputs: vector [N, 256], of unit length, whose product with a user's vector is the score; content [N, head.Dim()], of unit
// length, what features say of the product (see package content; without a head [N, dim], the tower's features); source [N, source_dim], the row that a history takes for
// a product that nobody had (those of the others are in sources.npy).
func (m *served) productModel(features []prepared, head *content.Head) ([]byte, error) {
	e := newExporter("product")
	n := func(width int) []graph.Dim { return graph.Batch("N", int64(width)) }
	d := m.tower.dim - 1
	identity, warm := e.Input("identity", graph.Float32, n(d)), e.Input("warm", graph.Float32, n(1))
	bias, residual := e.Input("bias", graph.Float32, n(1)), e.Input("residual", graph.Float32, n(m.rank))
	raw, has := make(values, len(features)), make(values, len(features))
	for k, p := range features {
		raw[k] = e.Input("x."+p.Name, graph.Float32, n(p.Dim))
		has[k] = e.Input("has."+p.Name, graph.Float32, n(1))
	}
	sum, hasContent := e.mul(identity, warm), len(features) > 0
	var told graph.Value
	for k, p := range features {
		x := e.mul(e.Op("MatMul", values{e.encode(p.encoding, raw[k]), e.weight(p.Width, d, m.tower.projects[k])}), has[k])
		sum = e.add(sum, x)
		if k == 0 {
			told = x
		} else {
			told = e.add(told, x)
		}
	}
	v := e.segments(sum, m.tower.segments, d)
	cold := e.sub(e.number(1), warm)
	tau := make([]float32, d)
	for i := range tau {
		tau[i] = m.tower.tau[i*m.tower.segments/d]
	}
	place := e.add(warm, e.mul(cold, e.number(m.cold.Tower)))
	tower := e.mul(e.mul(v, e.weight(1, d, tau)), place)
	blocks := e.Op("MatMul", values{e.concat(tower, bias), e.weight(d+1, m.rank, m.itemMap.Data[:(d+1)*m.rank])})
	row := e.add(blocks, residual)
	source := values{v} // as fillTables lays it
	if gap := m.sources.Cols - d - m.like.Dim; gap > 0 {
		source = append(source, e.mul(warm, e.weight(1, gap, make([]float32, gap))))
	}
	if m.like.Dim > 0 {
		like := e.likeness(m.content, features, raw, has)
		source = append(source, like)
		row = e.concat(row, e.mul(e.mul(like, cold), e.number(m.cold.Content)))
	}
	row = e.mul(row, e.number(1/m.scale))
	// Longer than the scale allows: clipped to unit length.
	square := e.squares(row)
	length := e.Op("Sqrt", values{e.Op("Max", values{square, e.number(1)})})
	row = e.Op("Div", values{row, length})
	rest := e.Op("Sqrt", values{e.Op("Max", values{e.sub(e.number(1), e.squares(row)), e.number(0)})})
	e.named("vector", e.padded(row, m.rank+m.like.Dim, rest), n(Dim))
	if hasContent {
		if head != nil {
			e.named("content", e.head(head, raw, has), n(head.Dim()))
		} else {
			e.named("content", e.exactly(told), n(d))
		}
		e.named("source", e.concat(source...), n(m.sources.Cols))
	}
	return e.Model()
}

// segments is x, d numbers wide, with each of n equal segments brought to unit length.
func (e *exporter) segments(x graph.Value, n, d int) graph.Value {
	if n == 1 {
		return e.unit(x)
	}
	apart := e.Op("Reshape", values{x, e.list(-1, int64(n), int64(d/n))})
	return e.Op("Reshape", values{e.unit(apart), e.list(-1, int64(d))})
}

// padded puts last into the last of Dim dimensions, and zeros between.
func (e *exporter) padded(row graph.Value, width int, last graph.Value) graph.Value {
	if gap := Dim - 1 - width; gap > 0 {
		zeros := e.mul(last, e.weight(1, gap, make([]float32, gap)))
		return e.concat(row, zeros, last)
	}
	return e.concat(row, last)
}

// encode is encoding.encode as a graph.
func (e *exporter) encode(c encoding, raw graph.Value) graph.Value {
	if c.Dim > 1 {
		return e.Op("MatMul", values{e.sub(raw, e.weight(1, c.Dim, c.Center)), e.weight(c.Dim, c.Width, c.Map)})
	}
	t := e.mul(e.Op("Sign", values{raw}), e.Op("Log", values{e.add(e.number(1), e.Op("Abs", values{raw}))}))
	z := e.Op("Div", values{e.sub(t, e.weight(1, c.Width, c.Bumps)), e.number(c.Spread)})
	return e.mul(e.Op("Exp", values{e.mul(e.mul(z, z), e.number(-.5))}), e.number(bumpHeight))
}

// likeness is contentAxes.encode as a graph.
func (e *exporter) likeness(a contentAxes, features []prepared, raw, has values) graph.Value {
	var parts values
	for k, p := range features {
		if p.Dim > 1 {
			parts = append(parts, e.mul(e.unit(e.sub(raw[k], e.weight(1, p.Dim, a.means[k]))), has[k]))
		}
	}
	return e.Op("MatMul", values{e.unit(e.concat(parts...)), e.weight(a.width, a.kept, a.turn.Data)})
}

// userModel is the tower of users. Inputs, N users with up to L items each:
//
//	sources [N, L, width]  rows of sources.npy of the items of the history, in any order
//	age [N, L]             days since each of them
//	mask [N, L]            strength of each of them (1 where all are alike), 0 for places that hold no item
//
// Output: vector [N, 256], of unit length, its last number 0. Without any item it is what everybody likes.
func (m *served) userModel() ([]byte, error) {
	e := newExporter("user")
	people, places := graph.Dim{Name: "N"}, graph.Dim{Name: "L"}
	sources := e.Input("sources", graph.Float32, []graph.Dim{people, places, {Size: int64(m.sources.Cols)}})
	age := e.Input("age", graph.Float32, []graph.Dim{people, places})
	mask := e.Input("mask", graph.Float32, []graph.Dim{people, places})
	at := 0
	total := func(width int, weights graph.Value) graph.Value { // Σ weight · source over the next dimensions
		part := e.Op("Slice", values{sources, e.list(int64(at)), e.list(int64(at + width)), e.list(2)})
		at += width
		return e.Op("Squeeze", values{e.Op("MatMul", values{e.Op("Unsqueeze", values{weights, e.list(1)}), part}), e.list(1)})
	}
	count := e.Op("ReduceSum", values{mask, e.list(1)}, graph.AttrInt("keepdims", 1)) // [N, 1]
	one := e.add(e.mul(count, e.number(0)), e.number(1))

	d := m.tower.dim - 1
	u := e.segments(total(d, mask), m.tower.segments, d)
	if m.tower.mix != nil {
		u = e.segments(e.Op("MatMul", values{u, e.weight(d, d, m.tower.mix)}), m.tower.segments, d)
	}
	rows := values{u, one}
	for _, p := range m.parts[1:] {
		f := p.Fold
		if f.Constant {
			first := make([]float32, p.Dim)
			first[0] = f.Scale
			rows = append(rows, e.mul(one, e.weight(1, p.Dim, first)))
			continue
		}
		weights := mask
		if f.HalfLife > 0 {
			const ln2 = 0.6931471805599453
			fade := e.Op("Exp", values{e.mul(age, e.number(float32(-ln2*day/float64(f.HalfLife))))})
			weights = e.mul(mask, fade)
		}
		x := total(p.Dim, weights)
		if f.Unit {
			x = e.exactly(x)
		}
		if f.SqrtN {
			x = e.mul(x, e.Op("Sqrt", values{count}))
		}
		if f.Scale != 1 {
			x = e.mul(x, e.number(f.Scale))
		}
		rows = append(rows, x)
	}
	row := e.Op("MatMul", values{e.concat(rows...), e.weight(m.userMap.Rows, m.rank, m.userMap.Data)})
	if m.like.Dim > 0 {
		row = e.concat(row, e.unit(total(m.like.Dim, mask)))
	}
	zero := e.mul(one, e.number(0))
	e.named("vector", e.padded(e.exactly(row), m.rank+m.like.Dim, zero), graph.Batch("N", Dim))
	return e.Model()
}
