// Package linear is the linear algebra behind the closed-form models: sparse matrices of interactions, dense products at the
// speed of ONNX Runtime, the inverse of a large positive definite matrix, and truncated singular value decompositions.
//
// Matrices are float32 and row-major; small inner problems are solved in float64. Everything is deterministic given its seed
// and its multiplier.
package linear

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"weft/onnx"
	"weft/onnx/graph"
)

// Errors of this package, for errors.Is.
var (
	ErrShape    = errors.New("matrices do not fit each other")
	ErrSingular = errors.New("matrix is not positive definite") // or too close to it for float32
)

// Matrix is dense and row-major.
type Matrix struct {
	Rows, Cols int
	Data       []float32 // Rows × Cols
}

// Zeros makes a matrix.
func Zeros(rows, cols int) Matrix { return Matrix{rows, cols, make([]float32, rows*cols)} }

// Row is not copied.
func (m Matrix) Row(i int) []float32 { return m.Data[i*m.Cols : (i+1)*m.Cols] }

// Op says which operands of a product are transposed.
type Op struct{ A, B bool }

func (o Op) shape(a, b Matrix) (rows, inner, cols int, err error) {
	rows, inner = a.Rows, a.Cols
	if o.A {
		rows, inner = inner, rows
	}
	other, cols := b.Rows, b.Cols
	if o.B {
		other, cols = cols, other
	}
	if inner != other || rows == 0 || inner == 0 || cols == 0 {
		err = fmt.Errorf("%w: %d×%d by %d×%d, transposed %v and %v", ErrShape, a.Rows, a.Cols, b.Rows, b.Cols, o.A, o.B)
	}
	return rows, inner, cols, err
}

// Multiplier multiplies dense matrices, also for several goroutines at once.
type Multiplier interface {
	Multiply(ctx context.Context, op Op, a, b Matrix) (Matrix, error)
}

// Portable multiplies in Go; it needs no library.
type Portable struct{}

// Multiply is gonum's product over all cores.
func (Portable) Multiply(ctx context.Context, op Op, a, b Matrix) (Matrix, error) {
	rows, _, cols, err := op.shape(a, b)
	if err != nil {
		return Matrix{}, err
	}
	if err := context.Cause(ctx); err != nil {
		return Matrix{}, err
	}
	c := Zeros(rows, cols)
	turn := map[bool]blas.Transpose{false: blas.NoTrans, true: blas.Trans}
	blas32.Gemm(turn[op.A], turn[op.B], 1, general(a), general(b), 0, general(c))
	return c, nil
}

func general(m Matrix) blas32.General {
	return blas32.General{Rows: m.Rows, Cols: m.Cols, Stride: m.Cols, Data: m.Data}
}

// Native multiplies by ONNX Runtime, an order of magnitude faster than Portable.
type Native struct {
	mu       sync.Mutex
	runtime  *onnx.Runtime
	sessions map[Op]*onnx.Session
}

// NewNative makes a multiplier over a runtime. Close frees it.
func NewNative(r *onnx.Runtime) *Native {
	return &Native{runtime: r, sessions: map[Op]*onnx.Session{}}
}

// Close frees the native sessions.
func (n *Native) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []error
	for _, s := range n.sessions {
		all = append(all, s.Close())
	}
	clear(n.sessions)
	return errors.Join(all...)
}

// Multiply cuts the product into bands of rows, one goroutine per core.
func (n *Native) Multiply(ctx context.Context, op Op, a, b Matrix) (Matrix, error) {
	rows, inner, cols, err := op.shape(a, b)
	if err != nil {
		return Matrix{}, err
	}
	session, err := n.session(op)
	if err != nil {
		return Matrix{}, err
	}
	c := Zeros(rows, cols)
	const smallest = 64 // rows that are worth a call
	bands := max(1, min(runtime.GOMAXPROCS(0), rows/smallest))
	if op.A { // its bands are columns, which do not lie together
		bands = 1
	}
	err = Parallel(ctx, bands, func(band int) error {
		from, to := band*rows/bands, (band+1)*rows/bands
		part := a
		if !op.A {
			part = Matrix{to - from, inner, a.Data[from*inner : to*inner]}
		}
		out, err := session.Run(ctx, map[string]onnx.Tensor{
			"a": onnx.Floats(part.Data, int64(part.Rows), int64(part.Cols)),
			"b": onnx.Floats(b.Data, int64(b.Rows), int64(b.Cols)),
		}, nil)
		if err != nil {
			return err
		}
		for _, t := range out {
			copy(c.Data[from*cols:to*cols], t.F32)
		}
		return nil
	})
	return c, err
}

func (n *Native) session(op Op) (*onnx.Session, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s, ok := n.sessions[op]; ok {
		return s, nil
	}
	g := graph.New("product")
	a := g.Input("a", graph.Float32, []graph.Dim{{Name: "a0"}, {Name: "a1"}})
	b := g.Input("b", graph.Float32, []graph.Dim{{Name: "b0"}, {Name: "b1"}})
	flag := map[bool]int64{true: 1}
	c := g.Op("Gemm", []graph.Value{a, b}, graph.AttrInt("transA", flag[op.A]), graph.AttrInt("transB", flag[op.B]))
	g.Output(c, graph.Float32, []graph.Dim{{Name: "c0"}, {Name: "c1"}})
	model, err := g.Model()
	if err != nil {
		return nil, err
	}
	threads := 1
	if op.A {
		threads = runtime.GOMAXPROCS(0)
	}
	s, err := n.runtime.NewSession(model, onnx.SessionConfig{IntraThreads: threads})
	if err != nil {
		return nil, err
	}
	n.sessions[op] = s
	return s, nil
}

// Parallel calls f(0) … f(n-1) on all cores and returns the first error.
func Parallel(ctx context.Context, n int, f func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var group sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || failed.Load() != nil {
					return
				}
				err := context.Cause(ctx)
				if err == nil {
					err = f(i)
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Dot is the product of two rows of the same length; four partial sums, so that the processor need not wait for each.
func Dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}
