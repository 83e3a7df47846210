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
	cold := fresh(m.counts)
	if len(t.features) == 0 || chosen.Stress == 0 && len(cold) == 0 {
		return nil
	}
	if chosen.Stress == 0 {
		t.Watch.stage("places for new items")
		now, err := t.view(ctx, m, c)
		if err != nil {
			return err
		}
		periods := []view{now}
		if t.past != nil {
			p := t.past
			p.summary.Choice = t.summary.Choice
			if p.model, p.composite, err = p.unplaced(ctx, p.tower, p.history, p.list); err != nil {
				return err
			}
			then, err := p.view(ctx, p.model, p.composite)
			if err != nil {
				return err
			}
			periods = append(periods, then)
		}
		explore(periods, chosen)
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

// fresh are the items that nobody had.
func fresh(counts []int) (items []int32) {
	for i, n := range counts {
		if n == 0 {
			items = append(items, int32(i))
		}
	}
	return items
}

// view scores all items for those who are asked, without help for the new.
func (t *training) view(ctx context.Context, m *served, c composite) (view, error) {
	v := view{judge: t.judge, cold: fresh(m.counts)}
	width := m.rank + m.like.Dim
	users, items, own := linear.Zeros(len(v.users), width), linear.Zeros(v.items, width), linear.Zeros(len(v.cold), width)
	for k, u := range v.users {
		row := users.Row(k)
		copy(row, c.users.Row(int(u)))
		copy(row[m.rank:], m.like.Users[int(u)*m.like.Dim:][:m.like.Dim])
		v.level = append(v.level, float32(dot(row[:m.rank], m.itemMap.Row(m.tower.dim-1))))
	}
	for i := range v.items {
		m.item(c, i, items.Row(i))
	}
	for k, i := range v.cold {
		row := own.Row(k)
		m.features(int(i), row[:m.rank])
		for r := range m.rank {
			row[r] *= m.cold.Tower
		}
		copy(row[m.rank:], items.Row(int(i))[m.rank:])
	}
	scores, err := t.products.Multiply(ctx, linear.Op{B: true}, users, items)
	if err != nil || len(v.cold) == 0 {
		v.scores = scores.Data
		return v, err
	}
	personal, err := t.products.Multiply(ctx, linear.Op{B: true}, users, own)
	v.scores, v.personal = scores.Data, personal.Data
	return v, err
}
