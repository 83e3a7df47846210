package fusion

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

func TestSplitMixIsTheKnownOne(t *testing.T) {
	s := splitmix{1234567}
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423} {
		if got := s.next(); got != want {
			t.Errorf("number %d is %d, want %d", i, got, want)
		}
	}
}

func basis(p *projection, i int) []float64 {
	x, dst := make([]float64, p.dim), make([]float64, p.out)
	x[i] = 1
	p.apply(dst, x, make([]float64, p.dim))
	return dst
}

// TestProjectionIsOrthonormal looks at the matrix: its out columns are orthonormal whatever the dimension.
func TestProjectionIsOrthonormal(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {2, 1}, {3, 3}, {5, 2}, {24, 24}, {100, 37}, {384, 192}, {384, 384}} {
		dim, out := size[0], size[1]
		p := newProjection(dim, out, 7)
		gram := make([]float64, out*out)
		for i := range dim {
			row := basis(p, i)
			for a := range row {
				for b := range row {
					gram[a*out+b] += row[a] * row[b]
				}
			}
		}
		for a := range out {
			for b := range out {
				want := 0.0
				if a == b {
					want = 1
				}
				if math.Abs(gram[a*out+b]-want) > 1e-12 {
					t.Fatalf("%d to %d: columns %d and %d have product %v, want %v", dim, out, a, b, gram[a*out+b], want)
				}
			}
		}
	}
}

// TestProjectionBits pins the exact result: it is part of the format of stored vectors, on every platform.
func TestProjectionBits(t *testing.T) {
	for _, c := range []struct {
		dim, out int
		seed     uint64
		want     string
	}{
		{1280, 384, 3, "cf9a51f77e343dec"},
		{384, 192, 2, "8a618bfc7721868e"},
	} {
		x := make([]float64, c.dim)
		for i := range x {
			x[i] = 1 / float64(i+3)
		}
		dst := make([]float64, c.out)
		newProjection(c.dim, c.out, c.seed).apply(dst, x, make([]float64, c.dim))
		h := sha256.New()
		if err := binary.Write(h, binary.LittleEndian, dst); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%.8x", h.Sum(nil)[:8]); got != c.want {
			t.Errorf("%d to %d, seed %d: %s, want %s", c.dim, c.out, c.seed, got, c.want)
		}
	}
}
