package train

import (
	"math/rand/v2"
	"slices"
	"testing"

	"weft/fusion/blocks"
)

// Three hundred users each take one of sixty new items; a block that knows points there, one that does not at random.
func TestChooseCold(t *testing.T) {
	const users, items = 300, 60
	random := rand.New(rand.NewPCG(1, 1))
	j := &judge{items: items}
	counts := make([]int, items)
	knows, guesses := blocks.Block{Dim: items}, blocks.Block{Dim: items}
	for i := range items {
		row := make([]float32, items)
		row[i] = 1
		knows.Items, guesses.Items = append(knows.Items, row...), append(guesses.Items, row...)
	}
	for u := range users {
		target := random.IntN(items)
		j.users, j.truth, j.seen = append(j.users, int32(u)), append(j.truth, []int32{int32(target)}), append(j.seen, nil)
		for i := range items {
			x, noise := float32(random.NormFloat64()), float32(random.NormFloat64())
			guesses.Users = append(guesses.Users, noise)
			if i == target {
				x += 2
			}
			knows.Users = append(knows.Users, x)
		}
	}
	if c := chooseCold([]newcomers{j.newcomers(knows, guesses, counts)}); c.Tower != 1 || c.Content != 0 || c.TowerAlone < .8 {
		t.Errorf("the tower knows, likeness guesses: %+v", c)
	}
	if c := chooseCold([]newcomers{j.newcomers(guesses, knows, counts)}); c.Tower != 0 || !(c.Content > 0) {
		t.Errorf("likeness knows, the tower guesses: %+v", c)
	}
	if c := chooseCold([]newcomers{j.newcomers(knows, knows, counts)}); c.Tower != c.Content || c.Tower == 0 || c.Tower == 1 {
		t.Errorf("both know the same: %+v, want both alike", c)
	}
	for i := range counts {
		counts[i] = 1
	}
	if c := chooseCold([]newcomers{j.newcomers(knows, knows, counts)}); c.Tower != 1 || c.Content != 0 {
		t.Errorf("nothing is new: %+v", c)
	}
}

// Likeness is halved until it is declined, and then has nothing left to be weighed with.
func TestLikenessIsHalved(t *testing.T) {
	c, axes := ColdChoice{Content: 2, Tower: .7, Axes: mostAxes, Recall: .2}, []int(nil)
	for !c.Declined {
		axes = append(axes, c.Axes)
		c = c.less()
	}
	if !slices.Equal(axes, []int{64, 32, 16}) || c.Tower != 1 || c.Content != 0 || c.Axes != 0 {
		t.Errorf("%d, then %+v", axes, c)
	}
}
