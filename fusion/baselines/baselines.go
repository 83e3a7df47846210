// Package baselines holds the models that a trained one has to beat: popularity, neighbours of items, matrix factorisation,
// EASE and content. Each is fitted on a History, and its settings are chosen on validation from a grid that is stated.
package baselines

import (
	"errors"
	"math"
	"slices"

	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/fusion/rank"
)

// ErrHistory marks a history from which a model cannot be made.
var ErrHistory = errors.New("history does not serve this model")

// History is all that a model may know.
type History struct {
	Rows         []dataset.Interaction // sorted by user
	Users, Items int
	Now          int64 // Unix ms at which recommendations are made; 0 where there are no times
	Modalities   []dataset.Modality
	Strength     dataset.Strength // of interactions beside each other; zero: all alike
}

// Matrix is users × items, the strength of what the user did with the item: 1 where all are alike.
func (h History) Matrix() *linear.Sparse {
	return h.Weighted(func(r dataset.Interaction) float32 { return h.Strength.Of(r.Weight) })
}

// Weighted is users × items with a weight for each interaction.
func (h History) Weighted(weight func(dataset.Interaction) float32) *linear.Sparse {
	x := linear.NewSparse(h.Items)
	var columns []int32
	var values []float32
	for _, own := range dataset.ByUser(h.Rows, h.Users) {
		own = slices.Clone(own)
		slices.SortFunc(own, func(a, b dataset.Interaction) int { return int(a.Item) - int(b.Item) })
		columns, values = columns[:0], values[:0]
		for _, r := range own {
			columns, values = append(columns, r.Item), append(values, weight(r))
		}
		x.Append(columns, values)
	}
	return x
}

// Recent is Matrix with each strength times .5^(age/half-life), the age of the latest time counted from Now; a half-life of 0
// is Matrix.
func (h History) Recent(halfLife int64) *linear.Sparse {
	if halfLife == 0 {
		return h.Matrix()
	}
	return h.Weighted(func(r dataset.Interaction) float32 {
		return h.Strength.Of(r.Weight) * float32(math.Exp2(-float64(h.Now-r.Last)/float64(halfLife)))
	})
}

// Counts tells how many users had each item, each counted by strength.
func (h History) Counts() []float32 {
	counts := make([]float32, h.Items)
	for _, r := range h.Rows {
		counts[r.Item] += h.Strength.Of(r.Weight)
	}
	return counts
}

// WithFallback scores users without a history by popularity: recent where there are times, as any shop would.
func WithFallback(s rank.Scorer, h History) rank.Scorer {
	known := make([]bool, h.Users)
	for _, r := range h.Rows {
		known[r.User] = true
	}
	return ForKnown(s, known, h)
}

// ForKnown asks a model only about the users it knows, and scores the others like WithFallback.
func ForKnown(s rank.Scorer, known []bool, h History) rank.Scorer {
	if h.Now > 0 {
		return fallback{s, RecentlyPopular(h, 14*Day), known}
	}
	return fallback{s, Popular(h), known}
}

type fallback struct {
	inner, popular rank.Scorer
	known          []bool
}

func (f fallback) ScoreBatch(users []int32, dst []float32) {
	items := len(dst) / len(users)
	batch, ok := f.inner.(rank.BatchScorer)
	if ok {
		batch.ScoreBatch(users, dst)
	}
	for i, user := range users {
		if !ok || !f.known[user] {
			f.Score(user, dst[i*items:(i+1)*items])
		}
	}
}

func (f fallback) Score(user int32, dst []float32) {
	if f.known[user] {
		f.inner.Score(user, dst)
	} else {
		f.popular.Score(user, dst)
	}
}
