package efficientnet

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/nlpodyssey/gopickle/pytorch"
	"github.com/nlpodyssey/gopickle/types"
)

// ErrCheckpoint marks a checkpoint that is not EfficientNet-Lite0, or not whole.
var ErrCheckpoint = errors.New("not an EfficientNet-Lite0 checkpoint")

// maxCheckpoint bounds what is read, in bytes; the published file has 19 MB.
const maxCheckpoint = 64 << 20

// weights are the tensors of a checkpoint by name, each in row order.
type weights map[string][]float32

// readCheckpoint reads a state dict and holds it against the network: every tensor is there, none is unknown, all have their
// shape, every number is finite and no variance negative.
func readCheckpoint(r io.ReaderAt, size int64) (weights, error) {
	dict, err := load(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	return checked(dict)
}

func checked(dict *types.OrderedDict) (weights, error) {
	want := tensors()
	all := weights{}
	for e := dict.List.Front(); e != nil; e = e.Next() {
		entry, ok := e.Value.(*types.OrderedDictEntry)
		if !ok {
			return nil, fmt.Errorf("%w: its dictionary holds a %T", ErrCheckpoint, e.Value)
		}
		name, ok := entry.Key.(string)
		if !ok {
			return nil, fmt.Errorf("%w: a tensor is named by a %T", ErrCheckpoint, entry.Key)
		}
		shape, ok := want[name]
		if !ok {
			return nil, fmt.Errorf("%w: it holds tensor %q, which the network does not have", ErrCheckpoint, name)
		}
		t, ok := entry.Value.(*pytorch.Tensor)
		if !ok {
			return nil, fmt.Errorf("%w: %q is a %T, not a tensor", ErrCheckpoint, name, entry.Value)
		}
		if !slices.Equal(t.Size, shape) {
			return nil, fmt.Errorf("%w: tensor %q has shape %v, want %v", ErrCheckpoint, name, t.Size, shape)
		}
		if len(shape) == 0 { // the count of batches seen in training: an integer without use here
			all[name] = nil
			continue
		}
		data, err := rowOrder(t)
		if err != nil {
			return nil, fmt.Errorf("%w: tensor %q %w", ErrCheckpoint, name, err)
		}
		if strings.HasSuffix(name, ".running_var") && slices.Min(data) < 0 {
			return nil, fmt.Errorf("%w: tensor %q holds the negative variance %v", ErrCheckpoint, name, slices.Min(data))
		}
		all[name] = data
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, ok := all[name]; !ok {
			return nil, fmt.Errorf("%w: tensor %q is missing", ErrCheckpoint, name)
		}
	}
	return all, nil
}

// load unpickles a checkpoint. The unpickler reads files by name and panics on forms that it does not know: hence the
// temporary copy and the recover.
func load(r io.ReaderAt, size int64) (dict *types.OrderedDict, err error) {
	if size <= 0 || size > maxCheckpoint {
		return nil, fmt.Errorf("it has %d bytes, want 1 to %d", size, maxCheckpoint)
	}
	f, err := os.CreateTemp("", "weft-checkpoint-*.pth")
	if err != nil {
		return nil, fmt.Errorf("temporary copy: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = io.Copy(f, io.NewSectionReader(r, 0, size))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("temporary copy: %w", err)
	}
	defer func() {
		if p := recover(); p != nil {
			dict, err = nil, fmt.Errorf("it cannot be unpickled: %v", p)
		}
	}()
	object, err := pytorch.Load(f.Name())
	if err != nil {
		return nil, fmt.Errorf("it cannot be unpickled: %w", err)
	}
	dict, ok := object.(*types.OrderedDict)
	if !ok {
		return nil, fmt.Errorf("it holds a %T, not a dictionary of tensors", object)
	}
	return dict, nil
}

// rowOrder copies a tensor, stored with any strides, so that its last index moves fastest.
func rowOrder(t *pytorch.Tensor) ([]float32, error) {
	storage, ok := t.Source.(*pytorch.FloatStorage)
	if !ok {
		return nil, fmt.Errorf("is stored as %T, want float32", t.Source)
	}
	if len(t.Stride) != len(t.Size) {
		return nil, fmt.Errorf("has %d strides for %d dimensions", len(t.Stride), len(t.Size))
	}
	n := 1
	for _, d := range t.Size {
		n *= d
	}
	data := make([]float32, n)
	index := make([]int, len(t.Size))
	for i := range data {
		at := t.StorageOffset
		for d, x := range index {
			at += x * t.Stride[d]
		}
		if at < 0 || at >= len(storage.Data) {
			return nil, fmt.Errorf("reaches element %d of a storage of %d", at, len(storage.Data))
		}
		x := storage.Data[at]
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return nil, fmt.Errorf("holds %v at element %d", x, i)
		}
		data[i] = x
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < t.Size[d] {
				break
			}
			index[d] = 0
		}
	}
	return data, nil
}
