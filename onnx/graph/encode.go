package graph

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of onnx.proto, those that are written or read here.
const (
	modelIRVersion = 1
	modelProducer  = 2
	modelGraph     = 7
	modelOpset     = 8
	modelMetadata  = 14

	graphNode        = 1
	graphName        = 2
	graphInitializer = 5
	graphInput       = 11
	graphOutput      = 12

	nodeInput  = 1
	nodeOutput = 2
	nodeName   = 3
	nodeOp     = 4
	nodeAttr   = 5
	nodeDomain = 7

	attrName   = 1
	attrFloat  = 2
	attrInt    = 3
	attrString = 4
	attrTensor = 5
	attrFloats = 7
	attrInts   = 8
	attrType   = 20

	tensorDims = 1
	tensorType = 2
	tensorName = 8
	tensorRaw  = 9

	infoName = 1
	infoType = 2

	typeTensor      = 1
	typeTensorElem  = 1
	typeTensorShape = 2
	shapeDim        = 1
	dimSize         = 1
	dimName         = 2

	opsetDomain  = 1
	opsetVersion = 2

	entryKey  = 1
	entryText = 2
)

// Model returns the bytes of the model. It fails, naming every mistake, if a call before it was wrong or the graph has no output.
func (g *Graph) Model() ([]byte, error) {
	errs := g.errs
	if len(g.outputs) == 0 {
		errs = append(slices.Clone(errs), errors.New("it has no output"))
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("%w %q: %w", ErrInvalid, g.name, errors.Join(errs...))
	}
	var m message
	m.integer(modelIRVersion, irVersion)
	m.text(modelProducer, "weft")
	m.nested(modelGraph, g.encode())
	for _, o := range g.opsets {
		var s message
		s.text(opsetDomain, o.domain)
		s.integer(opsetVersion, o.version)
		m.nested(modelOpset, s)
	}
	for _, key := range slices.Sorted(maps.Keys(g.metadata)) {
		var e message
		e.text(entryKey, key)
		e.text(entryText, g.metadata[key])
		m.nested(modelMetadata, e)
	}
	return m, nil
}

func (g *Graph) encode() message {
	var m message
	for _, n := range g.nodes {
		m.nested(graphNode, n.encode())
	}
	m.text(graphName, g.name)
	for _, t := range g.weights {
		m.nested(graphInitializer, t.encode())
	}
	for _, in := range g.inputs {
		m.nested(graphInput, in.encode())
	}
	for _, out := range g.outputs {
		m.nested(graphOutput, out.encode())
	}
	return m
}

func (n Node) encode() message {
	var m message
	for _, v := range n.Inputs {
		m.text(nodeInput, string(v)) // an empty name holds the place of an optional input
	}
	for _, v := range n.Outputs {
		m.text(nodeOutput, string(v))
	}
	m.text(nodeName, n.Name)
	m.text(nodeOp, n.Op)
	for _, a := range n.Attrs {
		m.nested(nodeAttr, a.encode())
	}
	if n.Domain != "" {
		m.text(nodeDomain, n.Domain)
	}
	return m
}

func (a Attr) encode() message {
	var m message
	m.text(attrName, a.Name)
	switch a.kind {
	case kindFloat:
		m.float(attrFloat, a.floats[0])
	case kindInt:
		m.integer(attrInt, a.ints[0])
	case kindString:
		m.text(attrString, a.text)
	case kindTensor:
		m.nested(attrTensor, a.tensor.encode())
	case kindFloats:
		for _, x := range a.floats {
			m.float(attrFloats, x)
		}
	case kindInts:
		for _, x := range a.ints {
			m.integer(attrInts, x)
		}
	}
	m.integer(attrType, int64(a.kind))
	return m
}

func (t Tensor) encode() message {
	m := make(message, 0, len(t.Raw)+len(t.Name)+64)
	for _, n := range t.Shape {
		m.integer(tensorDims, n)
	}
	m.integer(tensorType, int64(t.Type))
	if t.Name != "" {
		m.text(tensorName, t.Name)
	}
	m.nested(tensorRaw, t.Raw)
	return m
}

func (i Info) encode() message {
	var shape message
	for _, d := range i.Dims {
		var dim message
		if d.Name != "" {
			dim.text(dimName, d.Name)
		} else {
			dim.integer(dimSize, d.Size)
		}
		shape.nested(shapeDim, dim)
	}
	var tensor, typ, m message
	tensor.integer(typeTensorElem, int64(i.Type))
	tensor.nested(typeTensorShape, shape)
	typ.nested(typeTensor, tensor)
	m.text(infoName, i.Name)
	m.nested(infoType, typ)
	return m
}

// message is a protocol buffer being written, field after field.
type message []byte

func (m *message) integer(field protowire.Number, v int64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), uint64(v))
}

func (m *message) float(field protowire.Number, v float32) {
	*m = protowire.AppendFixed32(protowire.AppendTag(*m, field, protowire.Fixed32Type), math.Float32bits(v))
}

func (m *message) text(field protowire.Number, v string) {
	*m = protowire.AppendString(protowire.AppendTag(*m, field, protowire.BytesType), v)
}

func (m *message) nested(field protowire.Number, v []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), v)
}
