// Package blocks makes user and item vectors in closed form: spectral, co-counts, and EASE kept at a low rank, plain or
// weighted by recency. Blocks are laid end to end, weighted, and compressed to one dot product; which of them serve a shop
// is chosen on its validation part.
package blocks

import (
	"context"
	"errors"
	"fmt"
	"math"

	"weft/fusion/baselines"
	"weft/fusion/linear"
	"weft/fusion/rank"
)

// ErrBlock marks blocks that cannot be made or put together.
var ErrBlock = errors.New("block cannot be made")

// Block is one model: the score of a user and an item is the product of their rows.
type Block struct {
	Name         string
	Users, Items []float32 // users × Dim and items × Dim, row after row
	Dim          int
	// Fold makes the rows of users from histories, so that a user who arrives later gets one too. nil for a block whose
	// users come from elsewhere.
	Fold *Fold
}

// Fold makes a user from a history: sum Source over its items, each by its strength and halved after every half-life since the user's history
// ends at Now, bring the sum to unit length, and scale it.
type Fold struct {
	Source   []float32 // items × Dim
	HalfLife int64     // ms; 0 weighs every item alike
	Unit     bool      // bring to unit length
	Scale    float32   // of the result
	SqrtN    bool      // times √(items of the history), each counted by strength
	Constant bool      // no history: Scale in the first dimension, for everyone
}

// Scorer is the block as a model.
func (b Block) Scorer() rank.Dot { return rank.Dot{Users: b.Users, Items: b.Items, Dim: b.Dim} }

// fold makes the rows of all users of a history.
func (f *Fold) fold(ctx context.Context, h baselines.History, dim int) ([]float32, error) {
	if f.Constant {
		users := linear.Zeros(h.Users, dim)
		for i := range h.Users {
			users.Row(i)[0] = f.Scale
		}
		return users.Data, nil
	}
	x := h.Recent(f.HalfLife)
	users, err := x.Times(ctx, linear.Matrix{Rows: h.Items, Cols: dim, Data: f.Source})
	if err != nil {
		return nil, err
	}
	strengths := h.Matrix()
	for i := range users.Rows {
		scale := f.Scale
		if f.SqrtN {
			n := float32(0)
			_, values := strengths.Row(i)
			for _, v := range values {
				n += v
			}
			scale *= float32(math.Sqrt(float64(n)))
		}
		if f.Unit {
			if n := length(users.Row(i)); n > 0 {
				scale /= n
			}
		}
		for k := range users.Row(i) {
			users.Row(i)[k] *= scale
		}
	}
	return users.Data, nil
}

func length(v []float32) float32 {
	sum := 0.
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return float32(math.Sqrt(sum))
}

// Compress lays weighted blocks end to end and keeps the best approximation of their summed scores at the given rank (QR of
// each side, SVD of the product of the triangular parts). A rank of at least the sum of their dimensions keeps all.
func Compress(list []Block, weights []float32, rank int) (Block, error) {
	if len(list) == 0 || len(list) != len(weights) || rank < 1 {
		return Block{}, fmt.Errorf("%w: %d blocks with %d weights at rank %d: want a weight for each block and a rank of at least 1", ErrBlock, len(list), len(weights), rank)
	}
	dim := 0
	users, items := len(list[0].Users)/list[0].Dim, len(list[0].Items)/list[0].Dim
	name := ""
	for i, b := range list {
		if len(b.Users) != users*b.Dim || len(b.Items) != items*b.Dim {
			return Block{}, fmt.Errorf("%w: block %s has %d users and %d items, block %s %d and %d", ErrBlock, list[0].Name, users, items, b.Name, len(b.Users)/b.Dim, len(b.Items)/b.Dim)
		}
		dim += b.Dim
		if i > 0 {
			name += " + "
		}
		name += fmt.Sprintf("%g %s", weights[i], b.Name)
	}
	u, v := linear.Zeros(users, dim), linear.Zeros(items, dim)
	at := 0
	for i, b := range list {
		for r := range users {
			for k, x := range b.Users[r*b.Dim : (r+1)*b.Dim] {
				u.Row(r)[at+k] = weights[i] * x
			}
		}
		for r := range items {
			copy(v.Row(r)[at:], b.Items[r*b.Dim:(r+1)*b.Dim])
		}
		at += b.Dim
	}
	u, v, err := linear.Compress(u, v, rank)
	if err != nil {
		return Block{}, fmt.Errorf("%w: %v", ErrBlock, err)
	}
	return Block{Name: name, Users: u.Data, Items: v.Data, Dim: u.Cols}, nil
}
