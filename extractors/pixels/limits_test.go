package pixels

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"runtime"
	"strings"
	"testing"
)

func stripes(w, h int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = byte(i * 7)
	}
	return img
}

// Extreme but admitted shapes, in every format that Go can write.
func TestShapes(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {1, 20000}, {20000, 1}, {2, 3}, {30000, 2}} {
		img := stripes(size.X, size.Y)
		var jpg, pic, anim bytes.Buffer
		paletted := image.NewPaletted(img.Rect, color.Palette{color.Black, color.White, color.Gray{99}})
		for i := range paletted.Pix {
			paletted.Pix[i] = byte(i % 3)
		}
		for _, err := range []error{jpeg.Encode(&jpg, img, nil), png.Encode(&pic, img), gif.Encode(&anim, paletted, nil)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, class := range []Class{Exact, Go} {
			d := open2(t, class)
			for _, data := range [][]byte{jpg.Bytes(), pic.Bytes(), anim.Bytes()} {
				for _, s := range []Spec{lite, {Size: 224, Mode: Squash, Filter: Lanczos}, {Size: 1, Mode: ShortestCrop, Filter: Bilinear}} {
					info, err := Probe(data, Limits{})
					if err != nil || info.Width != size.X || info.Height != size.Y || info.Memory < int64(size.X*size.Y*4) {
						t.Fatalf("%v: probed as %+v, %v", size, info, err)
					}
					got, err := d.Image(data, s, nil)
					if err != nil || len(got) != s.Size*s.Size*3 {
						t.Errorf("class %s, %s of %v, %+v: %d bytes, %v", class, info.Format, size, s, len(got), err)
					}
				}
			}
		}
	}
}

func TestLimits(t *testing.T) {
	data := input(t, "variants/gif-animated.gif") // 47x61, two frames
	n := int64(len(data))
	for _, c := range []struct {
		lim  Limits
		code string
	}{
		{Limits{MaxBytes: n, MaxPixels: 47 * 61, MaxSide: 61, MaxFrames: 2}, "no error"},
		{Limits{MaxBytes: n - 1}, TooManyBytes},
		{Limits{MaxPixels: 47*61 - 1}, TooManyPixels},
		{Limits{MaxSide: 60}, TooManyPixels},
		{Limits{MaxFrames: 1}, TooManyFrames},
	} {
		d, err := Open(Go, c.lim, Libraries{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Image(data, lite, nil); codeOf(err) != c.code {
			t.Errorf("%+v: %v, want %s", c.lim, err, c.code)
		}
	}
}

// What is refused for its size must not have cost its size.
func TestBombsCostNothing(t *testing.T) {
	bomb := append(pngHeader(7900, 8000), pngChunk("IDAT", make([]byte, 100))...)
	bomb = append(bomb, pngChunk("IEND", nil)...)
	frames := repeatFrames(t, input(t, "variants/gif-plain.gif"), 2000)
	d := open2(t, Go)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 50 {
		for _, data := range [][]byte{bomb, frames} {
			if _, err := d.Image(data, lite, nil); err == nil {
				t.Fatal("a bomb went through")
			}
		}
	}
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 1<<20 {
		t.Errorf("100 refusals allocated %d bytes", spent)
	}
}

func TestBadArguments(t *testing.T) {
	for want, lim := range map[string]Limits{
		"MaxBytes": {MaxBytes: -1}, "MaxPixels": {MaxPixels: 1 << 40}, "MaxSide": {MaxSide: -3}, "MaxFrames": {MaxFrames: -1},
	} {
		if _, err := Open(Go, lim, Libraries{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error that names %s", lim, err, want)
		}
	}
	d := open2(t, Go)
	data := input(t, "variants/png-rgb8.png")
	for want, s := range map[string]Spec{
		"Size":   {Mode: Squash, Filter: Bicubic},
		"Resize": {Size: 224, Resize: 100, Mode: ShortestCrop, Filter: Bicubic},
		"Mode":   {Size: 224, Mode: "fit", Filter: Bicubic},
		"Filter": {Size: 224, Mode: Squash, Filter: "nearest"},
	} {
		if _, err := d.Image(data, s, nil); err == nil || !strings.Contains(err.Error(), "Spec."+want) {
			t.Errorf("%+v: %v, want an error that names %s", s, err, want)
		}
	}
	if _, err := Open("best", Limits{}, Libraries{}); err == nil || !strings.Contains(err.Error(), `"best"`) {
		t.Errorf("class best: %v", err)
	}
}

func TestMissingLibrary(t *testing.T) {
	for _, c := range []struct {
		libs         Libraries
		name, advice string
	}{
		{Libraries{TurboJPEG: "/nowhere/libturbojpeg.so"}, "TurboJPEG", "install it with"},
		{Libraries{WebP: "/nowhere/libwebp.so"}, "libwebp", "install it with"},
		// A library that loads but is another one.
		{Libraries{TurboJPEG: libWebP().names[0]}, "TurboJPEG", "tjInitDecompress"},
	} {
		_, err := Open(Exact, Limits{}, c.libs)
		if !errors.Is(err, ErrLibrary) || !strings.Contains(err.Error(), c.name) || !strings.Contains(err.Error(), c.advice) {
			t.Errorf("%+v: %v, want ErrLibrary with %q and %q", c.libs, err, c.name, c.advice)
		}
	}
}

func TestDestination(t *testing.T) {
	d := open2(t, Exact)
	data := input(t, "variants/jpeg-420.jpg")
	s := Spec{Size: 20, Resize: 30, Mode: ShortestCrop, Filter: Bicubic}
	fresh, err := d.Image(data, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	buf := bytes.Repeat([]byte{0xa5}, 20*20*3+64)
	got, err := d.Image(data, s, buf)
	if err != nil || &got[0] != &buf[0] || len(got) != 20*20*3 || !bytes.Equal(got, fresh) {
		t.Errorf("a large enough dst was not used as promised: %d bytes, %v", len(got), err)
	}
	if !bytes.Equal(buf[20*20*3:], bytes.Repeat([]byte{0xa5}, 64)) {
		t.Error("wrote behind the picture")
	}
	if got, err := d.Image(data, s, buf[:0:10]); err != nil || !bytes.Equal(got, fresh) {
		t.Errorf("a small dst: %v", err)
	}
}
