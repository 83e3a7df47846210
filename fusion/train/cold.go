package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"weft/fusion/baselines"
	"weft/fusion/blocks"
	"weft/fusion/dataset"
	"weft/fusion/linear"
	"weft/fusion/rank"
)

// ColdChoice says how items that nobody had are ranked among their like: by the tower's features, by the plain likeness of
// their content to the history, or by a sum of both.
type ColdChoice struct {
	Content    float32 `json:"content"` // weight of the likeness
	Axes       int     `json:"axes"`    // dimensions of the served vectors that it may take
	Tower      float32 `json:"tower"`   // of what the features say; 1 without likeness
	Users      int     `json:"users"`   // with cold targets, in validation and the earlier cut
	Recall     float64 `json:"recall@20"`
	TowerAlone float64 `json:"recall@20_tower"`
	Likeness   float64 `json:"recall@20_content"`
	// Declined: in every size, likeness took more from all lists than it may; see coldCost.
	Declined bool `json:"declined,omitempty"`

	// How far up the new are shown among everything else: what their bias is raised by and the personal part of their scores
	// multiplied by. Of the new targets Reached come into lists of 20 of all items, ReachedBefore would without;
	// the new take Share of all places, and Cost is the part of Recall + NDCG that is given for it.
	Raised        float32 `json:"raised"`
	Stress        float32 `json:"stress,omitempty"`
	Reached       float64 `json:"recall@20_among_all"`
	ReachedBefore float64 `json:"recall@20_among_all_before"`
	Share         float64 `json:"share_of_places"`
	Cost          float64 `json:"cost"`
	Tried         []Tried `json:"tried,omitempty"`
}

// Tried is a placement of the new that was tried.
type Tried struct {
	Stress  float32 `json:"stress"`
	Share   float64 `json:"share_of_places"`
	Reached float64 `json:"recall@20_among_all"`
	Cost    float64 `json:"cost"`
}

// less is the choice with half the dimensions for likeness, or in the end without it, its places still to be chosen.
func (c ColdChoice) less() ColdChoice {
	if c.Axes/2 >= leastAxes {
		return ColdChoice{Axes: c.Axes / 2}
	}
	return ColdChoice{Tower: 1, Users: c.Users, Recall: c.Recall, TowerAlone: c.TowerAlone, Likeness: c.Likeness, Declined: true}
}

// Dimensions of the served vectors that are set apart for the likeness of content: as many as that, or half of them, and
// again, where everything else would have too few left. Warm items hold zeros there: their own vectors know better.
const (
	mostAxes  = 64
	leastAxes = 16
)

// likeness is a block of centred, unit content vectors, kept at so many principal axes: the score is the cosine of an
// item's content and the mean content of the history, as far as the axes hold it. ok is false without modalities.
func (t *training) likeness(ctx context.Context, h baselines.History, most int) (b blocks.Block, axes contentAxes, ok bool, err error) {
	d := t.Data
	if len(d.Modalities) == 0 {
		return b, axes, false, nil
	}
	if axes, err = newContentAxes(d.Modalities, most); err != nil {
		return b, axes, false, err
	}
	items := linear.Zeros(len(d.Items), axes.kept)
	inParallel(len(d.Items), func(from, to int) {
		for i := from; i < to; i++ {
			axes.encode(d.Modalities, int32(i), items.Row(i))
		}
	})
	users := linear.Zeros(len(d.Users), axes.kept)
	for u, own := range dataset.ByUser(h.Rows, h.Users) {
		row := users.Row(u)
		for _, r := range own {
			s := t.Config.Strength.Of(r.Weight)
			for k, x := range items.Row(int(r.Item)) {
				row[k] += s * x
			}
		}
		unit(row)
	}
	return blocks.Block{Name: "content", Users: users.Data, Items: items.Data, Dim: axes.kept, Fold: &blocks.Fold{Source: items.Data, Unit: true, Scale: 1}}, axes, true, ctx.Err()
}

// contentAxes turn the features of an item into a content vector: each modality centred and brought to unit length, laid
// end to end, the whole brought to unit length and turned to its principal axes.
type contentAxes struct {
	width, kept int
	means       [][]float32   // one per modality
	turn        linear.Matrix // width × kept
}

func newContentAxes(modalities []dataset.Modality, most int) (contentAxes, error) {
	a := contentAxes{}
	for i := range modalities {
		m := &modalities[i]
		mean, n := make([]float64, m.Dim), 0.
		for item, ok := range m.Present {
			if ok {
				n++
				for k, x := range m.Row(int32(item)) {
					mean[k] += float64(x)
				}
			}
		}
		narrow := make([]float32, m.Dim)
		if m.Dim > 1 { // a single number, centred and made of unit length, would be but a sign
			for k := range mean {
				narrow[k] = float32(mean[k] / n)
			}
			a.width += m.Dim
		}
		a.means = append(a.means, narrow)
	}
	if a.width == 0 {
		return a, nil
	}
	items := len(modalities[0].Present)
	step := (items + sampledRows - 1) / sampledRows
	row, wide := make([]float32, a.width), make([]float64, a.width)
	rows := mat.NewDense((items+step-1)/step, a.width, nil)
	for i := 0; i < items; i += step {
		a.lay(modalities, int32(i), row)
		for k, x := range row {
			wide[k] = float64(x)
		}
		rows.SetRow(i/step, wide)
	}
	axes, strength, ok := principal(rows, most)
	if !ok {
		return a, fmt.Errorf("%w: the principal axes of the content cannot be found; are its numbers of a sensible size?", ErrData)
	}
	a.kept = len(strength)
	if a.kept == 0 {
		return a, nil
	}
	a.turn = linear.Zeros(a.width, a.kept)
	for i := range a.width {
		for k := range a.kept {
			a.turn.Row(i)[k] = float32(axes.At(i, k))
		}
	}
	return a, nil
}

// lay writes the content of an item before it is turned.
func (a *contentAxes) lay(modalities []dataset.Modality, item int32, row []float32) {
	clear(row)
	at := 0
	for i := range modalities {
		m := &modalities[i]
		if m.Dim == 1 {
			continue
		}
		part := row[at : at+m.Dim]
		at += m.Dim
		if !m.Present[item] {
			continue
		}
		for k, x := range m.Row(item) {
			part[k] = x - a.means[i][k]
		}
		unit(part)
	}
	unit(row)
}

func (a *contentAxes) encode(modalities []dataset.Modality, item int32, dst []float32) {
	row := make([]float32, a.width)
	a.lay(modalities, item, row)
	clear(dst)
	for i, x := range row {
		for k, t := range a.turn.Row(i) {
			dst[k] += x * t
		}
	}
}

// newcomers are the users of a period who took items that nobody had before, and what tower and likeness say to them of
// all such items.
type newcomers struct {
	cold       []int32
	truth      [][]int32 // of each user, ascending; none of the users took a new item where told is false
	told       bool
	said, like []float32 // users × cold
}

func (j *judge) newcomers(tower, content blocks.Block, counts []int) newcomers {
	n := newcomers{cold: fresh(counts)}
	var users []int32
	for u, truth := range j.truth {
		if slices.ContainsFunc(truth, func(i int32) bool { return counts[i] == 0 }) {
			users, n.truth = append(users, j.users[u]), append(n.truth, truth)
		}
	}
	if n.told = len(users) > 0; !n.told { // nobody to learn from: at least the two count alike
		users = j.users[:min(len(j.users), 200)]
	}
	score := func(b blocks.Block) []float32 {
		scores := make([]float32, 0, len(users)*len(n.cold))
		for _, u := range users {
			for _, item := range n.cold {
				scores = append(scores, float32(dot(b.Users[int(u)*b.Dim:][:b.Dim], b.Items[int(item)*b.Dim:][:b.Dim])))
			}
		}
		return scores
	}
	n.said, n.like = score(tower), score(content)
	return n
}

// recall is that of each user among the new, by a·said + b·like.
func (n newcomers) recall(a, b float32) []float64 {
	recalls := make([]float64, len(n.truth))
	scores := make([]float32, len(n.cold))
	for i, truth := range n.truth {
		for k := range scores {
			scores[k] = a*n.said[i*len(scores)+k] + b*n.like[i*len(scores)+k]
		}
		hits, all := 0, 0
		list := rank.Top(scores, cutoff)
		for k, item := range n.cold {
			if _, hit := slices.BinarySearch(truth, item); hit {
				all++
				if slices.Contains(list, int32(k)) {
					hits++
				}
			}
		}
		recalls[i] = float64(hits) / float64(all)
	}
	return recalls
}

// chooseCold weighs likeness against what the tower says of new items, over the users of all periods; the first is the one
// that serves.
func chooseCold(periods []newcomers) ColdChoice {
	choice := ColdChoice{Tower: 1}
	if len(periods[0].cold) == 0 {
		return choice
	}
	ratio := spread(periods[0].said) / spread(periods[0].like)
	// Both alike, unless one of them is surely better: few users have new targets. Scores of the new keep the spread they
	// have by the tower, so that they keep their distance to the others.
	choice.Tower, choice.Content = math.Sqrt2/2, ratio*math.Sqrt2/2
	measure := func(a, b float32) (recalls []float64) {
		for _, n := range periods {
			if n.told {
				recalls = append(recalls, n.recall(a, b)...)
			}
		}
		return recalls
	}
	tower, like, both := measure(1, 0), measure(0, ratio), measure(1, ratio)
	if choice.Users = len(both); choice.Users == 0 {
		return choice
	}
	choice.TowerAlone, choice.Likeness, choice.Recall = mean(tower), mean(like), mean(both)
	if surely(tower, both) && choice.TowerAlone >= choice.Likeness {
		choice.Tower, choice.Content, choice.Recall = 1, 0, choice.TowerAlone
	} else if surely(like, both) {
		choice.Tower, choice.Content, choice.Recall = 0, ratio, choice.Likeness
	}
	return choice
}

func mean(x []float64) float64 {
	sum := 0.
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// surely tells whether a beats b, user by user, by more than two standard errors.
func surely(a, b []float64) bool {
	n := float64(len(a))
	var sum, square float64
	for i := range a {
		d := a[i] - b[i]
		sum += d
		square += d * d
	}
	return n > 1 && sum/n > 2*math.Sqrt(max(square/n-sum/n*sum/n, 0)/(n-1))
}

// finite refuses vectors that no search could use.
func finite(what string, x []float32) error {
	for i, v := range x {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("%w: number %d of the %s is %g", ErrData, i, what, v)
		}
	}
	return nil
}
