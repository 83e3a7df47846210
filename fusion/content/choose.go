package content

import (
	"context"
	"math/rand/v2"

	"weft/fusion/linear"
	"weft/fusion/rank"
)

// Choice is what was chosen, and how it did on products that each fold did not learn from; the photo is the first modality
// that is not the text. Recalls are of the first ten.
type Choice struct {
	Own      float32 `json:"own"`      // weight of the features' own geometry; the shared part has 1 - Own
	Ridge    float32 `json:"ridge"`    // of the maps into the shared part
	Category float32 `json:"category"` // weight of categories beside the text
	Products int     `json:"products"` // that were left out in turn
	KNN      float64 `json:"knn@10"`   // of the content of photos alone; 0 without categories
	RawKNN   float64 `json:"raw_knn@10"`
	Words    float64 `json:"words_to_photos@10"` // own photo by own text, photos of the fold ranked
}

// What is tried. Own at 1 is never: it would leave words without photos.
var (
	owns       = []float32{.3, .5, .7, .9}
	ridgeTried = []float32{.03, .1, .3}
	categories = []float32{.5, 1}
)

const (
	folds       = 5
	neighbours  = 10
	judgedItems = 3000
)

// choose judges every setting by products that a fold left out: whether neighbours of a photo are of its category, and
// whether its text finds it. A setting that spoils the neighbours that the encoder finds is not taken if there is another.
func (l *lesson) choose(ctx context.Context) (Choice, error) {
	weights := categories
	if l.labels == 0 || l.text.Cols == 0 {
		weights = []float32{1}
	}
	photo := l.photo()
	best := Choice{Own: .5, Ridge: .1, Category: weights[len(weights)-1]}
	if photo < 0 {
		return best, nil
	}
	at := where(len(l.label), func(i int) bool { return l.views[photo].on[i] })
	random := rand.New(rand.NewPCG(1, 0xf01d))
	random.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
	at = at[:min(len(at), judgedItems)]
	if len(at) < 2*folds*2 {
		return best, nil
	}
	own := linear.Zeros(len(at), l.head.Sides[photo].Own)
	for r, i := range at {
		copy(own.Row(r), l.views[photo].z.Row(i))
		unit(own.Row(r), 1)
	}
	type setting struct{ ridge, weight, own int }
	sums := map[setting]*tallied{}
	for fold := range folds {
		if err := ctx.Err(); err != nil {
			return best, context.Cause(ctx)
		}
		use := make([]bool, len(l.label))
		for i := range use {
			use[i] = true
		}
		for r := fold; r < len(at); r += folds {
			use[at[r]] = false
		}
		seen, said := l.teach(photo, use), taught{}
		if l.pivot >= 0 {
			said = l.teach(l.pivot, use)
		}
		for ri, ridge := range ridgeTried {
			for wi, weight := range weights {
				m, err := seen.lead(ridge, weight)
				if err != nil {
					return best, err
				}
				shared := l.shared(photo, m, at)
				votes := make([]tallied, len(owns))
				if l.labels > 0 {
					l.vote(own, shared, at, fold, votes)
				}
				found, worded := 0., 0.
				if l.pivot >= 0 {
					if m, err = said.lead(ridge, weight); err != nil {
						return best, err
					}
					found, worded = l.found(shared, m, at, fold)
				}
				for k, v := range votes {
					s := setting{ri, wi, k}
					if sums[s] == nil {
						sums[s] = &tallied{}
					}
					t := sums[s]
					t.knn, t.raw, t.asked, t.words, t.worded = t.knn+v.knn, t.raw+v.raw, t.asked+v.asked, t.words+found, t.worded+worded
				}
			}
		}
	}
	most := -1.
	for ri, ridge := range ridgeTried {
		for wi, weight := range weights {
			for k, o := range owns {
				t := sums[setting{ri, wi, k}]
				c := Choice{Own: o, Ridge: ridge, Category: weight, Products: len(at), KNN: t.knn / max(t.asked, 1), RawKNN: t.raw / max(t.asked, 1), Words: t.words / max(t.worded, 1)}
				value := c.KNN + c.Words/2
				if l.labels == 0 && o == .5 {
					value += 1e-6 // nothing tells: as much of the one as of the other
				}
				if value > most {
					most, best = value, c
				}
			}
		}
	}
	return best, nil
}

// tallied is what a setting came to: right answers and what was asked.
type tallied struct{ knn, raw, asked, words, worded float64 }

// photo is the modality that is judged: the first that is not the text.
func (l *lesson) photo() int {
	for k, s := range l.head.Sides {
		if s.Used && s.Name != pivotName {
			return k
		}
	}
	return -1
}

// shared are the shares of one modality at places, of unit length.
func (l *lesson) shared(side int, m linear.Matrix, at []int) linear.Matrix {
	out := linear.Zeros(len(at), l.width())
	if m.Rows == 0 {
		return out
	}
	inParallel(len(at), func(from, to int) {
		for r := from; r < to; r++ {
			accumulate(out.Row(r), l.views[side].z.Row(at[r]), m)
			unit(out.Row(r), 1)
		}
	})
	return out
}

// vote counts for each of owns, of the places of a fold, those whose nearest others vote for their own category, by content
// and by the features alone.
func (l *lesson) vote(own, shared linear.Matrix, at []int, fold int, votes []tallied) {
	places := where(len(at), func(r int) bool { return r%folds == fold && l.label[at[r]] >= 0 })
	raws := make([]bool, len(places))
	rights := make([][]bool, len(owns))
	for k := range owns {
		rights[k] = make([]bool, len(places))
	}
	inParallel(len(places), func(from, to int) {
		alone, together, both := make([]float32, len(at)), make([]float32, len(at)), make([]float32, len(at))
		for p := from; p < to; p++ {
			r := places[p]
			for o := range at {
				if o == r || l.label[at[o]] < 0 {
					alone[o], together[o] = -2, -2
					continue
				}
				alone[o], together[o] = linear.Dot(own.Row(r), own.Row(o)), linear.Dot(shared.Row(r), shared.Row(o))
			}
			raws[p] = l.elects(alone, at, l.label[at[r]])
			for k, weight := range owns {
				for o := range both {
					both[o] = weight*weight*alone[o] + (1-weight)*(1-weight)*together[o]
				}
				rights[k][p] = l.elects(both, at, l.label[at[r]])
			}
		}
	})
	for k := range votes {
		votes[k].knn, votes[k].raw, votes[k].asked = float64(count(rights[k])), float64(count(raws)), float64(len(places))
	}
}

func (l *lesson) elects(scores []float32, at []int, label int) bool {
	return elected(rank.Top(scores, neighbours), func(o int32) int { return l.label[at[o]] }) == label
}

// found counts the places of a fold whose text, by its map, finds their own photo among the first of the fold's photos.
func (l *lesson) found(shared, m linear.Matrix, at []int, fold int) (found, asked float64) {
	places := where(len(at), func(r int) bool { return r%folds == fold })
	words := l.shared(l.pivot, m, at)
	hits := make([]bool, len(places))
	inParallel(len(places), func(from, to int) {
		row := make([]float32, len(places))
		for p := from; p < to; p++ {
			r := places[p]
			if !l.views[l.pivot].on[at[r]] {
				continue
			}
			for k, o := range places {
				row[k] = linear.Dot(words.Row(r), shared.Row(o))
			}
			for _, k := range rank.Top(row, neighbours) {
				hits[p] = hits[p] || k == int32(p)
			}
		}
	})
	for _, r := range places {
		if l.views[l.pivot].on[at[r]] {
			asked++
		}
	}
	return float64(count(hits)), asked
}
