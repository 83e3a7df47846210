package graph

import (
	"encoding/binary"
	"math"
	"testing"
)

// TestHalvesAreNearest holds every half against its neighbours: the number itself, the numbers halfway to the next one
// (ties to even), and those just beside the middle.
func TestHalvesAreNearest(t *testing.T) {
	value := func(h uint16) float64 {
		e, m := int(h>>10&31), float64(h&1023)
		if e == 0 {
			return math.Ldexp(m, -24)
		}
		return math.Ldexp(1024+m, e-25)
	}
	beside := func(x, way float64) float64 {
		return float64(math.Nextafter32(float32(x), float32(math.Inf(int(way)))))
	}
	one := func(x float64) uint16 {
		return binary.LittleEndian.Uint16(Halves("w.x", []int64{1}, []float32{float32(x)}).Raw)
	}
	for h := uint16(0); h < 0x7bff; h++ { // all that are finite and not the largest
		low, high := value(h), value(h+1)
		middle := (low + high) / 2
		even := h + h&1
		for _, c := range []struct {
			x    float64
			want uint16
		}{{low, h}, {middle, even}, {beside(middle, -1), h}, {beside(middle, 1), h + 1}} {
			if got := one(c.x); got != c.want {
				t.Fatalf("half of %g is %#04x, want %#04x", c.x, got, c.want)
			}
			if got := one(-c.x); got != c.want|0x8000 {
				t.Fatalf("half of %g is %#04x, want %#04x", -c.x, got, c.want|0x8000)
			}
		}
	}
	for x, want := range map[float64]uint16{65504: 0x7bff, 65519: 0x7bff, 65520: 0x7c00, math.Inf(1): 0x7c00, math.Inf(-1): 0xfc00} {
		if got := one(x); got != want {
			t.Errorf("half of %g is %#04x, want %#04x", x, got, want)
		}
	}
	if got := one(math.NaN()); got&0x7c00 != 0x7c00 || got&0x3ff == 0 {
		t.Errorf("half of NaN is %#04x", got)
	}
}
