package main

import (
	"context"
	"errors"

	"weft/extractors"
	"weft/onnx"
)

// fatal takes the first error that this process cannot get over: waiting would not help. It has room for one.
type fatal chan error

// look passes on what is fatal: an encoder that cannot be loaded, a GPU that is lost to this process. Whoever runs it
// starts another; what it had in hand is put back, or issued again.
func (f fatal) look(err error) {
	if errors.Is(err, extractors.ErrUnavailable) || errors.Is(err, onnx.ErrDevice) {
		select {
		case f <- err:
		default:
		}
	}
}

// images and texts are encoders whose errors are looked at.
type images struct {
	*extractors.LazyImage
	fatal fatal
}

type texts struct {
	*extractors.LazyText
	fatal fatal
}

// Encode is the encoder's.
func (i images) Encode(ctx context.Context, pixels [][]byte) ([][]float32, error) {
	v, err := i.LazyImage.Encode(ctx, pixels)
	i.fatal.look(err)
	return v, err
}

// Encode is the encoder's.
func (t texts) Encode(ctx context.Context, ids [][]int32) ([][]float32, error) {
	v, err := t.LazyText.Encode(ctx, ids)
	t.fatal.look(err)
	return v, err
}
