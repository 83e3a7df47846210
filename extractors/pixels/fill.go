package pixels

/*
#include "kernels.h"
*/
import "C"

import "image"

// fillImage copies a decoded picture into r, alpha over white. 16-bit samples keep their
// high byte.
func fillImage(r raster, img image.Image) {
	b := img.Bounds()
	switch img := img.(type) {
	case *image.RGBA: // decoders of this package's formats return it for opaque pictures only
		fillRows(r, img.Pix[img.PixOffset(b.Min.X, b.Min.Y):], img.Stride)
	case *image.NRGBA:
		fillRows(r, img.Pix[img.PixOffset(b.Min.X, b.Min.Y):], img.Stride)
		overWhite(r)
	case *image.Gray:
		for y := range r.h {
			row, src := r.pix[y*r.w*4:][:r.w*4], img.Pix[y*img.Stride:][:r.w]
			for x, v := range src {
				p := row[4*x:][:4]
				p[0], p[1], p[2], p[3] = v, v, v, 255
			}
		}
	case *image.Gray16:
		for y := range r.h {
			row, src := r.pix[y*r.w*4:][:r.w*4], img.Pix[y*img.Stride:][:r.w*2]
			for x := range r.w {
				v := src[2*x]
				p := row[4*x:][:4]
				p[0], p[1], p[2], p[3] = v, v, v, 255
			}
		}
	case *image.RGBA64:
		fillHighBytes(r, img.Pix, img.Stride)
	case *image.NRGBA64:
		fillHighBytes(r, img.Pix, img.Stride)
		overWhite(r)
	case *image.Paletted:
		var table [256][4]byte
		for i := range table {
			table[i] = [4]byte{0, 0, 0, 255}
		}
		for i, c := range img.Palette {
			table[i] = straight(c)
		}
		fillPalette(r, img.Pix, img.Stride, &table)
	default:
		for y := range r.h {
			for x := range r.w {
				c := straight(img.At(b.Min.X+x, b.Min.Y+y))
				copy(r.pix[(y*r.w+x)*4:], c[:])
			}
		}
		overWhite(r)
	}
}

func fillRows(r raster, src []byte, stride int) {
	for y := range r.h {
		copy(r.pix[y*r.w*4:][:r.w*4], src[y*stride:])
	}
}

func fillHighBytes(r raster, src []byte, stride int) {
	for y := range r.h {
		row, s := r.pix[y*r.w*4:][:r.w*4], src[y*stride:][:r.w*8]
		for i := range row {
			row[i] = s[2*i]
		}
	}
}

// fillPalette looks up every index; the table is composited instead of the picture.
func fillPalette(r raster, src []byte, stride int, table *[256][4]byte) {
	flat := raster{w: len(table), h: 1, pix: make([]byte, len(table)*4)}
	for i, c := range table {
		copy(flat.pix[i*4:], c[:])
	}
	overWhite(flat)
	for i := range table {
		copy(table[i][:], flat.pix[i*4:])
	}
	for y := range r.h {
		row, s := r.pix[y*r.w*4:][:r.w*4], src[y*stride:][:r.w]
		for x, v := range s {
			*(*[4]byte)(row[4*x:]) = table[v]
		}
	}
}

func overWhite(r raster) {
	C.weft_over_white((*C.uint8_t)(&r.pix[0]), C.size_t(r.w*r.h))
}
