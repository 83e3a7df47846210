package rank

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// Dot is a model of one vector per user and item; the score is their product.
type Dot struct {
	Users, Items []float32 // users × Dim and items × Dim, row after row
	Dim          int
}

// Score is the user's vector against all items.
func (d Dot) Score(user int32, dst []float32) { d.ScoreBatch([]int32{user}, dst) }

// ScoreBatch multiplies a few users with all items.
func (d Dot) ScoreBatch(users []int32, dst []float32) {
	rows := make([]float32, 0, len(users)*d.Dim)
	for _, u := range users {
		rows = append(rows, d.Users[int(u)*d.Dim:(int(u)+1)*d.Dim]...)
	}
	items := len(d.Items) / d.Dim
	blas32.Gemm(blas.NoTrans, blas.Trans, 1,
		blas32.General{Rows: len(users), Cols: d.Dim, Stride: d.Dim, Data: rows},
		blas32.General{Rows: items, Cols: d.Dim, Stride: d.Dim, Data: d.Items},
		0, blas32.General{Rows: len(users), Cols: items, Stride: items, Data: dst})
}
