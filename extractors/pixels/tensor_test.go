package pixels

import (
	"math"
	"testing"
)

func TestTensor(t *testing.T) {
	for _, c := range []struct {
		name      string
		mean, std [3]float32
	}{
		{"lite0", [3]float32{127, 127, 127}, [3]float32{128, 128, 128}},
		{"imagenet", [3]float32{123.675, 116.28, 103.53}, [3]float32{58.395, 57.12, 57.375}},
	} {
		for _, size := range []int{1, 2, 3, 4, 5, 7, 16, 31} {
			n := size * size
			rgb := make([]byte, 3*n)
			for i := range rgb {
				rgb[i] = byte(i*31 + i/7)
			}
			dst := make([]float32, 3*n+1)
			dst[3*n] = 42
			for _, bgr := range []bool{false, true} {
				Tensor(dst, rgb, size, c.mean, c.std, bgr)
				for plane := range 3 {
					channel := plane
					if bgr {
						channel = 2 - plane
					}
					for i := range n {
						want := (float32(rgb[3*i+channel]) - c.mean[plane]) / c.std[plane]
						if got := dst[plane*n+i]; math.Float32bits(got) != math.Float32bits(want) {
							t.Fatalf("%s size %d bgr %v: plane %d, pixel %d is %v, want %v", c.name, size, bgr, plane, i, got, want)
						}
					}
				}
			}
			if dst[3*n] != 42 {
				t.Fatalf("size %d: wrote behind the planes", size)
			}
		}
	}
}
