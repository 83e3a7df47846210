package pixels

import (
	"compress/lzw"
	"encoding/binary"
	"errors"
	"io"
)

// gifFrame is the first picture of a GIF and what it is shown on.
type gifFrame struct {
	left, top, w, h int
	palette         []byte // RGB triples; nil means gray
	transparent     int    // index, or -1
	interlaced      bool
	data            []byte // from the LZW code size on
}

// Block introducers and labels.
const (
	gifExtension      = 0x21
	gifImage          = 0x2c
	gifTrailer        = 0x3b
	gifGraphicControl = 0xf9
)

// probeGIF counts the pictures by walking blocks, whose lengths are written before them,
// so that ten thousand frames cost as little as their bytes.
func probeGIF(data []byte, lim Limits, info *Info) error {
	if len(data) < 13 {
		return gifEnds(data)
	}
	w, h := int(binary.LittleEndian.Uint16(data[6:])), int(binary.LittleEndian.Uint16(data[8:]))
	at := 13
	var global []byte
	if flags := data[10]; flags&0x80 != 0 {
		n := 3 << (flags&7 + 1)
		if at+n > len(data) {
			return gifEnds(data)
		}
		global, at = data[at:at+n], at+n
	}
	transparent := -1
	frames := 0
	for at < len(data) {
		switch kind := data[at]; kind {
		case gifTrailer:
			return gifDone(lim, info, w, h, frames)
		case gifExtension:
			if at+2 > len(data) {
				return gifEnds(data)
			}
			if data[at+1] == gifGraphicControl && at+8 <= len(data) && data[at+2] == 4 && frames == 0 {
				transparent = -1
				if data[at+3]&1 != 0 {
					transparent = int(data[at+6])
				}
			}
			at = skipSubBlocks(data, at+2)
		case gifImage:
			if at+10 > len(data) {
				return gifEnds(data)
			}
			f := gifFrame{
				left: int(binary.LittleEndian.Uint16(data[at+1:])), top: int(binary.LittleEndian.Uint16(data[at+3:])),
				w: int(binary.LittleEndian.Uint16(data[at+5:])), h: int(binary.LittleEndian.Uint16(data[at+7:])),
				palette: global, transparent: transparent, interlaced: data[at+9]&0x40 != 0,
			}
			flags := data[at+9]
			at += 10
			if flags&0x80 != 0 {
				n := 3 << (flags&7 + 1)
				if at+n > len(data) {
					return gifEnds(data)
				}
				f.palette, at = data[at:at+n], at+n
			}
			if frames == 0 {
				f.data = data[at:]
				info.gif = f
				// A first picture that sticks out of the screen widens it.
				w, h = max(w, f.left+f.w), max(h, f.top+f.h)
			}
			if frames++; frames > lim.MaxFrames {
				return lim.admit(GIF, max(w, 1), max(h, 1), frames)
			}
			at = skipSubBlocks(data, at+1)
		case 0:
			at++ // padding, seen in the wild
		default:
			return refuse(Corrupt, "GIF: an unknown block %#x at byte %d", kind, at)
		}
		if at < 0 {
			return gifEnds(data)
		}
	}
	// Some writers leave out the trailer; what ends between blocks is whole.
	if frames == 0 {
		return gifEnds(data)
	}
	return gifDone(lim, info, w, h, frames)
}

func gifEnds(data []byte) error {
	return refuse(Truncated, "GIF: ends after %d bytes, inside a block", len(data))
}

func gifDone(lim Limits, info *Info, w, h, frames int) error {
	if frames == 0 {
		return refuse(Corrupt, "GIF: no picture")
	}
	// An LZW code has at least 3 bits and stands for at most 4,096 pixels.
	if f := &info.gif; int64(f.w)*int64(f.h) > 4096*8/3*int64(len(f.data)) {
		return refuse(Corrupt, "GIF: %d bytes cannot hold %dx%d pixels", len(f.data), f.w, f.h)
	}
	info.Width, info.Height, info.Frames = w, h, frames
	info.Memory = int64(w)*int64(h)*4 + int64(info.gif.w)*int64(info.gif.h)
	return lim.admit(GIF, w, h, frames)
}

// skipSubBlocks returns where the blocks from at on end, or -1 if data ends before.
func skipSubBlocks(data []byte, at int) int {
	for at < len(data) {
		n := int(data[at])
		at += 1 + n
		if n == 0 {
			return at
		}
	}
	return -1
}

// subBlocks reads the bytes inside a chain of sub-blocks.
type subBlocks struct{ rest, block []byte }

func (s *subBlocks) fill() error {
	for len(s.block) == 0 {
		if len(s.rest) == 0 {
			return io.ErrUnexpectedEOF
		}
		n := int(s.rest[0])
		if n == 0 {
			return io.EOF
		}
		if 1+n > len(s.rest) {
			return io.ErrUnexpectedEOF
		}
		s.block, s.rest = s.rest[1:1+n], s.rest[1+n:]
	}
	return nil
}

func (s *subBlocks) Read(p []byte) (int, error) {
	if err := s.fill(); err != nil {
		return 0, err
	}
	n := copy(p, s.block)
	s.block = s.block[n:]
	return n, nil
}

func (s *subBlocks) ReadByte() (byte, error) {
	if err := s.fill(); err != nil {
		return 0, err
	}
	b := s.block[0]
	s.block = s.block[1:]
	return b, nil
}

func decodeGIF(bufs *buffers, data []byte, info *Info) (raster, error) {
	f := &info.gif
	table := f.table()
	r := bufs.raster(info.Width, info.Height)
	// Around the picture the screen shows the transparent colour, else the first one.
	ground := table[max(f.transparent, 0)]
	for i := 0; i < len(r.pix); i += 4 {
		*(*[4]byte)(r.pix[i:]) = ground
	}
	if f.w == 0 || f.h == 0 {
		bufs.put(r.pix)
		return raster{}, refuse(Corrupt, "GIF: the first picture is %dx%d pixels", f.w, f.h)
	}
	width := int(f.data[0])
	if width < 2 || width > 8 {
		bufs.put(r.pix)
		return raster{}, refuse(Corrupt, "GIF: LZW code size %d", width)
	}
	pixels := bufs.get(f.w * f.h)
	defer bufs.put(pixels)
	codes := lzw.NewReader(&subBlocks{rest: f.data[1:]}, lzw.LSB, width)
	if _, err := io.ReadFull(codes, pixels); err != nil {
		bufs.put(r.pix)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return raster{}, refuse(Truncated, "GIF: the first picture's data ends early")
		}
		return raster{}, refuse(Corrupt, "GIF: %v", err)
	}
	for i := range f.h {
		row := r.pix[((f.top+f.row(i))*r.w+f.left)*4:][:f.w*4]
		for x, v := range pixels[i*f.w:][:f.w] {
			*(*[4]byte)(row[4*x:]) = table[v]
		}
	}
	return r, nil
}

// table returns the colour of every index, the transparent one white. Without a palette,
// or with one that only repeats the indices, a picture is gray; else indices behind the
// palette's end are black.
func (f *gifFrame) table() *[256][4]byte {
	gray := true
	for i, v := range f.palette {
		gray = gray && int(v) == i/3
	}
	var t [256][4]byte
	for i := range t {
		switch {
		case gray:
			t[i] = [4]byte{byte(i), byte(i), byte(i), 255}
		case 3*i+3 <= len(f.palette):
			t[i] = [4]byte{f.palette[3*i], f.palette[3*i+1], f.palette[3*i+2], 255}
		default:
			t[i] = [4]byte{0, 0, 0, 255}
		}
	}
	if f.transparent >= 0 {
		t[f.transparent] = [4]byte{255, 255, 255, 255}
	}
	return &t
}

// row returns where the i-th stored row is shown.
func (f *gifFrame) row(i int) int {
	if !f.interlaced {
		return i
	}
	for _, pass := range [...]struct{ first, step int }{{0, 8}, {4, 8}, {2, 4}, {1, 2}} {
		n := (f.h - pass.first + pass.step - 1) / pass.step
		if n < 0 {
			n = 0
		}
		if i < n {
			return pass.first + i*pass.step
		}
		i -= n
	}
	return 0
}
