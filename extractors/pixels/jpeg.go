package pixels

/*
#include "kernels.h"
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"unsafe"
)

// maxScans bounds the passes of a progressive file; a few kilobytes of empty scans can
// otherwise keep a decoder busy for minutes. Cameras and encoders write about ten.
const maxScans = 100

// Markers of JPEG segments.
const (
	markSOF0  = 0xc0
	markSOF15 = 0xcf
	markDHT   = 0xc4
	markJPG   = 0xc8
	markDAC   = 0xcc
	markRST0  = 0xd0
	markSOI   = 0xd8
	markEOI   = 0xd9
	markSOS   = 0xda
	markAPP1  = 0xe1
)

type jpegHeader struct {
	components int
	frame      byte // the SOF marker
}

// probeJPEG walks the segments up to the end of the image, entropy-coded data included.
func probeJPEG(data []byte, lim Limits, info *Info) (exif, xmp []byte, err error) {
	scans := 0
	for at := 2; ; {
		i := bytes.IndexByte(data[at:], 0xff)
		if i < 0 || at+i+1 >= len(data) {
			return nil, nil, refuse(Truncated, "JPEG: ends after %d bytes without an end marker", len(data))
		}
		at += i + 1
		mark := data[at]
		if mark == 0xff {
			continue // fill byte; the next one is looked at again
		}
		at++
		switch {
		case mark == markEOI:
			if scans == 0 {
				return nil, nil, refuse(Corrupt, "JPEG: ends without a picture")
			}
			return exif, xmp, nil
		case mark < markSOF0 || mark >= markRST0 && mark <= markSOI:
			continue // stuffing, restart markers and the reserved ones have no length
		}
		if at+2 > len(data) {
			continue
		}
		n := int(binary.BigEndian.Uint16(data[at:]))
		if n < 2 {
			return nil, nil, refuse(Corrupt, "JPEG: a segment of length %d at byte %d", n, at)
		}
		if at+n > len(data) {
			return nil, nil, refuse(Truncated, "JPEG: ends after %d bytes, inside a segment", len(data))
		}
		body := data[at+2 : at+n]
		at += n
		switch {
		case mark == markSOS:
			if info.Width == 0 {
				return nil, nil, refuse(Corrupt, "JPEG: pixels before the frame header")
			}
			if scans++; scans > maxScans {
				return nil, nil, refuse(Unsupported, "JPEG: more than %d scans", maxScans)
			}
			if scans == 1 && info.jpeg.starved(info, len(data)) {
				return nil, nil, refuse(Corrupt, "JPEG: %d bytes cannot hold %dx%d pixels", len(data), info.Width, info.Height)
			}
		case mark >= markSOF0 && mark <= markSOF15 && mark != markDHT && mark != markJPG && mark != markDAC:
			if err := frameHeader(body, mark, lim, info); err != nil {
				return nil, nil, err
			}
		case mark == markAPP1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")):
			if exif == nil {
				exif = body
			} else {
				exif = append(exif[:len(exif):len(exif)], body[6:]...)
			}
		case mark == markAPP1 && bytes.HasPrefix(body, []byte("http://ns.adobe.com/xap/1.0/\x00")):
			xmp = body
		}
	}
}

// starved reports whether a file is too short for what it announces: Huffman coding
// spends at least a bit on each block of 8x8. It keeps a few bytes from costing the
// memory of a large picture.
func (j jpegHeader) starved(info *Info, size int) bool {
	if j.frame > markSOF0+2 {
		return false
	}
	blocks := int64(info.Width+7) / 8 * (int64(info.Height+7) / 8)
	return int64(size)*8 < blocks
}

func frameHeader(b []byte, mark byte, lim Limits, info *Info) error {
	if info.Width != 0 {
		return refuse(Corrupt, "JPEG: two frame headers")
	}
	if len(b) < 6 || len(b) < 6+3*int(b[5]) {
		return refuse(Corrupt, "JPEG: a frame header of %d bytes", len(b))
	}
	h, w := int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	if err := lim.admit(JPEG, w, h, 1); err != nil {
		return err
	}
	info.Width, info.Height = w, h
	info.jpeg = jpegHeader{components: int(b[5]), frame: mark}
	switch {
	case b[0] != 8:
		return refuse(Unsupported, "JPEG: %d bits a sample; only 8 are supported", b[0])
	case info.jpeg.components != 1 && info.jpeg.components != 3 && info.jpeg.components != 4:
		return refuse(Unsupported, "JPEG: %d components; only 1, 3 and 4 are supported", b[5])
	}
	switch mark {
	case markSOF0, markSOF0 + 1, markSOF0 + 2, markSOF0 + 9, markSOF0 + 10:
	default:
		return refuse(Unsupported, "JPEG: lossless or hierarchical coding (SOF%d)", mark-markSOF0)
	}
	// Pixels, and for progressive files the coefficients of all components, 16 bits each.
	info.Memory = int64(w) * int64(h) * 4
	if mark == markSOF0+2 || mark == markSOF0+10 {
		info.Memory += int64(w) * int64(h) * 2 * int64(b[5])
	}
	return nil
}

// decodeJPEG decodes with image/jpeg, but upsamples and converts colour as libjpeg does,
// so that only the rounding of the inverse DCT is left to differ.
func decodeJPEG(bufs *buffers, data []byte, info *Info) (raster, error) {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		var unsupported jpeg.UnsupportedError
		if errors.As(err, &unsupported) {
			return raster{}, refuse(Unsupported, "JPEG: %v", err)
		}
		return raster{}, refuse(Corrupt, "JPEG: %v", err)
	}
	if size := img.Bounds().Size(); size != image.Pt(info.Width, info.Height) {
		return raster{}, refuse(Corrupt, "JPEG: two sizes, %v and %dx%d", size, info.Width, info.Height)
	}
	r := bufs.raster(info.Width, info.Height)
	switch img := img.(type) {
	case *image.YCbCr:
		fillYCbCr(bufs, r, img)
	case *image.CMYK:
		for y := range r.h {
			row := r.pix[y*r.w*4:][:r.w*4]
			copy(row, img.Pix[y*img.Stride:])
			// image/jpeg has undone Adobe's inversion, the kernel expects it.
			for i := range row {
				row[i] = ^row[i]
			}
		}
		cmykToRGB(r)
	default:
		fillImage(r, img)
	}
	return r, nil
}

func cmykToRGB(r raster) {
	C.weft_cmyk((*C.uint8_t)(&r.pix[0]), C.size_t(r.w*r.h))
}

func fillYCbCr(bufs *buffers, r raster, img *image.YCbCr) {
	hsub, vsub := subsampling(img.SubsampleRatio)
	line := bufs.get(2 * (r.w + 16))
	defer bufs.put(line)
	// The kernel trusts these sizes.
	cw, ch := (r.w+hsub-1)/hsub, (r.h+vsub-1)/vsub
	_ = img.Y[(r.h-1)*img.YStride+r.w-1]
	_, _ = img.Cb[(ch-1)*img.CStride+cw-1], img.Cr[(ch-1)*img.CStride+cw-1]
	C.weft_jpeg_ycc((*C.uint8_t)(&img.Y[0]), C.ptrdiff_t(img.YStride),
		(*C.uint8_t)(&img.Cb[0]), (*C.uint8_t)(&img.Cr[0]), C.ptrdiff_t(img.CStride),
		C.int(r.w), C.int(r.h), C.int(hsub), C.int(vsub),
		(*C.uint8_t)(unsafe.SliceData(line)), (*C.uint8_t)(&r.pix[0]))
}

func subsampling(ratio image.YCbCrSubsampleRatio) (h, v int) {
	switch ratio {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	}
	return 1, 1
}
