package extractors

import (
	"context"
	"fmt"
	"sync"

	"weft/extractors/models"
	"weft/extractors/pixels"
	"weft/onnx"
)

// photos prepares photos for one model.
type photos struct {
	input   *models.ImageInput
	decoder Decoder
	spec    pixels.Spec
}

func newPhotos(c Config) photos {
	in := c.Manifest.Image
	return photos{input: in, decoder: c.Decoder,
		spec: pixels.Spec{Size: in.Size, Resize: in.Resize, Mode: in.Mode, Filter: in.Filter}}
}

func (p photos) Prepare(data []byte) ([]byte, error) { return p.decoder.Image(data, p.spec, nil) }

type imageEncoder struct {
	photos
	head
	*sessions
	mean, std [3]float32
	tensors   sync.Pool // *[]float32 of rows photos
}

// OpenImage loads an image encoder. Verify tells whether it is what its
// manifest says.
func OpenImage(c Config) (ImageEncoder, error) {
	if err := c.Validate(models.Image); err != nil {
		return nil, err
	}
	s, err := c.open()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, c.Manifest.Name, err)
	}
	in := c.Manifest.Image
	e := &imageEncoder{photos: newPhotos(c), head: newHead(c.Manifest, string(c.Decoder.Class())),
		sessions: s, mean: in.PixelMean(), std: in.PixelStd()}
	e.tensors.New = func() any {
		t := make([]float32, s.rows.most*3*in.Size*in.Size)
		return &t
	}
	return e, nil
}

func (e *imageEncoder) Encode(ctx context.Context, photos [][]byte) ([][]float32, error) {
	size := e.input.Size
	for i, rgb := range photos {
		if len(rgb) != 3*size*size {
			return nil, fmt.Errorf("%w: photo %d: %d bytes of pixels, want %d", ErrInput, i, len(rgb), 3*size*size)
		}
	}
	vectors := make([][]float32, 0, len(photos))
	err := e.rows.each(len(photos), func(from, to int) error {
		batch, err := e.run(ctx, photos[from:to])
		vectors = append(vectors, batch...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return vectors, nil
}

func (e *imageEncoder) run(ctx context.Context, photos [][]byte) ([][]float32, error) {
	size := e.input.Size
	buffer := e.tensors.Get().(*[]float32)
	defer e.tensors.Put(buffer)
	each := 3 * size * size
	for i, rgb := range photos {
		e.fill((*buffer)[i*each:(i+1)*each], rgb)
	}
	rows := e.rows.fit(len(photos)) // beyond the photos it holds what was there: nobody reads those rows
	n, side := int64(rows), int64(size)
	shape := []int64{n, 3, side, side}
	if e.input.Layout == "nhwc" {
		shape = []int64{n, side, side, 3}
	}
	out, err := e.Run(ctx, map[string]onnx.Tensor{e.input.Input: onnx.Floats((*buffer)[:rows*each], shape...)})
	if err != nil {
		return nil, err
	}
	return e.vectors(out[e.output], rows, len(photos), nil)
}

func (e *imageEncoder) fill(dst []float32, rgb []byte) {
	bgr := e.input.Channels == "bgr"
	if e.input.Layout != "nhwc" {
		pixels.Tensor(dst, rgb, e.input.Size, e.mean, e.std, bgr)
		return
	}
	for i := 0; i < len(rgb); i += 3 {
		for c := range 3 {
			from := c
			if bgr {
				from = 2 - c
			}
			dst[i+c] = (float32(rgb[i+from]) - e.mean[c]) / e.std[c]
		}
	}
}
