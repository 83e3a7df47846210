package pixels

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// The kernels against the definition, for every tail length and many tap counts.
func TestResizeKernels(t *testing.T) {
	for _, k := range []kernels{{}, fastKernels()} {
		testResizeKernels(t, k)
	}
}

func testResizeKernels(t *testing.T, kernels kernels) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		w, h := 1+rnd.IntN(90), 1+rnd.IntN(90)
		ow, oh := 1+rnd.IntN(120), 1+rnd.IntN(120)
		filter := []string{Bicubic, Bilinear, Lanczos}[rnd.IntN(3)]
		var b buffers
		src := b.raster(w, h)
		for i := range src.pix {
			src.pix[i] = byte(rnd.Uint32())
			if rnd.IntN(4) == 0 {
				src.pix[i] = byte(255 * rnd.IntN(2)) // overshoot on both ends
			}
		}
		ax := newAxis(filter, w, ow, 0, ow, rnd.IntN(2) == 0)
		stride := pixelStride(ow)
		rows := b.get(h * stride)
		kernels.rows(rows, stride, src.pix, w*4, h, ax, 0)
		for y := range h {
			for x := range ow {
				for c := range 3 {
					sum := int32(1 << (precision - 1))
					for k := range ax.count[x] {
						sum += int32(src.pix[(y*w+int(ax.start[x]+k))*4+c]) * ax.weights[x*ax.ksize+int(k)]
					}
					if got, want := rows[y*stride+x*3+c], clip(sum); got != want {
						t.Fatalf("%s %d to %d wide: row %d, pixel %d, channel %d is %d, want %d", filter, w, ow, y, x, c, got, want)
					}
				}
			}
		}
		ay := newAxis(filter, h, oh, 0, oh, false)
		width := w * 4
		columns := bytes.Repeat([]byte{0xa5}, oh*width+32)
		kernels.columns(columns[:oh*width], width, src.pix, width, width, ay, 0)
		for y := range oh {
			for x := range width {
				sum := int32(1 << (precision - 1))
				for k := range ay.count[y] {
					sum += int32(src.pix[int(ay.start[y]+k)*width+x]) * ay.weights[y*ay.ksize+int(k)]
				}
				if got, want := columns[y*width+x], clip(sum); got != want {
					t.Fatalf("%s %d to %d high: row %d, byte %d is %d, want %d", filter, h, oh, y, x, got, want)
				}
			}
		}
		if !bytes.Equal(columns[oh*width:], bytes.Repeat([]byte{0xa5}, 32)) {
			t.Fatal("the column kernel wrote behind its rows")
		}
	}
}

func clip(sum int32) byte {
	return byte(max(0, min(255, sum>>precision)))
}

func TestRoundHalfEven(t *testing.T) {
	for _, c := range [][3]int{{1, 2, 0}, {3, 2, 2}, {5, 2, 2}, {7, 2, 4}, {4, 3, 1}, {5, 3, 2}, {6, 3, 2}, {0, 5, 0}, {533 * 256, 400, 341}} {
		if got := roundHalfEven(c[0], c[1]); got != c[2] {
			t.Errorf("%d/%d rounds to %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestOrientation(t *testing.T) {
	tiff := func(s string) []byte { return []byte("Exif\x00\x00" + s) }
	entry := "\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
	for _, c := range []struct {
		name string
		exif []byte
		xmp  string
		want int
	}{
		{"none", nil, "", 1},
		{"plain", tiff("II*\x00\x08\x00\x00\x00\x01\x00" + entry), "", 6},
		{"prefix twice", tiff("Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00" + entry), "", 6},
		{"offset behind the end", tiff("II*\x00\xff\xff\xff\xff\x01\x00" + entry), "", 1},
		{"entries cut off", tiff("II*\x00\x08\x00\x00\x00\x09\x00" + entry[:11]), "", 1},
		{"no entry count", tiff("II*\x00\x08\x00\x00\x00\x01"), "", 1},
		{"no TIFF", tiff("XX*\x00\x08\x00\x00\x00\x01\x00" + entry), "", 1},
		{"a list of shorts elsewhere", tiff("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x03\x00\x00\x00\x08\x00\x00\x00"), "", 1},
		{"a list behind the end", tiff("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\xff\xff\xff\x7f\x08\x00\x00\x00"), "", 1},
		{"XMP instead", tiff("XX"), `<x tiff:Orientation="8">`, 8},
		{"XMP of no number", nil, `tiff:Orientation="x" tiff:Orientation`, 1},
		{"XMP out of range", nil, `tiff:Orientation="9"`, 1},
		{"EXIF before XMP", tiff("II*\x00\x08\x00\x00\x00\x01\x00" + entry), `tiff:Orientation="8"`, 6},
	} {
		if got := orientation(c.exif, []byte(c.xmp)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
