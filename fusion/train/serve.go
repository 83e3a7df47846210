package train

import (
	"cmp"
	"context"
	"math"
	"slices"

	"weft/fusion/baselines"
	"weft/fusion/blocks"
	"weft/fusion/dataset"
	"weft/fusion/linear"
)

// headroom is how much longer than the longest of today a product's vector may become before it is clipped.
const headroom = 1.1

// served is a model ready to be written: rows as a recommender reads them, and the tables and maps that make them.
type served struct {
	users, items linear.Matrix // × Dim, unit length
	scale        float32       // lengths of items were divided by it

	tower   fitted
	parts   []part        // the tower first, then the closed-form blocks
	rank    int           // dimensions of the composite
	userMap linear.Matrix // blocks laid end to end → rank
	itemMap linear.Matrix
	// residual is what the closed-form blocks add to each item, × rank; sources is what histories are summed from: the tower's
	// unit rows, the sources of the blocks, the content, one beside the other.
	residual, sources linear.Matrix
	content           contentAxes
	like              blocks.Block // empty without content
	cold              ColdChoice
	counts            []int
	now               int64 // Unix ms of the newest interaction; 0 without times
}

// serve folds the chosen blocks and makes the rows.
func (t *training) serve(ctx context.Context, tower fitted, h baselines.History, list []candidate) (*served, error) {
	m, c, err := t.unplaced(ctx, tower, h, list)
	if err != nil {
		return nil, err
	}
	return m, t.finish(ctx, m, c)
}

// finish gives the new their places and makes the rows.
func (t *training) finish(ctx context.Context, m *served, c composite) error {
	if err := t.place(ctx, m, c); err != nil {
		return err
	}
	m.assemble(c)
	if err := finite("user vectors", m.users.Data); err != nil {
		return err
	}
	return finite("item vectors", m.items.Data)
}

// unplaced is the model before the new have their places among the others, and without rows.
func (t *training) unplaced(ctx context.Context, tower fitted, h baselines.History, list []candidate) (*served, composite, error) {
	choice := &t.summary.Choice
	own := *tower.tower // the biases of the new are this model's own
	own.b = slices.Clone(own.b)
	tower.tower = &own
	m := &served{tower: tower, counts: dataset.Counts(h.Rows, h.Items), now: h.Now}
	// The tower is always there, at weight 0 where it does not serve: it is what places an item that nobody had.
	m.parts = []part{{tower.block(), choice.weight(towerName)}}
	for _, c := range list {
		if w := choice.weight(c.Name); w != 0 && c.Name != towerName {
			m.parts = append(m.parts, part{c.Block, w})
		}
	}
	if err := t.placeCold(ctx, m, h); err != nil {
		return nil, composite{}, err
	}
	c, err := t.fold(ctx, m)
	if err != nil {
		return nil, c, err
	}
	m.rank, m.userMap, m.itemMap = c.dim, c.userMap, c.itemMap
	return m, c, m.fillTables(ctx, t.products)
}

// placeCold decides, once, how items that nobody had are placed, and sets dimensions apart for their likeness.
func (t *training) placeCold(ctx context.Context, m *served, h baselines.History) error {
	choice := &t.summary.Choice
	choice.Cold.Axes = cmp.Or(choice.Cold.Axes, mostAxes)
	like, axes, ok, err := t.likeness(ctx, h, choice.Cold.Axes)
	if err != nil {
		return err
	}
	m.cold = ColdChoice{Tower: 1}
	if !ok || axes.kept == 0 {
		return nil
	}
	if choice.Folding == "" && !choice.Cold.Declined { // not chosen yet: only the train part may tell
		axes := choice.Cold.Axes
		asked := []newcomers{t.judge.newcomers(m.tower.block(), like, m.counts)}
		if t.past != nil {
			then, _, _, err := t.past.likeness(ctx, t.past.history, axes)
			if err != nil {
				return err
			}
			asked = append(asked, t.past.judge.newcomers(t.past.tower.block(), then, dataset.Counts(t.past.history.Rows, h.Items)))
		}
		choice.Cold = chooseCold(asked)
		choice.Cold.Axes = axes
	}
	m.cold = choice.Cold
	m.cold.Raised = 0                   // place knows
	m.cold.Content *= m.parts[0].weight // it was weighed against the tower alone
	if m.parts[0].weight == 0 {         // no tower to lean on
		m.cold.Tower, m.cold.Content = 0, choice.Cold.Content
	}
	if m.cold.Content > 0 {
		m.like, m.content = like, axes
	}
	return nil
}

// Foldings of the chosen blocks into the dimensions there are.
const (
	foldAll      = "all together"
	foldPopular  = "all together, errors weighed by popularity"
	foldRest     = "the tower as it is, the others together"
	leastForRest = 16 // dimensions that are worth folding into
)

// fold tries the ways to fold the parts, once, and keeps the best on validation.
func (t *training) fold(ctx context.Context, m *served) (composite, error) {
	rank := Dim - 1 - m.like.Dim
	parts := m.parts
	emphasis := make([]float32, len(m.counts))
	for i, n := range m.counts {
		emphasis[i] = float32(math.Pow(float64(1+n), .25))
	}
	make := func(folding string) (composite, error) {
		switch folding {
		case foldPopular:
			return compose(ctx, t.products, parts, rank, emphasis)
		case foldRest:
			return keeping(ctx, t.products, parts, rank, emphasis)
		}
		return compose(ctx, t.products, parts, rank, nil)
	}
	choice := &t.summary.Choice
	if choice.Folding != "" {
		return make(choice.Folding)
	}
	width := 0
	for _, p := range parts {
		width += p.Dim
	}
	ways := []string{foldAll}
	if width > rank {
		ways = append(ways, foldPopular)
		if len(parts) > 1 && rank-parts[0].Dim >= leastForRest && parts[0].weight != 0 {
			ways = append(ways, foldRest)
		}
	}
	choice.Foldings = map[string]Metrics{}
	var best composite
	for _, way := range ways {
		c, err := make(way)
		if err != nil {
			return c, err
		}
		scores, err := t.judge.scores(ctx, c.users.Data, c.items.Data, c.dim)
		if err != nil {
			return c, err
		}
		choice.Foldings[way] = t.judge.measure(scores)
		if choice.Folding == "" || choice.Foldings[way].better(choice.Foldings[choice.Folding]) {
			best, choice.Folding = c, way
		}
	}
	return best, nil
}

// fillTables makes what the two towers read for each product.
func (m *served) fillTables(ctx context.Context, p linear.Multiplier) (err error) {
	items := len(m.counts)
	d := m.tower.dim - 1
	closed, width := m.parts[1:], d
	for _, b := range closed {
		if !b.Fold.Constant {
			width += b.Dim
		}
	}
	if m.like.Dim > 0 {
		width += m.like.Dim
	}
	m.sources = linear.Zeros(items, width)
	at := 0
	put := func(table []float32, dim int) {
		for i := range items {
			copy(m.sources.Row(i)[at:at+dim], table[i*dim:(i+1)*dim])
		}
		at += dim
	}
	put(m.tower.v, d)
	for _, b := range closed {
		if !b.Fold.Constant {
			put(b.Fold.Source, b.Dim)
		}
	}
	if m.like.Dim > 0 {
		put(m.like.Items, m.like.Dim)
	}
	m.residual = linear.Zeros(items, m.rank)
	if len(closed) == 0 {
		return nil
	}
	total := 0
	for _, b := range closed {
		total += b.Dim
	}
	rows := side(closed, total, func(p part) ([]float32, float32) { return p.Items, 1 })
	from := m.tower.dim
	m.residual, err = p.Multiply(ctx, linear.Op{}, rows, linear.Matrix{Rows: total, Cols: m.rank, Data: m.itemMap.Data[from*m.rank:]})
	return err
}

// coldResidual is what the closed-form blocks say of a product that nobody had: nothing but how much it is sought after. A
// catalogue without such a product tells the least that is said of any.
func (m *served) coldResidual() []float32 {
	if cold := slices.Index(m.counts, 0); cold >= 0 {
		return m.residual.Row(cold)
	}
	row, at := make([]float32, m.rank), m.tower.dim
	for _, b := range m.parts[1:] {
		if b.Fold.Constant {
			least := b.Items[0]
			for i := range len(m.counts) {
				least = min(least, b.Items[i*b.Dim])
			}
			for k, x := range m.itemMap.Row(at) {
				row[k] += least * x
			}
		}
		at += b.Dim
	}
	return row
}

// assemble makes the rows that are read: composite and likeness side by side, items padded to unit length, users of unit
// length with a zero where items are padded.
func (m *served) assemble(c composite) {
	q := m.like.Dim
	m.users, m.items = linear.Zeros(c.users.Rows, Dim), linear.Zeros(c.items.Rows, Dim)
	longest := float32(0)
	for i := range m.items.Rows {
		row := m.items.Row(i)
		m.item(c, i, row)
		longest = max(longest, float32(math.Sqrt(dot(row, row))))
	}
	m.scale = max(longest*headroom, 1e-6)
	for i := range m.items.Rows {
		row := m.items.Row(i)
		for k := range row {
			row[k] /= m.scale
		}
		row[Dim-1] = float32(math.Sqrt(max(0, 1-dot(row, row))))
	}
	for u := range m.users.Rows {
		row := m.users.Row(u)
		copy(row, c.users.Row(u))
		if q > 0 {
			copy(row[m.rank:], m.like.Users[u*q:(u+1)*q])
		}
		unitExactly(row)
	}
}

func unitExactly(x []float32) {
	n := math.Sqrt(dot(x, x))
	if n == 0 {
		return
	}
	for i := range x {
		x[i] = float32(float64(x[i]) / n)
	}
}
