// Package pixels turns an image file into the square of RGB bytes that an encoder
// wants: decode, EXIF orientation, alpha over white, resize, crop. The result equals
// what Pillow 13 computes for the same steps, byte for byte where the decoder allows it.
//
// Two classes of decoders exist, and a vector's recipe names the one it was made with:
//
//	exact  TurboJPEG and libwebp, loaded at run time; equal to Pillow in every format
//	go     the decoders of Go; equal to Pillow except for JPEG, where values of 0 to 255
//	       differ by up to 4 and 0.1 in the mean (YCCK: 8 and 0.5)
//
// PNG and GIF are decoded in Go by both. On one point the package departs from Pillow:
// 16-bit gray PNG keeps its high byte, where Pillow clips nearly all of it to white.
// Formats other than JPEG, PNG, GIF and WebP are refused, and so are files that a decoder
// only warns about. Of an animation, the first frame counts. Limits are checked on the
// file's headers, before any pixel is decoded, and every refusal is an *Error with a code.
package pixels

import (
	"fmt"
	"runtime/debug"
)

// Class names the decoders that a Decoder uses.
type Class string

// The two classes.
const (
	Exact Class = "exact"
	Go    Class = "go"
)

// Decoder prepares images. It is safe for concurrent use; it holds no more memory than
// its callers had in use at once, and nothing that needs closing.
type Decoder struct {
	class   Class
	limits  Limits
	native  *native // nil for class go
	kernels kernels
	buffers buffers
	plans   plans
}

// Open returns a decoder of the class. A zero field of lim takes its default. For class
// exact both shared libraries are loaded and must reproduce a small known picture; a
// missing or different library is an error that names it and says what to install.
// Class go ignores libs.
func Open(class Class, lim Limits, libs Libraries) (*Decoder, error) {
	lim = lim.withDefaults()
	if err := lim.Validate(); err != nil {
		return nil, err
	}
	d := &Decoder{class: class, limits: lim, kernels: fastKernels()}
	switch class {
	case Go:
		return d, nil
	case Exact:
		n, err := load(libs)
		if err != nil {
			return nil, err
		}
		d.native = n
		if err := d.check(); err != nil {
			return nil, err
		}
		return d, nil
	}
	return nil, fmt.Errorf("pixels: class %q is neither %q nor %q", class, Exact, Go)
}

// Class returns the class that d was opened with.
func (d *Decoder) Class() Class { return d.class }

// Image prepares one image file as s says and returns Size*Size RGB pixels, row by row,
// 3 bytes each. They lie in dst if dst holds at least Size*Size*3 bytes, else in a new
// slice. A file that cannot be used gives an *Error; its code says why. data is only read.
func (d *Decoder) Image(data []byte, s Spec, dst []byte) ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	info, err := Probe(data, d.limits)
	if err != nil {
		return nil, err
	}
	src, err := d.decode(data, &info)
	if err != nil {
		return nil, err
	}
	defer d.buffers.put(src.pix)
	n := s.Size * s.Size * 3
	if cap(dst) < n {
		dst = make([]byte, n)
	}
	dst = dst[:n]
	d.resize(dst, src, info.Orientation, s)
	return dst, nil
}

// decode returns the whole picture as stored, unoriented, 4 bytes a pixel (the fourth
// meaningless), in a buffer of d.buffers that the caller puts back.
func (d *Decoder) decode(data []byte, info *Info) (r raster, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = raster{}, refuse(Corrupt, "%s: the decoder gave up: %v (%s)", info.Format, p, panicSite(debug.Stack()))
		}
	}()
	switch info.Format {
	case JPEG:
		if d.native != nil {
			return d.native.jpeg(&d.buffers, data, info)
		}
		return decodeJPEG(&d.buffers, data, info)
	case WebP:
		return d.decodeWebP(data, info)
	case PNG:
		return decodePNG(&d.buffers, data, info)
	case GIF:
		return decodeGIF(&d.buffers, data, info)
	}
	return raster{}, refuse(Unsupported, "%s images are not supported", info.Format)
}
