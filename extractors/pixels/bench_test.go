package pixels

import (
	"fmt"
	"testing"
)

// The stages on a typical photo: 400x533, 4:2:0, 38 KB.
func BenchmarkStages(b *testing.B) {
	const photo = "photos/07bf93d6-850f-4309-ba86-52e2d1f5cce2.jpg"
	data := input(b, photo)
	dst := make([]byte, 224*224*3)
	planes := make([]float32, 224*224*3)
	for _, class := range []Class{Exact, Go} {
		d := open2(b, class)
		info, err := Probe(data, d.limits)
		if err != nil {
			b.Fatal(err)
		}
		decoded, err := d.decode(data, &info)
		if err != nil {
			b.Fatal(err)
		}
		stages := []struct {
			name string
			run  func() error
		}{
			{"probe", func() error { _, err := Probe(data, d.limits); return err }},
			{"decode", func() error {
				r, err := d.decode(data, &info)
				d.buffers.put(r.pix)
				return err
			}},
			{"resize", func() error { d.resize(dst, decoded, 1, lite); return nil }},
			{"resize-lying", func() error { d.resize(dst, decoded, 6, lite); return nil }},
			{"plan", func() error { newPlan(planKey{info.Width, info.Height, 1, lite}); return nil }},
			{"tensor", func() error {
				Tensor(planes, dst, 224, [3]float32{127, 127, 127}, [3]float32{128, 128, 128}, false)
				return nil
			}},
			{"whole", func() error { _, err := d.Image(data, lite, dst); return err }},
		}
		for _, s := range stages {
			b.Run(fmt.Sprintf("%s/%s", class, s.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := s.run(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// The whole way for each kind of file.
func BenchmarkKinds(b *testing.B) {
	dst := make([]byte, 224*224*3)
	for _, name := range []string{"cases/progressive.jpg", "cases/cmyk.jpg", "cases/huge-2400x1800.jpg", "cases/rgb.png", "cases/alpha.png", "cases/lossy.webp", "cases/lossless.webp", "cases/still.gif"} {
		data := input(b, name)
		for _, class := range []Class{Exact, Go} {
			d := open2(b, class)
			b.Run(fmt.Sprintf("%s/%s", class, name[len("cases/"):]), func(b *testing.B) {
				for b.Loop() {
					if _, err := d.Image(data, lite, dst); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// Resizing alone, by size of the source.
func BenchmarkResize(b *testing.B) {
	dst := make([]byte, 224*224*3)
	for _, side := range []int{100, 256, 500, 1000, 3000} {
		for name, k := range map[string]kernels{"portable": {}, "fast": fastKernels()} {
			d := Decoder{kernels: k}
			src := d.buffers.raster(side, side)
			b.Run(fmt.Sprintf("%s/%dx%d", name, side, side), func(b *testing.B) {
				for b.Loop() {
					d.resize(dst, src, 1, lite)
				}
			})
		}
	}
}
