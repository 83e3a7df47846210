package pixels

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
)

// probePNG walks the chunks to IEND.
func probePNG(data []byte, lim Limits, info *Info) (exif, xmp []byte, err error) {
	frames := 0
	pixels := false
	for at := 8; ; {
		if at+8 > len(data) {
			return nil, nil, refuse(Truncated, "PNG: ends after %d bytes without an end chunk", len(data))
		}
		n, kind := int64(binary.BigEndian.Uint32(data[at:])), string(data[at+4:at+8])
		if int64(at)+12+n > int64(len(data)) {
			return nil, nil, refuse(Truncated, "PNG: ends after %d bytes, inside a chunk of %d", len(data), n)
		}
		body := data[at+8 : at+8+int(n)]
		at += 12 + int(n)
		if info.Width == 0 && kind != "IHDR" {
			return nil, nil, refuse(Corrupt, "PNG: the first chunk is %q, not IHDR", kind)
		}
		switch kind {
		case "IHDR":
			if info.Width != 0 || n != 13 {
				return nil, nil, refuse(Corrupt, "PNG: a bad IHDR chunk")
			}
			w, h := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
			if w > 1<<31-1 || h > 1<<31-1 {
				return nil, nil, refuse(Corrupt, "PNG: says it is %dx%d pixels", w, h)
			}
			if err := lim.admit(PNG, int(w), int(h), 1); err != nil {
				return nil, nil, err
			}
			info.Width, info.Height = int(w), int(h)
			if starvedPNG(int64(w), int64(h), body[8], body[9], int64(len(data))) {
				return nil, nil, refuse(Corrupt, "PNG: %d bytes cannot hold %dx%d pixels", len(data), w, h)
			}
			perPixel := int64(8) // what image/png returns, and our copy of it
			if body[8] == 16 {
				perPixel = 12
			}
			if body[12] != 0 { // interlaced: passes and picture
				perPixel += perPixel - 4
			}
			info.Memory = int64(w) * int64(h) * perPixel
		case "acTL":
			if n >= 4 {
				frames = max(frames, int(min(binary.BigEndian.Uint32(body), 1<<31-1)))
			}
		case "fcTL":
			info.Frames++
		case "eXIf":
			exif = body
		case "iTXt":
			if packet, ok := bytes.CutPrefix(body, []byte("XML:com.adobe.xmp\x00\x00")); ok {
				xmp = packet
			}
		case "IDAT":
			pixels = true
		case "IEND":
			if !pixels {
				return nil, nil, refuse(Corrupt, "PNG: no pixels")
			}
			info.Frames = max(frames, info.Frames-1, 1)
			return exif, xmp, lim.admit(PNG, info.Width, info.Height, info.Frames)
		}
	}
}

// starvedPNG reports whether a file is too short for what it announces: deflate packs at
// most 1,032 bytes into one.
func starvedPNG(w, h int64, depth, colour byte, size int64) bool {
	samples := int64(1)
	switch colour {
	case 2:
		samples = 3
	case 4:
		samples = 2
	case 6:
		samples = 4
	}
	return h*((w*samples*int64(depth)+7)/8) > 1032*size
}

func decodePNG(bufs *buffers, data []byte, info *Info) (raster, error) {
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		var unsupported png.UnsupportedError
		switch {
		case errors.As(err, &unsupported):
			return raster{}, refuse(Unsupported, "PNG: %v", err)
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
			return raster{}, refuse(Truncated, "PNG: the compressed pixels end early")
		}
		return raster{}, refuse(Corrupt, "PNG: %v", err)
	}
	if size := img.Bounds().Size(); size != image.Pt(info.Width, info.Height) {
		return raster{}, refuse(Corrupt, "PNG: two sizes, %v and %dx%d", size, info.Width, info.Height)
	}
	r := bufs.raster(info.Width, info.Height)
	fillImage(r, img)
	return r, nil
}

// straight returns a colour's bytes, not multiplied by alpha.
func straight(c color.Color) [4]byte {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return [4]byte{n.R, n.G, n.B, n.A}
}
