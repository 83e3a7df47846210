package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Few long rows and many short ones have their axes by different roads: both are orthonormal, of falling strength, and bring
// the rows back.
func TestPrincipal(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][2]int{{30, 8}, {8, 30}, {12, 12}} {
		n, d := size[0], size[1]
		rows := mat.NewDense(n, d, nil)
		for i := range n {
			for j := range d - 1 {
				rows.Set(i, j, random.NormFloat64()*float64(j+1))
			}
			rows.Set(i, d-1, rows.At(i, 0)) // no direction of its own
		}
		axes, strength, ok := principal(rows, 100)
		if want := min(n, d-1); !ok || len(strength) != want {
			t.Fatalf("%d × %d: %d axes, want %d", n, d, len(strength), want)
		}
		var gram, there, back mat.Dense
		gram.Mul(axes.T(), axes)
		there.Mul(rows, axes)
		back.Mul(&there, axes.T())
		for i, s := range strength {
			if i > 0 && s > strength[i-1] {
				t.Errorf("%d × %d: axis %d is stronger than the one before", n, d, i)
			}
			column := mat.Col(nil, i, &there)
			if l := mat.Norm(mat.NewVecDense(n, column), 2); math.Abs(l-s) > 1e-9*strength[0] {
				t.Errorf("%d × %d: axis %d has strength %g, the rows %g on it", n, d, i, s, l)
			}
			for j := range strength {
				want := 0.
				if i == j {
					want = 1
				}
				if math.Abs(gram.At(i, j)-want) > 1e-8 {
					t.Errorf("%d × %d: axes %d and %d have the product %g", n, d, i, j, gram.At(i, j))
				}
			}
		}
		if !mat.EqualApprox(&back, rows, 1e-8*strength[0]) {
			t.Errorf("%d × %d: the rows do not come back", n, d)
		}
	}
	if axes, strength, ok := principal(mat.NewDense(3, 2, nil), 5); !ok || axes != nil || strength != nil {
		t.Error("rows of zeros have axes")
	}
}
