package pixels

/*
#include "kernels.h"
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"image"

	"golang.org/x/image/webp"
)

// webpFrame is the first picture of a WebP file as a still file of its own, and where it
// lies on the canvas.
type webpFrame struct {
	still           []byte
	left, top, w, h int
	alpha           bool // the file says that its alpha counts
	animated        bool
}

// Flags of a VP8X chunk.
const (
	webpAnimated = 0x02
	webpAlpha    = 0x10
)

// chunks calls f for every chunk of a RIFF body, at being where its header starts.
func chunks(b []byte, f func(kind string, at int, body []byte) error) error {
	for at := 0; at < len(b); {
		if at+8 > len(b) {
			return refuse(Truncated, "WebP: ends inside a chunk header")
		}
		kind, n := string(b[at:at+4]), int64(binary.LittleEndian.Uint32(b[at+4:]))
		if int64(at)+8+n > int64(len(b)) {
			return refuse(Truncated, "WebP: ends inside a %q chunk of %d bytes", kind, n)
		}
		if err := f(kind, at, b[at+8:at+8+int(n)]); err != nil {
			return err
		}
		at += 8 + int(n+n%2)
	}
	return nil
}

func probeWebP(data []byte, lim Limits, info *Info) (exif, xmp []byte, err error) {
	size := int64(binary.LittleEndian.Uint32(data[4:])) + 8
	if size > int64(len(data)) {
		return nil, nil, refuse(Truncated, "WebP: %d bytes of %d", len(data), size)
	}
	if size < 12 {
		return nil, nil, refuse(Corrupt, "WebP: a file size of %d", size)
	}
	data = data[:size]
	f := &info.webp
	extended, frames, found := false, 0, false
	err = chunks(data[12:], func(kind string, _ int, body []byte) error {
		switch kind {
		case "VP8X":
			if extended || found || len(body) < 10 {
				return refuse(Corrupt, "WebP: a bad VP8X chunk")
			}
			extended = true
			f.animated, f.alpha = body[0]&webpAnimated != 0, body[0]&webpAlpha != 0
			info.Width, info.Height = uint24(body[4:])+1, uint24(body[7:])+1
			return lim.admit(WebP, info.Width, info.Height, 1)
		case "EXIF":
			exif = body
		case "XMP ":
			xmp = body
		case "ANMF":
			if !f.animated || len(body) < 16 {
				return refuse(Corrupt, "WebP: a bad ANMF chunk")
			}
			if frames++; frames > lim.MaxFrames {
				return lim.admit(WebP, info.Width, info.Height, frames)
			}
			if frames > 1 {
				return nil
			}
			f.left, f.top = 2*uint24(body), 2*uint24(body[3:])
			f.w, f.h = uint24(body[6:])+1, uint24(body[9:])+1
			if f.left+f.w > info.Width || f.top+f.h > info.Height {
				return refuse(Corrupt, "WebP: the first frame sticks out of the canvas")
			}
			found = true
			return f.fromFrame(body[16:])
		case "VP8 ", "VP8L":
			if f.animated || found {
				return nil
			}
			found = true
			w, h, alpha, err := webpHeader(kind, body)
			if err != nil {
				return err
			}
			if !extended {
				info.Width, info.Height, f.alpha = w, h, alpha
			} else if w != info.Width || h != info.Height {
				return refuse(Corrupt, "WebP: two sizes, %dx%d and %dx%d", w, h, info.Width, info.Height)
			}
			f.w, f.h, f.still = w, h, data
			return lim.admit(WebP, w, h, 1)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, refuse(Corrupt, "WebP: no picture")
	}
	info.Frames = max(frames, 1)
	// The picture, what the decoder keeps of it, and the canvas of an animation.
	info.Memory = int64(f.w)*int64(f.h)*8 + int64(info.Width)*int64(info.Height)*4
	return exif, xmp, nil
}

// fromFrame wraps the bitstream of an animation's frame as a still file.
func (f *webpFrame) fromFrame(body []byte) error {
	var alpha, picture []byte
	var kind string
	err := chunks(body, func(k string, at int, b []byte) error {
		switch {
		case k == "ALPH" && picture == nil:
			alpha = body[at : at+8+len(b)]
		case (k == "VP8 " || k == "VP8L") && picture == nil:
			w, h, _, err := webpHeader(k, b)
			if err != nil {
				return err
			}
			if w != f.w || h != f.h {
				return refuse(Corrupt, "WebP: two sizes, %dx%d and %dx%d", w, h, f.w, f.h)
			}
			kind, picture = k, body[at:at+8+len(b)]
		}
		return nil
	})
	if err != nil {
		return err
	}
	if picture == nil {
		return refuse(Corrupt, "WebP: the first frame has no picture")
	}
	out := make([]byte, 12, 40+len(alpha)+len(picture))
	copy(out, "RIFF    WEBP")
	if kind == "VP8 " && alpha != nil {
		head := [18]byte{'V', 'P', '8', 'X', 10, 0, 0, 0, webpAlpha}
		putUint24(head[12:], f.w-1)
		putUint24(head[15:], f.h-1)
		out = padded(append(out, head[:]...), alpha)
	}
	out = padded(out, picture)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	f.still = out
	return nil
}

func padded(out, chunk []byte) []byte {
	out = append(out, chunk...)
	if len(chunk)%2 == 1 {
		out = append(out, 0)
	}
	return out
}

// webpHeader reads the size of a VP8 or VP8L bitstream.
func webpHeader(kind string, b []byte) (w, h int, alpha bool, err error) {
	switch {
	case kind == "VP8 " && len(b) >= 10 && b[0]&1 == 0 && string(b[3:6]) == "\x9d\x01\x2a":
		return int(binary.LittleEndian.Uint16(b[6:])) & 0x3fff, int(binary.LittleEndian.Uint16(b[8:])) & 0x3fff, false, nil
	case kind == "VP8L" && len(b) >= 5 && b[0] == 0x2f:
		bits := binary.LittleEndian.Uint32(b[1:])
		return int(bits&0x3fff) + 1, int(bits>>14&0x3fff) + 1, bits>>28&1 != 0, nil
	}
	return 0, 0, false, refuse(Corrupt, "WebP: a bad %q header", kind)
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

func putUint24(b []byte, v int) { b[0], b[1], b[2] = byte(v), byte(v>>8), byte(v>>16) }

// decodeWebP decodes the first picture and puts it on its canvas, which is transparent
// around it.
func (d *Decoder) decodeWebP(data []byte, info *Info) (raster, error) {
	f := &info.webp
	r := d.buffers.raster(f.w, f.h)
	var err error
	if d.native != nil {
		err = d.native.webp(r, f.still)
	} else {
		err = fillWebP(r, f.still)
	}
	if err != nil {
		d.buffers.put(r.pix)
		return raster{}, err
	}
	if f.w != info.Width || f.h != info.Height {
		canvas := d.buffers.raster(info.Width, info.Height)
		clear(canvas.pix)
		for y := range f.h {
			copy(canvas.pix[((f.top+y)*canvas.w+f.left)*4:], r.pix[y*f.w*4:][:f.w*4])
		}
		d.buffers.put(r.pix)
		r = canvas
	}
	if f.alpha {
		overWhite(r)
	}
	return r, nil
}

// fillWebP decodes with x/image/webp to straight RGBA. Its planes are right, its colour
// conversion is JPEG's; the kernel does it as WebP defines it.
func fillWebP(r raster, still []byte) error {
	img, err := webp.Decode(bytes.NewReader(still))
	if err != nil {
		return refuse(Corrupt, "WebP: %v", err)
	}
	if size := img.Bounds().Size(); size != image.Pt(r.w, r.h) {
		return refuse(Corrupt, "WebP: two sizes, %v and %dx%d", size, r.w, r.h)
	}
	switch img := img.(type) {
	case *image.YCbCr:
		fillYUV(r, img)
	case *image.NYCbCrA:
		fillYUV(r, &img.YCbCr)
		for y := range r.h {
			for x, a := range img.A[y*img.AStride:][:r.w] {
				r.pix[(y*r.w+x)*4+3] = a
			}
		}
	case *image.NRGBA:
		fillRows(r, img.Pix, img.Stride)
	default:
		return refuse(Unsupported, "WebP: pixels of type %T", img)
	}
	return nil
}

func fillYUV(r raster, img *image.YCbCr) {
	cw, ch := (r.w+1)/2, (r.h+1)/2
	_ = img.Y[(r.h-1)*img.YStride+r.w-1]
	_, _ = img.Cb[(ch-1)*img.CStride+cw-1], img.Cr[(ch-1)*img.CStride+cw-1]
	C.weft_webp_yuv((*C.uint8_t)(&img.Y[0]), C.ptrdiff_t(img.YStride),
		(*C.uint8_t)(&img.Cb[0]), (*C.uint8_t)(&img.Cr[0]), C.ptrdiff_t(img.CStride),
		C.int(r.w), C.int(r.h), (*C.uint8_t)(&r.pix[0]))
}
