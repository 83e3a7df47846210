package pixels

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/webp"
)

var lite = Spec{Size: 224, Resize: 256, Mode: ShortestCrop, Filter: Bicubic}

func open2(t testing.TB, class Class) *Decoder {
	t.Helper()
	d, err := Open(class, Limits{}, Libraries{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// input reads a file of testdata. cases/exif-N.jpg is exif-1.jpg with another byte.
func input(t testing.TB, name string) []byte {
	t.Helper()
	var n byte
	if _, err := fmt.Sscanf(name, "cases/exif-%c.jpg", &n); err == nil && n != '1' {
		data := bytes.Clone(input(t, "cases/exif-1.jpg"))
		const orientationByte = 49
		if data[orientationByte] != 1 {
			t.Fatalf("cases/exif-1.jpg has %d where its orientation is expected", data[orientationByte])
		}
		data[orientationByte] = n - '0'
		return data
	}
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

type row struct {
	File, Mode, Filter string
	Size, Resize       int
}

func (r row) spec() Spec {
	return Spec{Size: r.Size, Resize: r.Resize, Mode: r.Mode, Filter: r.Filter}
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	if err := json.Unmarshal(input(t, name), v); err != nil {
		t.Fatal(err)
	}
}

// goldens returns the 59 golden cases and their pixels.
func goldens(t testing.TB) ([]string, [][]byte) {
	var index struct{ Cases []string }
	readJSON(t, "golden.json", &index)
	img, err := webp.Decode(bytes.NewReader(input(t, "golden.webp")))
	if err != nil {
		t.Fatal(err)
	}
	sheet := img.(*image.NRGBA)
	if len(index.Cases) != 59 || sheet.Rect.Dy() != 59*224 || sheet.Rect.Dx() != 224 {
		t.Fatalf("%d cases, sheet %v", len(index.Cases), sheet.Rect)
	}
	var all [][]byte
	for i := range index.Cases {
		rgb := make([]byte, 0, 224*224*3)
		for p := sheet.Pix[i*224*224*4:][:224*224*4]; len(p) > 0; p = p[4:] {
			rgb = append(rgb, p[:3]...)
		}
		all = append(all, rgb)
	}
	return index.Cases, all
}

// distance returns the largest and the mean difference of two pictures.
func distance(a, b []byte) (worst int, mean float64) {
	if len(a) != len(b) {
		return 256, 256
	}
	sum := 0
	for i := range a {
		v := max(int(a[i])-int(b[i]), int(b[i])-int(a[i]))
		worst = max(worst, v)
		sum += v
	}
	return worst, float64(sum) / float64(len(a))
}

// stated returns the distance from Pillow that a class promises. Class go: image/jpeg
// rounds the inverse DCT by one step otherwise here and there, and converts YCCK to CMYK
// itself, without libjpeg's chroma upsampling. All else is 0.
func stated(class Class, file string) (worst int, mean float64) {
	switch {
	case class == Go && strings.Contains(file, "ycck"):
		return 8, 0.5
	case class == Go && strings.HasSuffix(file, ".jpg"):
		return 4, 0.15
	}
	return 0, 0
}

func TestGolden(t *testing.T) {
	cases, want := goldens(t)
	for _, class := range []Class{Exact, Go} {
		d := open2(t, class)
		kinds := map[string][2]float64{}
		for i, name := range cases {
			got, err := d.Image(input(t, name), lite, nil)
			if err != nil {
				t.Errorf("%s %s: %v", class, name, err)
				continue
			}
			worst, mean := distance(got, want[i])
			maxWorst, maxMean := stated(class, name)
			if worst > maxWorst || mean > maxMean {
				t.Errorf("%s %s: differs by up to %d, %.4f in the mean; stated are %d and %.4f", class, name, worst, mean, maxWorst, maxMean)
			}
			k := kinds[filepath.Ext(name)]
			kinds[filepath.Ext(name)] = [2]float64{max(k[0], float64(worst)), max(k[1], mean)}
		}
		for kind, k := range kinds {
			t.Logf("class %-5s %-5s differs by at most %v, %.4f in the mean", class, kind, k[0], k[1])
		}
	}
}

func TestVariants(t *testing.T) {
	var index struct{ Rows []row }
	readJSON(t, "variants.json", &index)
	z, err := gzip.NewReader(bytes.NewReader(input(t, "variants.rgb.gz")))
	if err != nil {
		t.Fatal(err)
	}
	want, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	exact, goOnly := open2(t, Exact), open2(t, Go)
	for _, r := range index.Rows {
		n := r.Size * r.Size * 3
		pixels := want[:n]
		want = want[n:]
		for _, d := range []*Decoder{exact, goOnly} {
			got, err := d.Image(input(t, r.File), r.spec(), nil)
			if err != nil {
				t.Errorf("%s %s: %v", d.Class(), r.File, err)
				continue
			}
			worst, mean := distance(got, pixels)
			if maxWorst, maxMean := stated(d.Class(), r.File); worst > maxWorst || mean > maxMean {
				t.Errorf("%s %s %+v: differs by up to %d, %.4f in the mean", d.Class(), r.File, r.spec(), worst, mean)
			}
		}
	}
	if len(want) != 0 {
		t.Errorf("%d bytes of expected pixels left over", len(want))
	}
}
