package pixels

/*
#cgo CFLAGS: -std=gnu11 -O3 -Wall -Wextra
#include "kernels.h"
*/
import "C"

import "unsafe"

// kernels chooses between the portable kernels (its zero value) and those for the
// processor at hand. Results are the same.
type kernels struct{ avx2 C.int }

func fastKernels() kernels { return kernels{avx2: C.weft_have_avx2()} }

// resize writes the oriented, resized and cropped picture to dst (Size*Size*3 bytes).
// Each pass computes only what the next one, or the crop, asks for.
func (d *Decoder) resize(dst []byte, src raster, orientation int, s Spec) {
	p := d.plans.get(planKey{src.w, src.h, orientation, s})
	size, stride := s.Size, pixelStride(s.Size)
	if p.columnsFirst {
		width := (p.x.hi - p.x.lo) * 4
		mid := d.buffers.get(size * width)
		defer d.buffers.put(mid)
		d.kernels.columns(mid, width, src.pix[p.x.lo*4:], src.w*4, width, p.y, 0)
		out := d.buffers.get(size * stride)
		defer d.buffers.put(out)
		d.kernels.rows(out, stride, mid, width, size, p.x, p.x.lo)
		if p.transpose {
			transpose(dst, out, stride, size)
			return
		}
		for y := range size {
			copy(dst[y*size*3:][:size*3], out[y*stride:])
		}
		return
	}
	rows := p.y.hi - p.y.lo
	mid := d.buffers.get(rows * stride)
	defer d.buffers.put(mid)
	d.kernels.rows(mid, stride, src.pix[p.y.lo*src.w*4:], src.w*4, rows, p.x, 0)
	if !p.transpose {
		d.kernels.columns(dst, size*3, mid, stride, size*3, p.y, p.y.lo)
		return
	}
	out := d.buffers.get(size * size * 3)
	defer d.buffers.put(out)
	d.kernels.columns(out, size*3, mid, stride, size*3, p.y, p.y.lo)
	transpose(dst, out, size*3, size)
}

func transpose(dst, src []byte, stride, size int) {
	_, _ = dst[size*size*3-1], src[(size-1)*stride+size*3-1]
	C.weft_transpose_rgb((*C.uint8_t)(&src[0]), C.ptrdiff_t(stride), C.int(size), (*C.uint8_t)(&dst[0]))
}

// pixelStride is the row length for n packed RGB pixels with the byte behind them that
// the row kernel overwrites, in whole 32-byte vectors.
func pixelStride(n int) int { return (n*3 + 1 + 31) &^ 31 }

func (k kernels) rows(dst []byte, dstStride int, src []byte, srcStride, rows int, a *axis, origin int) {
	_ = dst[rows*dstStride-1]
	_ = src[(rows-1)*srcStride+(a.hi-origin)*4-1]
	src = src[:0:cap(src)]
	_ = src[:(rows-1)*srcStride+(a.hi-origin)*4+slack/2]
	start := a.start
	if origin != 0 {
		start = shifted(a.start, origin)
	}
	C.weft_resize_rows(k.avx2, (*C.uint8_t)(unsafe.SliceData(src)), C.ptrdiff_t(srcStride), C.int(rows),
		C.int(len(start)), (*C.int32_t)(&start[0]), (*C.int32_t)(&a.count[0]),
		(*C.int32_t)(&a.weights[0]), C.int(a.ksize),
		(*C.int16_t)(&a.quads[0]), C.int(a.quadStride),
		(*C.uint8_t)(&dst[0]), C.ptrdiff_t(dstStride))
}

func (k kernels) columns(dst []byte, dstStride int, src []byte, srcStride, width int, a *axis, origin int) {
	_ = dst[(len(a.start)-1)*dstStride+width-1]
	_ = src[(a.hi-origin-1)*srcStride+width-1]
	start := a.start
	if origin != 0 {
		start = shifted(a.start, origin)
	}
	C.weft_resize_columns(k.avx2, (*C.uint8_t)(unsafe.SliceData(src)), C.ptrdiff_t(srcStride), C.int(width),
		C.int(len(start)), (*C.int32_t)(&start[0]), (*C.int32_t)(&a.count[0]),
		(*C.int32_t)(&a.weights[0]), C.int(a.ksize),
		(*C.uint8_t)(&dst[0]), C.ptrdiff_t(dstStride))
}

func shifted(start []int32, origin int) []int32 {
	out := make([]int32, len(start))
	for i, s := range start {
		out[i] = s - int32(origin)
	}
	return out
}
