package train

import (
	"context"

	"weft/fusion/linear"
)

// item writes the row of an item before it is scaled.
func (m *served) item(c composite, i int, row []float32) {
	copy(row, c.items.Row(i))
	if m.counts[i] > 0 {
		return
	}
	d := m.tower.dim - 1
	features := make([]float32, m.rank)
	m.features(i, features)
	for r, level := range m.itemMap.Row(d) {
		row[r] += (m.cold.Tower-1)*features[r] + m.cold.Raised*level
	}
	for k := range m.like.Dim {
		row[m.rank+k] = m.cold.Content * m.like.Items[i*m.like.Dim+k]
	}
}

// features is what the tower's features say of an item, in the composite.
func (m *served) features(i int, row []float32) {
	for k, x := range m.tower.items[i*m.tower.dim:][:m.tower.dim-1] {
		for r, y := range m.itemMap.Row(k) {
			row[r] += x * y
		}
	}
}

// place decides, once, how far up the new are shown.
func (t *training) place(ctx context.Context, m *served, c composite) error {
	chosen := &t.summary.Choice.Cold
	var cold []int32
	for i, n := range m.counts {
		if n == 0 {
			cold = append(cold, int32(i))
		}
	}
	if len(t.features) == 0 || chosen.Stress == 0 && len(cold) == 0 {
		return nil
	}
	if chosen.Stress == 0 {
		t.Watch.stage("places for new items")
		width := m.rank + m.like.Dim
		users, items, own := linear.Zeros(c.users.Rows, width), linear.Zeros(c.items.Rows, width), linear.Zeros(len(cold), width)
		for u := range users.Rows {
			copy(users.Row(u), c.users.Row(u))
			copy(users.Row(u)[m.rank:], m.like.Users[u*m.like.Dim:][:m.like.Dim])
		}
		for i := range items.Rows {
			m.item(c, i, items.Row(i))
		}
		for k, i := range cold {
			row := own.Row(k)
			m.features(int(i), row[:m.rank])
			for r := range m.rank {
				row[r] *= m.cold.Tower
			}
			copy(row[m.rank:], items.Row(int(i))[m.rank:])
		}
		scores, err := t.judge.scores(ctx, users.Data, items.Data, width)
		if err != nil {
			return err
		}
		asked := linear.Zeros(len(t.judge.users), width)
		level := make([]float32, len(t.judge.users))
		for k, u := range t.judge.users {
			copy(asked.Row(k), users.Row(int(u)))
			level[k] = float32(dot(asked.Row(k)[:m.rank], m.itemMap.Row(m.tower.dim-1)))
		}
		personal, err := t.products.Multiply(ctx, linear.Op{B: true}, asked, own)
		if err != nil {
			return err
		}
		t.judge.explore(scores, personal.Data, level, cold, chosen)
	}
	m.cold.Tower *= chosen.Stress
	m.cold.Content *= chosen.Stress
	m.cold.Raised = chosen.Raised
	for _, i := range cold {
		m.tower.b[i] += chosen.Raised
	}
	m.tower.coldBias += chosen.Raised
	return nil
}
