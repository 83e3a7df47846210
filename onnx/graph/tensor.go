package graph

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Tensor is a constant: a weight, or the value of an attribute. Raw holds the elements in row order, little-endian.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int64 // empty for a single number
	Raw   []byte
}

// Floats makes a float32 tensor.
func Floats(name string, shape []int64, data []float32) Tensor {
	raw := make([]byte, 0, 4*len(data))
	for _, x := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return Tensor{Name: name, Type: Float32, Shape: shape, Raw: raw}
}

// Halves makes a float16 tensor, each number rounded to the nearest half, ties to even; beyond ±65504 it is infinite.
func Halves(name string, shape []int64, data []float32) Tensor {
	raw := make([]byte, 0, 2*len(data))
	for _, x := range data {
		raw = binary.LittleEndian.AppendUint16(raw, half(x))
	}
	return Tensor{Name: name, Type: Float16, Shape: shape, Raw: raw}
}

// half is x as IEEE 754 binary16.
func half(x float32) uint16 {
	bits := math.Float32bits(x)
	sign, magnitude := uint16(bits>>16)&0x8000, bits&0x7fffffff
	switch {
	case magnitude > 0x7f800000:
		return sign | 0x7e00 // not a number
	case magnitude >= 0x477ff000: // rounds beyond 65504
		return sign | 0x7c00
	case magnitude < 0x38800000: // below 2^-14: in units of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(magnitude))*(1<<24)))
	}
	magnitude += 0xfff + magnitude>>13&1 // half a unit of what is cut off, ties to even
	return sign | uint16((magnitude-0x38000000)>>13)
}

// Ints makes an int64 tensor.
func Ints(name string, shape []int64, data []int64) Tensor {
	raw := make([]byte, 0, 8*len(data))
	for _, x := range data {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
	}
	return Tensor{Name: name, Type: Int64, Shape: shape, Raw: raw}
}

// Scalar makes a single float32.
func Scalar(name string, x float32) Tensor { return Floats(name, nil, []float32{x}) }

// size is the number of bytes of one element, 0 for a type that no Tensor can hold.
func (t Type) size() int {
	switch t {
	case Uint8, Int8, Bool:
		return 1
	case Float16:
		return 2
	case Float32, Int32:
		return 4
	case Int64, Float64:
		return 8
	}
	return 0
}

func (t Tensor) check() error {
	size := t.Type.size()
	if size == 0 {
		return fmt.Errorf("element %s cannot be stored", t.Type)
	}
	bytes := int64(size)
	for i, n := range t.Shape {
		if n < 0 {
			return fmt.Errorf("dimension %d is %d", i, n)
		}
		if n != 0 && bytes > math.MaxInt64/n {
			return fmt.Errorf("shape %v is too large", t.Shape)
		}
		bytes *= n
	}
	if int64(len(t.Raw)) != bytes {
		return fmt.Errorf("shape %v of %s needs %d bytes, got %d", t.Shape, t.Type, bytes, len(t.Raw))
	}
	return nil
}

// attrKind numbers the kinds of attributes as ONNX does.
type attrKind int32

const (
	kindFloat  attrKind = 1
	kindInt    attrKind = 2
	kindString attrKind = 3
	kindTensor attrKind = 4
	kindFloats attrKind = 6
	kindInts   attrKind = 7
)

// Attr is an attribute of a node, made by one of the functions below.
type Attr struct {
	Name   string
	kind   attrKind
	floats []float32
	ints   []int64
	text   string
	tensor Tensor
}

// AttrInt is an attribute with one integer.
func AttrInt(name string, v int64) Attr { return Attr{Name: name, kind: kindInt, ints: []int64{v}} }

// AttrInts is an attribute with a list of integers.
func AttrInts(name string, v ...int64) Attr { return Attr{Name: name, kind: kindInts, ints: v} }

// AttrFloat is an attribute with one number.
func AttrFloat(name string, v float32) Attr {
	return Attr{Name: name, kind: kindFloat, floats: []float32{v}}
}

// AttrFloats is an attribute with a list of numbers.
func AttrFloats(name string, v ...float32) Attr { return Attr{Name: name, kind: kindFloats, floats: v} }

// AttrString is an attribute with a text.
func AttrString(name, v string) Attr { return Attr{Name: name, kind: kindString, text: v} }

// AttrTensor is an attribute with a tensor, whose own name may be empty.
func AttrTensor(name string, v Tensor) Attr { return Attr{Name: name, kind: kindTensor, tensor: v} }

// Int returns the value of an integer attribute, or absent if it is of another kind.
func (a Attr) Int(absent int64) int64 {
	if a.kind != kindInt {
		return absent
	}
	return a.ints[0]
}

// Ints returns the values of an attribute with a list of integers, nil for other kinds.
func (a Attr) Ints() []int64 {
	if a.kind != kindInts {
		return nil
	}
	return a.ints
}

// Float returns the value of a number attribute, or absent if it is of another kind.
func (a Attr) Float(absent float32) float32 {
	if a.kind != kindFloat {
		return absent
	}
	return a.floats[0]
}
