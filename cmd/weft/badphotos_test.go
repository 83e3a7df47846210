package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"slices"
	"testing"

	"weft/tasks"
)

// oddPhotos are photos that a shop may send, by name, with the reason that each
// must die of; "" for those that are only unusual.
func oddPhotos(t *testing.T, good []byte) map[string]oddity {
	half := len(good) / 2
	return map[string]oddity{
		"good.jpg":        {good, ""},
		"truncated.jpg":   {good[:half], tasks.ReasonTruncated},
		"header.jpg":      {good[:200], tasks.ReasonTruncated},
		"empty.jpg":       {nil, tasks.ReasonEmpty},
		"html.jpg":        {[]byte("<!doctype html><html><body>404</body></html>"), tasks.ReasonNotAnImage},
		"bomb.png":        {pngHeader(30_000, 30_000), tasks.ReasonTooManyPixels},
		"bomb.jpg":        {jpegOf(t, good, 30_000, 30_000), tasks.ReasonTooManyPixels},
		"frames.gif":      {frames(t, 10_000), tasks.ReasonTooManyFrames},
		"frames-few.gif":  {frames(t, 20), ""},
		"one.png":         {pngOf(t, image.NewGray(image.Rect(0, 0, 1, 1))), ""},
		"tall.png":        {pngOf(t, image.NewGray(image.Rect(0, 0, 1, 20_000))), ""},
		"wide.png":        {pngOf(t, image.NewGray(image.Rect(0, 0, 20_000, 1))), ""},
		"sixteen.png":     {pngOf(t, deep()), ""},
		"cmyk.jpg":        {read(t, "../../extractors/pixels/testdata/cases/cmyk.jpg"), ""},
		"broken-exif.jpg": {withSegment(good, 0xE1, []byte("Exif\x00\x00II*\x00\xff\xff\xff\xff garbage")), ""},
		"flipped.png":     {flipped(read(t, "../../extractors/pixels/testdata/cases/rgb.png")), tasks.ReasonCorrupt},
		"wrong-name.png":  {good, ""}, // the bytes say what a photo is
	}
}

type oddity struct {
	body   []byte
	reason tasks.Reason
}

// TestBadPhotos puts every odd photo under a product of its own, and each once
// more beside a good photo, where it must not cost the product its vector.
func TestBadPhotos(t *testing.T) {
	s := newShop(t)
	good := samplePhoto(t, samples(t, 1)[0])
	odd := oddPhotos(t, good)
	want := map[string]tasks.Reason{}
	for name, o := range odd {
		s.put("alone."+name, name, o.body)
		s.put("beside."+name, name, o.body)
		s.put("beside."+name, "other.jpg", good)
		if o.reason != "" {
			want["media/alone."+name+"/"+name], want["media/beside."+name+"/"+name] = o.reason, o.reason
		}
	}
	r := s.up()
	same(t, want, s.dead())
	if r.Dead != int64(len(want)) {
		t.Errorf("the report counts %d dead, want %d", r.Dead, len(want))
	}
	a := s.audit()
	if a.Objects.Dead != len(want) || a.Products.Dead != len(want)/2 || a.Products.Vectors != 2*len(odd)-len(want)/2 {
		t.Errorf("audit: %+v", a)
	}
	for name, o := range odd {
		if s.has("alone."+name) != (o.reason == "") || !s.has("beside."+name) {
			t.Errorf("%s: alone %v, beside a good one %v", name, s.has("alone."+name), s.has("beside."+name))
		}
	}
	plain, exif := s.product("alone.good.jpg").Vector, s.product("alone.broken-exif.jpg").Vector
	if !slices.Equal(plain, exif) || !slices.Equal(plain, s.product("alone.wrong-name.png").Vector) {
		t.Error("an unreadable EXIF or a wrong extension changed the vector")
	}
	if again := s.up("--cache", hollowCache(t)); again.Published+again.Dead != 0 {
		t.Errorf("what is dead was tried again: %+v", again)
	}
	s.put("alone.empty.jpg", "empty.jpg", good)
	s.up()
	if _, still := s.dead()["media/alone.empty.jpg/empty.jpg"]; still || !s.has("alone.empty.jpg") {
		t.Error("a photo that was replaced by a good one is still dead")
	}
}

func pngOf(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, png.Encode(&b, img))
	return b.Bytes()
}

// pngHeader announces a picture and holds a few bytes of it.
func pngHeader(w, h uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), w), h)
	for _, chunk := range [][]byte{append(head, 8, 2, 0, 0, 0), []byte("IDAT\x78\x9c\x62\x00"), []byte("IEND")} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(chunk)-4))
		b = append(b, chunk...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(chunk))
	}
	return b
}

// jpegOf lets a JPEG announce another size.
func jpegOf(t *testing.T, photo []byte, w, h uint16) []byte {
	t.Helper()
	b := slices.Clone(photo)
	for i := 2; i+9 < len(b) && b[i] == 0xFF; i += 2 + int(binary.BigEndian.Uint16(b[i+2:])) {
		if b[i+1] >= 0xC0 && b[i+1] <= 0xC2 { // start of frame
			binary.BigEndian.PutUint16(b[i+5:], h)
			binary.BigEndian.PutUint16(b[i+7:], w)
			return b
		}
	}
	t.Fatal("no start of frame")
	return nil
}

// withSegment puts a segment in front of all others of a JPEG.
func withSegment(photo []byte, marker byte, data []byte) []byte {
	b := append(slices.Clone(photo[:2]), 0xFF, marker)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)+2))
	return append(append(b, data...), photo[2:]...)
}

func flipped(b []byte) []byte {
	b = slices.Clone(b)
	b[len(b)/2] ^= 0x40
	return b
}

func frames(t *testing.T, n int) []byte {
	t.Helper()
	g := &gif.GIF{}
	frame := image.NewPaletted(image.Rect(0, 0, 4, 4), color.Palette{color.Black, color.White})
	for range n {
		g.Image, g.Delay = append(g.Image, frame), append(g.Delay, 1)
	}
	var b bytes.Buffer
	must(t, gif.EncodeAll(&b, g))
	return b.Bytes()
}

// deep is a picture of 16 bits a channel.
func deep() image.Image {
	m := image.NewRGBA64(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 64 {
			m.SetRGBA64(x, y, color.RGBA64{uint16(x * 1021), uint16(y * 1021), uint16(x * y), 0xFFFF})
		}
	}
	return m
}
