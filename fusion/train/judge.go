package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/fusion/rank"
)

// cutoff is the length of the lists that choices are made on.
const cutoff = 20

// Metrics are means over users with a history, at lists of 20: all items ranked, the user's known items left out.
type Metrics struct {
	Users  int     `json:"users"`
	Recall float64 `json:"recall@20"`
	NDCG   float64 `json:"ndcg@20"`
}

// better is what choices are made by: both metrics, because one of them alone is noisier.
func (m Metrics) better(than Metrics) bool { return m.sum() > than.sum() }

func (m Metrics) sum() float64 { return m.Recall + m.NDCG }

// with is the mean over the users of both.
func (m Metrics) with(o Metrics) Metrics {
	a, b := float64(m.Users), float64(o.Users)
	n := max(a+b, 1)
	return Metrics{Users: m.Users + o.Users, Recall: (a*m.Recall + b*o.Recall) / n, NDCG: (a*m.NDCG + b*o.NDCG) / n}
}

// judge measures rankings on the validation part.
type judge struct {
	users      []int32   // who is asked, ascending
	seen       [][]int32 // what each of them took before, ascending: it is not asked for
	truth      [][]int32
	items      int
	multiplier linear.Multiplier
}

// mostScores bounds the table of scores of one block (users × items), and with it the users that choices are made on.
const (
	mostScores = 30_000_000
	leastUsers = 500 // who are asked however many items there are
)

func newJudge(m linear.Multiplier, d *dataset.Dataset, seed uint64) (*judge, error) {
	j := &judge{items: len(d.Items), multiplier: m}
	truth, seen := dataset.Taken(d.Val, len(d.Users)), dataset.Taken(d.Train, len(d.Users))
	known := dataset.ByUser(d.Train, len(d.Users))
	for user, own := range truth {
		if len(own) > 0 && len(known[user]) > 0 {
			j.users = append(j.users, int32(user))
		}
	}
	if len(j.users) == 0 {
		return nil, fmt.Errorf("%w: no user with a history has a target in the validation part; nothing can be chosen", ErrData)
	}
	if most := max(mostScores/max(j.items, 1), leastUsers); len(j.users) > most {
		random := rand.New(rand.NewPCG(seed, 1))
		random.Shuffle(len(j.users), func(a, b int) { j.users[a], j.users[b] = j.users[b], j.users[a] })
		j.users = j.users[:most]
		slices.Sort(j.users)
	}
	for _, user := range j.users {
		j.seen, j.truth = append(j.seen, seen[user]), append(j.truth, truth[user])
	}
	return j, nil
}

// scores are users × items for the judge's users. users holds a row of dim numbers for every user of the data set, items for
// every item.
func (j *judge) scores(ctx context.Context, users, items []float32, dim int) ([]float32, error) {
	asked := make([]float32, 0, len(j.users)*dim)
	for _, u := range j.users {
		asked = append(asked, users[int(u)*dim:(int(u)+1)*dim]...)
	}
	table, err := j.multiplier.Multiply(ctx, linear.Op{B: true}, linear.Matrix{Rows: len(j.users), Cols: dim, Data: asked},
		linear.Matrix{Rows: j.items, Cols: dim, Data: items})
	return table.Data, err
}

// measure ranks by scores, one row of items for each of the judge's users.
func (j *judge) measure(scores []float32) Metrics {
	recall, ndcg := make([]float64, len(j.users)), make([]float64, len(j.users))
	inParallel(len(j.users)*j.items, func(from, to int) {
		// Pieces are cut by work; a user belongs to the piece its row begins in.
		first, end := (from+j.items-1)/j.items, (to+j.items-1)/j.items
		masked := make([]float32, j.items)
		for u := first; u < end; u++ {
			copy(masked, scores[u*j.items:(u+1)*j.items])
			for _, item := range j.seen[u] {
				masked[item] = float32(math.Inf(-1))
			}
			recall[u], ndcg[u] = grade(rank.Top(masked, cutoff), j.truth[u])
		}
	})
	m := Metrics{Users: len(j.users)}
	for u := range recall {
		m.Recall += recall[u] / float64(len(recall))
		m.NDCG += ndcg[u] / float64(len(ndcg))
	}
	return m
}

// measureBy ranks by a model's own scores.
func (j *judge) measureBy(s rank.Scorer) Metrics {
	scores := make([]float32, len(j.users)*j.items)
	inParallel(len(scores), func(from, to int) {
		for u := (from + j.items - 1) / j.items; u < (to+j.items-1)/j.items; u++ {
			s.Score(j.users[u], scores[u*j.items:(u+1)*j.items])
		}
	})
	return j.measure(scores)
}

// grade is the recall and the normalised discounted cumulative gain of a list; truth is ascending.
func grade(list, truth []int32) (recall, ndcg float64) {
	var ideal float64
	for i, item := range list {
		gain := 1 / math.Log2(float64(i)+2)
		if i < len(truth) {
			ideal += gain
		}
		if _, hit := slices.BinarySearch(truth, item); hit {
			recall++
			ndcg += gain
		}
	}
	for i := len(list); i < min(len(truth), cutoff); i++ {
		ideal += 1 / math.Log2(float64(i)+2)
	}
	if len(truth) == 0 {
		return 0, 0
	}
	return recall / float64(len(truth)), ndcg / ideal
}
