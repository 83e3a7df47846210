package pixels

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"
)

func codeOf(err error) string {
	if err == nil {
		return "no error"
	}
	var e *Error
	if !errors.As(err, &e) {
		return "not an *Error: " + err.Error()
	}
	return e.Code
}

func pngChunk(kind string, body []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	out = append(append(out, kind...), body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

func pngHeader(w, h uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, w)
	b = binary.BigEndian.AppendUint32(b, h)
	return append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(b, 8, 2, 0, 0, 0))...)
}

// patched returns a copy of data with the bytes at the first place of old replaced.
func patched(t *testing.T, data []byte, old, with string) []byte {
	t.Helper()
	i := bytes.Index(data, []byte(old))
	if i < 0 || len(old) != len(with) {
		t.Fatalf("no %q to patch", old)
	}
	out := bytes.Clone(data)
	copy(out[i:], with)
	return out
}

func repeatFrames(t *testing.T, gif []byte, n int) []byte {
	t.Helper()
	start := 13 + 3*128 // header and palette of the sample
	if gif[start] != gifImage || gif[len(gif)-1] != gifTrailer {
		t.Fatal("the sample GIF is laid out otherwise")
	}
	frame := gif[start : len(gif)-1]
	return append(append(bytes.Clone(gif[:start]), bytes.Repeat(frame, n)...), gifTrailer)
}

func riffFile(chunks ...string) []byte {
	body := "WEBP" + strings.Join(chunks, "")
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func riffChunk(kind, body string) string {
	out := kind + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)))) + body
	if len(body)%2 == 1 {
		out += "\x00"
	}
	return out
}

func TestRefusals(t *testing.T) {
	jpg, gif := input(t, "variants/jpeg-420.jpg"), input(t, "variants/gif-plain.gif")
	png, webp := input(t, "variants/png-rgb8.png"), input(t, "variants/webp-lossy-40x39.webp")
	apng := input(t, "variants/png-animated.png")
	const sof = "\xff\xc0\x00\x11\x08\x00\x3d\x00\x2f\x03" // 47x61, three components
	const vp8 = "\x9d\x01\x2a\x28\x00\x27\x00"             // 40x39
	sos := jpg[bytes.Index(jpg, []byte("\xff\xda")):]
	scan := sos[:14]
	animation := riffChunk("VP8X", "\x02\x00\x00\x00\x27\x00\x00\x26\x00\x00")
	frame := riffChunk("ANMF", strings.Repeat("\x00", 6)+"\x27\x00\x00\x26\x00\x00\x00\x00\x00\x00"+string(webp[12:]))
	cases := []struct {
		name, code string
		data       []byte
	}{
		{"nothing", Empty, nil},
		{"a page", NotAnImage, []byte("<!DOCTYPE html><html><body>404 Not Found</body></html>")},
		{"a page behind blanks", NotAnImage, []byte("\n \n<html lang=en>")},
		{"text", NotAnImage, []byte("hello")},
		{"one byte", NotAnImage, []byte{0xff}},
		{"zeros", NotAnImage, make([]byte, 4096)},
		{"JSON", NotAnImage, []byte(`{"error":"not found"}`)},
		{"other RIFF", NotAnImage, []byte("RIFF\x24\x00\x00\x00WAVEfmt ")},
		{"33 MiB", TooManyBytes, append(bytes.Clone(jpg), make([]byte, 33<<20)...)},

		{"AVIF", Unsupported, []byte("\x00\x00\x00\x20ftypavif\x00\x00\x00\x00")},
		{"HEIC", Unsupported, []byte("\x00\x00\x00\x20ftypheic\x00\x00\x00\x00")},
		{"TIFF", Unsupported, []byte("II*\x00\x08\x00\x00\x00")},
		{"BMP", Unsupported, append([]byte("BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00"), make([]byte, 60)...)},
		{"SVG", Unsupported, []byte(`<?xml version="1.0"?><svg xmlns="x"/>`)},
		{"JPEG of 12 bits", Unsupported, patched(t, jpg, sof, strings.Replace(sof, "\x11\x08", "\x11\x0c", 1))},
		{"JPEG lossless", Unsupported, patched(t, jpg, sof, strings.Replace(sof, "\xc0", "\xc3", 1))},
		{"JPEG of 101 scans", Unsupported, append(append(bytes.Clone(jpg[:len(jpg)-2]), bytes.Repeat(scan, 100)...), jpg[len(jpg)-2:]...)},

		{"JPEG 30000x30000", TooManyPixels, patched(t, jpg, sof, "\xff\xc0\x00\x11\x08\x75\x30\x75\x30\x03")},
		{"JPEG 65535 high", TooManyPixels, patched(t, jpg, sof, "\xff\xc0\x00\x11\x08\xff\xff\x00\x2f\x03")},
		{"JPEG 7000x7000 of no bytes", Corrupt, patched(t, jpg, sof, "\xff\xc0\x00\x11\x08\x1b\x58\x1b\x58\x03")},
		{"PNG 30000x30000", TooManyPixels, append(pngHeader(30000, 30000), png[33:]...)},
		{"PNG 4294967295 wide", Corrupt, append(pngHeader(1<<32-1, 1), png[33:]...)},
		{"PNG 2147483647 wide", TooManyPixels, append(pngHeader(1<<31-1, 1), png[33:]...)},
		{"PNG 7000x7000 of no bytes", Corrupt, append(pngHeader(7000, 7000), png[33:]...)},
		{"GIF 65535x65535", TooManyPixels, patched(t, gif, "GIF89a\x2f\x00\x3d\x00", "GIF89a\xff\xff\xff\xff")},
		{"WebP 16 million wide", TooManyPixels, riffFile(riffChunk("VP8X", "\x00\x00\x00\x00\xff\xff\xff\x00\x00\x00"), string(webp[12:]))},
		{"WebP 16383x16383", TooManyPixels, patched(t, webp, vp8, "\x9d\x01\x2a\xff\x3f\xff\x3f")},
		{"JPEG of no width", Corrupt, patched(t, jpg, sof, "\xff\xc0\x00\x11\x08\x00\x3d\x00\x00\x03")},
		{"PNG of no height", Corrupt, append(pngHeader(7, 0), png[33:]...)},

		{"GIF of 10000 frames", TooManyFrames, repeatFrames(t, gif, 10000)},
		{"PNG of 10000 frames", TooManyFrames, append(append(bytes.Clone(png[:33]), pngChunk("acTL", []byte{0, 0, 0x27, 0x10, 0, 0, 0, 0})...), png[33:]...)},
		{"PNG of 1001 unannounced frames", TooManyFrames, append(append(bytes.Clone(png[:33]), bytes.Repeat(pngChunk("fcTL", make([]byte, 26)), 1001)...), png[33:]...)},
		{"WebP of 1001 frames", TooManyFrames, riffFile(animation, strings.Repeat(frame, 1001))},

		{"JPEG without pixels", Corrupt, []byte("\xff\xd8\xff\xd9")},
		{"JPEG with two frame headers", Corrupt, append(append(bytes.Clone(jpg[:2]), sof+"\x01\x22\x00\x02\x11\x01\x03\x11\x01"...), jpg[2:]...)},
		{"JPEG without tables", Corrupt, withoutTables(t, jpg)},
		{"JPEG with its last third cut out", Corrupt, hole(jpg, len(jpg)*2/3, len(jpg)-len(jpg)*2/3-2)},
		{"PNG with a wrong checksum", Corrupt, flipped(png, len(png)-20)},
		{"PNG without pixels", Corrupt, append(pngHeader(4, 4), pngChunk("IEND", nil)...)},
		{"PNG of a bad depth", Unsupported, append(append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", []byte{0, 0, 0, 4, 0, 0, 0, 4, 7, 2, 0, 0, 0})...), png[33:]...)},
		{"PNG with too few pixels", Corrupt, append(pngHeader(47, 62), png[33:]...)},
		{"APNG with a hole", Truncated, hole(apng, 300, 40)},
		{"GIF without a picture", Corrupt, append(bytes.Clone(gif[:13+3*128]), gifTrailer)},
		{"GIF of code size 0", Corrupt, patched(t, gif, "\x3d\x00\x00\x07", "\x3d\x00\x00\x00")},
		{"GIF with too few pixels", Truncated, patched(t, gif, "\x3d\x00\x00\x07", "\x4d\x00\x00\x07")},
		{"GIF with junk for a block", Corrupt, flipped(gif, 13+3*128)},
		{"WebP of two sizes", Corrupt, riffFile(riffChunk("VP8X", "\x00\x00\x00\x00\x30\x00\x00\x26\x00\x00"), string(webp[12:]))},
		{"WebP without a picture", Corrupt, riffFile(riffChunk("VP8X", "\x00\x00\x00\x00\x27\x00\x00\x26\x00\x00"))},
		{"WebP of no width", Corrupt, patched(t, webp, vp8, "\x9d\x01\x2a\x00\x00\x27\x00")},
		{"WebP of nothing", Corrupt, riffFile(riffChunk("VP8L", "\x2f\x05\x40\x01\x00"))},
	}
	for _, class := range []Class{Exact, Go} {
		d := open2(t, class)
		for _, c := range cases {
			before := bytes.Clone(c.data)
			got, err := d.Image(c.data, lite, nil)
			if code := codeOf(err); code != c.code || got != nil {
				t.Errorf("class %s, %s: %s (%v), want %s", class, c.name, code, err, c.code)
			}
			if !errors.Is(err, &Error{Code: c.code}) {
				t.Errorf("class %s, %s: errors.Is does not know the code of %v", class, c.name, err)
			}
			if !bytes.Equal(before, c.data) {
				t.Errorf("class %s, %s: the file was written to", class, c.name)
			}
			// What came before must not matter.
			if _, err := d.Image(jpg, lite, nil); err != nil {
				t.Fatalf("class %s, after %s: a good file gives %v", class, c.name, err)
			}
		}
	}
}

// withoutTables drops the tables of a JPEG, which then only decodes with those of another.
func withoutTables(t *testing.T, jpg []byte) []byte {
	t.Helper()
	out, dropped := bytes.Clone(jpg[:2]), 0
	for at := 2; ; {
		mark, n := jpg[at+1], 2+int(binary.BigEndian.Uint16(jpg[at+2:]))
		if mark == markSOS {
			if dropped < 2 {
				t.Fatal("the sample JPEG has no tables")
			}
			return append(out, jpg[at:]...)
		}
		if mark == markDHT || mark == 0xdb {
			dropped++
		} else {
			out = append(out, jpg[at:at+n]...)
		}
		at += n
	}
}

func hole(data []byte, at, n int) []byte {
	return append(bytes.Clone(data[:at]), data[at+n:]...)
}

func flipped(data []byte, at int) []byte {
	out := bytes.Clone(data)
	out[at] ^= 0x55
	return out
}

// Every way to cut a file short is an error, and said to be that.
func TestTruncated(t *testing.T) {
	files := []string{
		"variants/jpeg-420.jpg", "variants/jpeg-progressive-440.jpg", "variants/jpeg-restarts.jpg", "variants/jpeg-cmyk.jpg",
		"variants/png-rgb8.png", "variants/png-rgba8-interlaced.png", "variants/png-animated.png",
		"variants/gif-plain.gif", "variants/gif-animated.gif",
		"variants/webp-lossy-40x39.webp", "variants/webp-lossless.webp", "variants/webp-alpha.webp", "variants/webp-animated.webp",
	}
	for _, class := range []Class{Exact, Go} {
		d := open2(t, class)
		for _, name := range files {
			data := input(t, name)
			if _, err := d.Image(data, lite, nil); err != nil {
				t.Fatalf("class %s, %s, whole: %v", class, name, err)
			}
			for n := 13; n < len(data); n += 1 + len(data)/997 {
				_, err := d.Image(data[:n:n], lite, nil)
				if code := codeOf(err); code != Truncated {
					t.Errorf("class %s, %s cut to %d of %d bytes: %s (%v)", class, name, n, len(data), code, err)
				}
			}
		}
	}
}

// One wrong byte may go unnoticed or be refused, with the same answer every time.
func TestDamaged(t *testing.T) {
	files := []string{
		"variants/jpeg-420.jpg", "variants/jpeg-progressive-440.jpg", "variants/jpeg-ycck-420.jpg", "variants/png-rgb8.png",
		"variants/png-palette4-trns.png", "variants/gif-plain.gif", "variants/gif-interlaced.gif", "variants/webp-lossy-40x39.webp",
		"variants/webp-alpha.webp", "variants/webp-lossless.webp", "variants/webp-animated-offset-alpha.webp",
	}
	spec := Spec{Size: 16, Resize: 20, Mode: ShortestCrop, Filter: Bilinear}
	for _, class := range []Class{Exact, Go} {
		d := open2(t, class)
		for _, name := range files {
			data := input(t, name)
			step := 1 + len(data)/150
			for at := 0; at < len(data); at += step {
				bad := bytes.Clone(data)
				bad[at] ^= byte(1 << (at % 8))
				got, err := d.Image(bad, spec, nil)
				if err == nil && len(got) != 16*16*3 || err != nil && !known(codeOf(err)) {
					t.Fatalf("class %s, %s, byte %d: %d bytes, %v", class, name, at, len(got), err)
				}
				again, err2 := d.Image(bad, spec, nil)
				if !bytes.Equal(got, again) || codeOf(err) != codeOf(err2) {
					t.Fatalf("class %s, %s, byte %d: differs from one time to the next (%v, %v)", class, name, at, err, err2)
				}
			}
		}
	}
}

func known(code string) bool {
	switch code {
	case Empty, NotAnImage, Unsupported, Truncated, Corrupt, TooManyBytes, TooManyPixels, TooManyFrames:
		return true
	}
	return false
}

// A decoder that panics costs its own file only.
func TestPanicIsCorrupt(t *testing.T) {
	d := open2(t, Go)
	_, err := d.decode(nil, &Info{Format: GIF, Width: 2, Height: 2, gif: gifFrame{w: 2, h: 2}})
	if codeOf(err) != Corrupt || !strings.Contains(err.Error(), "gif.go:") {
		t.Errorf("got %v, want a corrupt file and the line that gave up", err)
	}
}
