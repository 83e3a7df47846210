package linear

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"weft/onnx/onnxtest"
)

func random(seed uint64, rows, cols int) Matrix {
	r := rand.New(rand.NewPCG(seed, 1))
	m := Zeros(rows, cols)
	for i := range m.Data {
		m.Data[i] = float32(r.NormFloat64())
	}
	return m
}

// interactions is a sparse matrix of ones with popular columns.
func interactions(seed uint64, rows, cols, each int) *Sparse {
	r := rand.New(rand.NewPCG(seed, 2))
	s := NewSparse(cols)
	for range rows {
		var own []int32
		for range each {
			own = append(own, int32(float64(cols)*math.Pow(r.Float64(), 2)))
		}
		slices.Sort(own)
		own = slices.Compact(own)
		ones := make([]float32, len(own))
		for i := range ones {
			ones[i] = 1
		}
		s.Append(own, ones)
	}
	return s
}

func full(s *Sparse) Matrix {
	m := Zeros(s.Rows, s.Cols)
	for i := range s.Rows {
		columns, values := s.Row(i)
		for k, c := range columns {
			m.Row(i)[c] = values[k]
		}
	}
	return m
}

// far is the largest difference.
func far(a Matrix, b mat.Matrix) float64 {
	worst := 0.
	for i := range a.Rows {
		for j := range a.Cols {
			worst = max(worst, math.Abs(float64(a.Row(i)[j])-b.At(i, j)))
		}
	}
	return worst
}

func native(t testing.TB) *Native {
	n := NewNative(onnxtest.Open(t))
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestMultiply(t *testing.T) {
	ctx := context.Background()
	for name, m := range map[string]Multiplier{"portable": Portable{}, "native": native(t)} {
		for _, op := range []Op{{}, {A: true}, {B: true}, {A: true, B: true}} {
			a, b := random(1, 150, 40), random(2, 40, 30)
			left, right := mat.Matrix(dense(a)), mat.Matrix(dense(b))
			if op.A {
				a = narrow(mat.DenseCopyOf(dense(a).T()).RawMatrix())
			}
			if op.B {
				b = narrow(mat.DenseCopyOf(dense(b).T()).RawMatrix())
			}
			var want mat.Dense
			want.Mul(left, right)
			got, err := m.Multiply(ctx, op, a, b)
			if err != nil || got.Rows != 150 || got.Cols != 30 || far(got, &want) > 1e-4 {
				t.Errorf("%s %+v: %v, off by %v", name, op, err, far(got, &want))
			}
		}
		if _, err := m.Multiply(ctx, Op{}, random(1, 3, 4), random(1, 3, 4)); !errors.Is(err, ErrShape) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInvert(t *testing.T) {
	ctx := context.Background()
	for name, m := range map[string]Multiplier{"portable": Portable{}, "native": native(t)} {
		for _, n := range []int{1, 7, step, 2*step + 50} {
			g, err := interactions(3, 3*n, n, 20).Gram(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				g.Row(i)[i] += 5
			}
			inverse := Matrix{n, n, slices.Clone(g.Data)}
			if err := Invert(ctx, m, inverse); err != nil {
				t.Fatal(err)
			}
			var product mat.Dense
			product.Mul(dense(g), dense(inverse))
			identity := mat.NewDiagDense(n, nil)
			for i := range n {
				identity.SetDiag(i, 1)
			}
			if d := far(narrow(product.RawMatrix()), identity); d > 2e-3 {
				t.Errorf("%s, n=%d: the product with the inverse is off the identity by %v", name, n, d)
			}
		}
	}
	bad := Zeros(2, 2)
	bad.Data = []float32{1, 2, 2, 1}
	if err := Invert(ctx, Portable{}, bad); !errors.Is(err, ErrSingular) {
		t.Error(err)
	}
}

func TestSparse(t *testing.T) {
	ctx := context.Background()
	s, x := interactions(5, 90, 70, 8), random(6, 70, 9)
	a := dense(full(s))
	var want mat.Dense
	got, err := s.Times(ctx, x)
	if want.Mul(a, dense(x)); err != nil || far(got, &want) > 1e-5 {
		t.Error("times", err)
	}
	if far(full(s.Transpose()), a.T()) != 0 {
		t.Error("transpose")
	}
	var gram mat.Dense
	gram.Mul(a.T(), a)
	if got, err = s.Gram(ctx); err != nil || far(got, &gram) > 1e-5 {
		t.Error("gram", err)
	}
	for i := range 70 {
		gram.Set(i, i, 0)
	}
	if sparse, err := s.SparseGram(ctx); err != nil || far(full(sparse), &gram) > 1e-5 {
		t.Error("sparse gram", err)
	}
}

func TestRightVectors(t *testing.T) {
	ctx := context.Background()
	s := interactions(7, 400, 300, 15)
	var svd mat.SVD
	if !svd.Factorize(dense(full(s)), mat.SVDThin) {
		t.Fatal("no decomposition to compare with")
	}
	var v mat.Dense
	svd.VTo(&v)
	want := svd.Values(nil)
	vectors, values, err := RightVectors(ctx, Chain{s}, 20, 1)
	if err != nil {
		t.Fatal(err)
	}
	for k, got := range values {
		if math.Abs(float64(got)-want[k]) > 2e-3*want[k] {
			t.Errorf("singular value %d: %v, want %v", k, got, want[k])
		}
	}
	// What the 20 vectors catch of the matrix must be what the true ones catch.
	caught := 0.
	for _, x := range values {
		caught += float64(x) * float64(x)
	}
	most := 0.
	for _, x := range want[:20] {
		most += x * x
	}
	if caught < .9995*most || caught > 1.0001*most {
		t.Errorf("caught %v of %v", caught, most)
	}
	if d := far(narrow(atb(vectors, vectors).RawMatrix()), identity(20)); d > 1e-4 {
		t.Errorf("vectors are off orthonormal by %v", d)
	}
	again, _, _ := RightVectors(ctx, Chain{s}, 20, 1)
	if !slices.Equal(vectors.Data, again.Data) {
		t.Error("the same seed gives other vectors")
	}
	if all, _, err := RightVectors(ctx, Chain{interactions(8, 9, 5, 3)}, 50, 1); err != nil || all.Cols != 5 {
		t.Errorf("rank beyond the matrix: %d columns, %v", all.Cols, err)
	}
}

func identity(n int) mat.Matrix {
	d := mat.NewDiagDense(n, nil)
	for i := range n {
		d.SetDiag(i, 1)
	}
	return d
}

func TestCompressIsTheBestOfItsRank(t *testing.T) {
	for _, shape := range [][3]int{{60, 50, 20}, {12, 50, 20}} { // the second has fewer users than columns
		u, v := random(1, shape[0], shape[2]), random(2, shape[1], shape[2])
		var whole mat.Dense
		whole.Mul(dense(u), dense(v).T())
		var svd mat.SVD
		svd.Factorize(&whole, mat.SVDNone)
		lost := 0.
		for _, x := range svd.Values(nil)[6:] {
			lost += x * x
		}
		a, b, err := Compress(u, v, 6)
		if err != nil || a.Cols != 6 || b.Cols != 6 {
			t.Fatal(err)
		}
		var rest mat.Dense
		rest.Mul(dense(a), dense(b).T())
		rest.Sub(&whole, &rest)
		if got := math.Pow(mat.Norm(&rest, 2), 2); math.Abs(got-lost) > 1e-3*lost {
			t.Errorf("%v: lost %v, the best loses %v", shape, got, lost)
		}
	}
}

func BenchmarkInvert2000(b *testing.B) {
	ctx := context.Background()
	g, err := interactions(3, 6000, 2000, 20).Gram(ctx)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 2000 {
		g.Row(i)[i] += 15
	}
	for name, m := range map[string]Multiplier{"portable": Portable{}, "native": native(b)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := Invert(ctx, m, Matrix{2000, 2000, slices.Clone(g.Data)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
