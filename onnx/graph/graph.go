// Package graph writes ONNX models: inputs, weights, nodes and outputs go in, the bytes of a ModelProto come out.
//
// It serves checkpoint conversion, export of trained models and training graphs. The nodes stay readable while a graph
// grows, so that a later pass (a reverse-mode gradient, say) can walk them and append its own. The same calls in the same
// order give the same bytes on every platform.
//
// Weights share one name space with inputs and node outputs, and an input named like a weight silently hides it; so weight
// names must begin with WeightPrefix and nothing else may.
package graph

import (
	"errors"
	"fmt"
	"strings"
)

// WeightPrefix begins the name of every weight, and of nothing else.
const WeightPrefix = "w."

// DefaultOpset is the version of the standard operator set that New uses, and irVersion the file format that goes with it.
const (
	DefaultOpset = 17
	irVersion    = 8
)

// ErrInvalid marks a graph that cannot be a model: a name used twice, an unknown value, data that do not fit a shape.
var ErrInvalid = errors.New("invalid graph")

// Type is the element type of a tensor, numbered as ONNX numbers it.
type Type int32

// Element types.
const (
	Float32 Type = 1
	Uint8   Type = 2
	Int8    Type = 3
	Int32   Type = 6
	Int64   Type = 7
	Bool    Type = 9
	Float16 Type = 10
	Float64 Type = 11
)

// String returns the ONNX name of the type, in lower case.
func (t Type) String() string {
	switch t {
	case Float32:
		return "float32"
	case Uint8:
		return "uint8"
	case Int8:
		return "int8"
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	case Bool:
		return "bool"
	case Float16:
		return "float16"
	case Float64:
		return "float64"
	}
	return fmt.Sprintf("type %d", int32(t))
}

// Dim is one dimension of an input or output: a size of at least 1, or a name for a size known only when the model runs.
type Dim struct {
	Size int64
	Name string
}

// Sizes turns fixed sizes into dimensions.
func Sizes(sizes ...int64) []Dim {
	dims := make([]Dim, len(sizes))
	for i, n := range sizes {
		dims[i] = Dim{Size: n}
	}
	return dims
}

// Batch is a first dimension called name, known only when the model runs, followed by fixed sizes.
func Batch(name string, sizes ...int64) []Dim {
	return append([]Dim{{Name: name}}, Sizes(sizes...)...)
}

// Value names a tensor of the graph: an input, a weight or the output of a node. The empty Value leaves out an optional input.
type Value string

// Node is one operator. Outputs may be left empty: Add then gives it one, named after the node.
type Node struct {
	Op      string
	Domain  string // "" is the standard operator set
	Name    string // made from Op and a number when empty
	Inputs  []Value
	Outputs []Value
	Attrs   []Attr
}

// Info describes an input or an output of a model. A dimension of unknown size has Size 0, and a Name if the model gives it
// one. Dims is nil if the model does not say how many dimensions there are.
type Info struct {
	Name string
	Type Type
	Dims []Dim
}

// Graph is a model under construction. Mistakes are kept and reported by Model, so calls can be written one after another.
// A Graph is used by one goroutine at a time.
type Graph struct {
	name     string
	opsets   []opset
	inputs   []Info
	weights  []Tensor
	nodes    []Node
	outputs  []Info
	metadata map[string]string
	defined  map[Value]bool
	labels   map[string]bool // node names, which need only differ from each other
	errs     []error
}

type opset struct {
	domain  string
	version int64
}

// New begins a graph over the standard operators of DefaultOpset.
func New(name string) *Graph {
	return &Graph{
		name:     name,
		opsets:   []opset{{"", DefaultOpset}},
		metadata: map[string]string{},
		defined:  map[Value]bool{},
		labels:   map[string]bool{},
	}
}

// Opset sets the version of the operators of a domain; "" is the standard one.
func (g *Graph) Opset(domain string, version int64) {
	for i := range g.opsets {
		if g.opsets[i].domain == domain {
			g.opsets[i].version = version
			return
		}
	}
	g.opsets = append(g.opsets, opset{domain, version})
}

// Metadata attaches a key and its text to the model.
func (g *Graph) Metadata(key, text string) { g.metadata[key] = text }

// Input declares an input that is given at every run.
func (g *Graph) Input(name string, t Type, dims []Dim) Value {
	g.checkName("input", name, false)
	g.checkDims("input", name, dims)
	g.inputs = append(g.inputs, Info{Name: name, Type: t, Dims: dims})
	return g.define("input", Value(name))
}

// Weight adds a constant tensor. Its name must begin with WeightPrefix, its data fill its shape.
func (g *Graph) Weight(t Tensor) Value {
	g.checkName("weight", t.Name, true)
	if err := t.check(); err != nil {
		g.fail("weight %q: %v", t.Name, err)
	}
	g.weights = append(g.weights, t)
	return g.define("weight", Value(t.Name))
}

// Op appends a node of a standard operator with one output, named by itself, and returns that output.
func (g *Graph) Op(op string, inputs []Value, attrs ...Attr) Value {
	return g.Add(Node{Op: op, Inputs: inputs, Attrs: attrs})[0]
}

// Add appends a node and returns its outputs. Its inputs must be defined already.
func (g *Graph) Add(n Node) []Value {
	if n.Op == "" {
		g.fail("node %q has no operator", n.Name)
	}
	if n.Name == "" {
		n.Name = fmt.Sprintf("%s_%d", strings.ToLower(n.Op), len(g.nodes))
	}
	if g.labels[n.Name] {
		g.fail("node name %q is used twice", n.Name)
	}
	g.labels[n.Name] = true
	for _, in := range n.Inputs {
		if in != "" && !g.defined[in] {
			g.fail("node %q (%s) reads %q, which is not defined before it", n.Name, n.Op, in)
		}
	}
	if len(n.Outputs) == 0 {
		n.Outputs = []Value{Value(n.Name)}
	}
	for _, out := range n.Outputs {
		if out == "" { // an optional output left out
			continue
		}
		g.checkName("output of node "+n.Name, string(out), false)
		g.define("output of node "+n.Name, out)
	}
	g.nodes = append(g.nodes, n)
	return n.Outputs
}

// Output makes a value an output of the model under the value's own name.
func (g *Graph) Output(v Value, t Type, dims []Dim) {
	if !g.defined[v] {
		g.fail("output %q is not defined", v)
	}
	for _, o := range g.outputs {
		if o.Name == string(v) {
			g.fail("output %q is declared twice", v)
		}
	}
	g.checkDims("output", string(v), dims)
	g.outputs = append(g.outputs, Info{Name: string(v), Type: t, Dims: dims})
}

// Nodes returns the nodes so far, in the order they run. The slice is the graph's own: read it, do not change it.
func (g *Graph) Nodes() []Node { return g.nodes }

// Weights returns the weights so far. The slice is the graph's own: read it, do not change it.
func (g *Graph) Weights() []Tensor { return g.weights }

func (g *Graph) define(what string, v Value) Value {
	if g.defined[v] {
		g.fail("%s: the name %q is taken", what, v)
	}
	g.defined[v] = true
	return v
}

func (g *Graph) checkName(what, name string, weight bool) {
	switch {
	case name == "":
		g.fail("%s without a name", what)
	case weight && !strings.HasPrefix(name, WeightPrefix):
		g.fail("%s %q must begin with %q", what, name, WeightPrefix)
	case !weight && strings.HasPrefix(name, WeightPrefix):
		g.fail("%s %q begins with %q, which is kept for weights", what, name, WeightPrefix)
	}
}

func (g *Graph) checkDims(what, name string, dims []Dim) {
	for i, d := range dims {
		if (d.Size > 0) == (d.Name != "") {
			g.fail("%s %q: dimension %d needs a size of at least 1 or a name, not both (size %d, name %q)", what, name, i, d.Size, d.Name)
		}
	}
}

func (g *Graph) fail(format string, args ...any) {
	g.errs = append(g.errs, fmt.Errorf(format, args...))
}
