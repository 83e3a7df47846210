package onnx

import (
	"fmt"
	"math"
	"runtime"

	ort "github.com/yalue/onnxruntime_go"

	"weft/onnx/graph"
)

// Tensor is a dense array in row order. Exactly one of the slices is set; its length is the product of Shape, whose sizes
// are all at least 1.
type Tensor struct {
	Shape []int64
	F32   []float32
	I64   []int64
	I32   []int32
	U8    []byte
}

// Floats makes a float32 tensor over data, which is not copied.
func Floats(data []float32, shape ...int64) Tensor { return Tensor{Shape: shape, F32: data} }

// Int64s makes an int64 tensor over data, which is not copied.
func Int64s(data []int64, shape ...int64) Tensor { return Tensor{Shape: shape, I64: data} }

// Int32s makes an int32 tensor over data, which is not copied.
func Int32s(data []int32, shape ...int64) Tensor { return Tensor{Shape: shape, I32: data} }

// Bytes makes a uint8 tensor over data, which is not copied.
func Bytes(data []byte, shape ...int64) Tensor { return Tensor{Shape: shape, U8: data} }

// Row returns row i of a float32 tensor, its first dimension being the rows, without copying. It is nil if there is no such row.
func (t Tensor) Row(i int) []float32 {
	if len(t.Shape) == 0 || i < 0 || int64(i) >= t.Shape[0] || t.F32 == nil {
		return nil
	}
	n := len(t.F32) / int(t.Shape[0])
	return t.F32[i*n : (i+1)*n : (i+1)*n]
}

// content says which slice is set and how many elements it has.
func (t Tensor) content() (graph.Type, int, error) {
	var typ graph.Type
	n, set := 0, 0
	if t.F32 != nil {
		typ, n, set = graph.Float32, len(t.F32), set+1
	}
	if t.I64 != nil {
		typ, n, set = graph.Int64, len(t.I64), set+1
	}
	if t.I32 != nil {
		typ, n, set = graph.Int32, len(t.I32), set+1
	}
	if t.U8 != nil {
		typ, n, set = graph.Uint8, len(t.U8), set+1
	}
	if set != 1 {
		return 0, 0, fmt.Errorf("%d of the slices F32, I64, I32 and U8 are set, want one", set)
	}
	return typ, n, nil
}

// check holds a tensor against what the model declares for it.
func (t Tensor) check(want graph.Info) error {
	typ, n, err := t.content()
	if err != nil {
		return err
	}
	if typ != want.Type {
		return fmt.Errorf("elements are %s, want %s", typ, want.Type)
	}
	if want.Dims != nil && len(t.Shape) != len(want.Dims) {
		return fmt.Errorf("shape %v has %d dimensions, want %d", t.Shape, len(t.Shape), len(want.Dims))
	}
	if len(t.Shape) == 0 {
		return fmt.Errorf("it has no dimensions; single numbers are given as shape [1]")
	}
	size := int64(1)
	for i, d := range t.Shape {
		if d < 1 || d > math.MaxInt64/size {
			return fmt.Errorf("shape %v: dimension %d cannot be %d", t.Shape, i, d)
		}
		if want.Dims != nil && want.Dims[i].Size != 0 && d != want.Dims[i].Size {
			return fmt.Errorf("shape %v: dimension %d must be %d", t.Shape, i, want.Dims[i].Size)
		}
		size *= d
	}
	if size != int64(n) {
		return fmt.Errorf("shape %v needs %d elements, got %d", t.Shape, size, n)
	}
	return nil
}

// native wraps a checked tensor for the library, which reads the Go memory in place. It is pinned until the pinner lets go.
func (t Tensor) native(pin *runtime.Pinner) (ort.Value, error) {
	switch {
	case t.F32 != nil:
		return wrap(pin, t.Shape, t.F32)
	case t.I64 != nil:
		return wrap(pin, t.Shape, t.I64)
	case t.I32 != nil:
		return wrap(pin, t.Shape, t.I32)
	default:
		return wrap(pin, t.Shape, t.U8)
	}
}

func wrap[T ort.TensorData](pin *runtime.Pinner, shape []int64, data []T) (ort.Value, error) {
	pin.Pin(&data[0])
	v, err := ort.NewTensor(ort.Shape(shape), data)
	if err != nil { // not `return ort.NewTensor(…)`: a nil pointer in an interface is not nil
		return nil, err
	}
	return v, nil
}

// fromNative takes over the Go memory that the library's result was copied to.
func fromNative(v ort.Value) (Tensor, error) {
	t := Tensor{Shape: v.GetShape()}
	switch v := v.(type) {
	case *ort.Tensor[float32]:
		t.F32 = v.GetData()
	case *ort.Tensor[int64]:
		t.I64 = v.GetData()
	case *ort.Tensor[int32]:
		t.I32 = v.GetData()
	case *ort.Tensor[uint8]:
		t.U8 = v.GetData()
	default:
		return Tensor{}, fmt.Errorf("its elements are %T", v)
	}
	return t, nil
}

// readable tells whether fromNative can take elements of a type.
func readable(t graph.Type) bool {
	switch t {
	case graph.Float32, graph.Int64, graph.Int32, graph.Uint8:
		return true
	}
	return false
}
