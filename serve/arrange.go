package serve

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
)

// Arrange puts the products into cells where they are so many that reading all of them takes too long, and does nothing
// otherwise. Searches and changes go on meanwhile and miss nothing. One goroutine at a time arranges; at a million products
// it takes it about half a minute of one core. Errors: the context's; what was done by then stays, the rest is always read.
func (n *Neighbours) Arrange(ctx context.Context) error {
	sample, stride, count := n.sample()
	if sample == nil {
		return nil
	}
	c, err := fitCells(ctx, sample, count, stride)
	if err != nil {
		return err
	}
	for _, slot := range n.loosen(c) {
		if err := ctx.Err(); err != nil {
			return err
		}
		n.settle(slot)
	}
	return nil
}

// sample draws vectors to fit centres to; nil: there are too few products, or the centres fit.
func (n *Neighbours) sample() (sample [][]float32, stride, count int) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	count = len(n.slots)
	if count < n.from() || n.cells != nil && count < rearrange*n.cells.count {
		return nil, 0, 0
	}
	slots := slices.Sorted(maps.Values(n.slots))
	wanted := min(count, max(1, count/cellProducts)*perCentre)
	for _, at := range rand.New(rand.NewPCG(2, uint64(count))).Perm(count)[:wanted] {
		b, row := n.at(slots[at])
		b.mu.RLock()
		sample = append(sample, slices.Clone(b.rows[row*n.dim:][:n.dim]))
		b.mu.RUnlock()
	}
	return sample, n.stride, count
}

func (n *Neighbours) from() int {
	if n.arrangeFrom > 0 {
		return n.arrangeFrom
	}
	return arrangeFrom
}

// loosen makes c the cells and all blocks loose, and lists the slots that are taken.
func (n *Neighbours) loosen(c *cells) []int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cells, n.free, n.spare = c, map[int32][]int{}, nil
	n.of = map[int32][]*block{}
	for _, b := range n.all() {
		b.cell = loose
		if b.used == 0 {
			n.spare = append(n.spare, b)
		} else {
			n.of[loose] = append(n.of[loose], b)
		}
	}
	return slices.Sorted(maps.Values(n.slots))
}

// settle moves the product of a slot into its cell. It is in both places for a moment, never in none.
func (n *Neighbours) settle(slot int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	from, row := n.at(slot)
	e := from.entries[row]
	if from.cell != loose || e == nil || n.slots[e.ID] != slot {
		return // it has been set or removed since
	}
	v := from.rows[row*n.dim:][:n.dim]
	to := n.take(n.cells.nearest(v))
	b, at := n.at(to)
	b.mu.Lock()
	copy(b.rows[at*n.dim:][:n.dim], v)
	copy(b.codes[at*n.stride:][:n.stride], from.codes[row*n.stride:][:n.stride])
	b.scale[at], b.miss[at], b.categories[at], b.entries[at] = from.scale[row], from.miss[row], from.categories[row], e
	b.mu.Unlock()
	n.slots[e.ID] = to
	n.clear(slot)
}

// clear empties a slot. n.mu is held.
func (n *Neighbours) clear(slot int) {
	b, row := n.at(slot)
	b.mu.Lock()
	b.entries[row] = nil
	b.mu.Unlock()
	b.used--
	switch {
	case b.cell != loose || n.cells == nil:
		n.free[b.cell] = append(n.free[b.cell], slot)
	case b.used == 0: // only then, so that the loose grow fewer
		n.of[loose] = slices.DeleteFunc(n.of[loose], func(o *block) bool { return o == b })
		n.spare = append(n.spare, b)
	}
}

// take finds a slot in a cell for a new product. n.mu is held.
func (n *Neighbours) take(cell int32) int {
	if len(n.free[cell]) == 0 {
		b := n.emptyBlock()
		b.cell = cell
		n.of[cell] = append(n.of[cell], b)
		for row := blockRows - 1; row >= 0; row-- {
			n.free[cell] = append(n.free[cell], b.first+row)
		}
	}
	last := len(n.free[cell]) - 1
	slot := n.free[cell][last]
	n.free[cell] = n.free[cell][:last]
	b, _ := n.at(slot)
	b.used++
	return slot
}

// emptyBlock is one that no cell has. n.mu is held.
func (n *Neighbours) emptyBlock() *block {
	if last := len(n.spare) - 1; last >= 0 {
		b := n.spare[last]
		n.spare = n.spare[:last]
		return b
	}
	all := n.all()
	b := &block{first: len(all) * blockRows, rows: make([]float32, blockRows*n.dim), codes: make([]int8, blockRows*n.stride)}
	// Appending in place is fine: whoever holds the old slice does not look past its length.
	all = append(all, b)
	n.blocks.Store(&all)
	return b
}

// near lists the blocks to read for a search, the loose first, then those of the nearest cells, and how many on end may change
// nothing before it may end. Without cells, and where all are to be read, it is all of them.
func (n *Neighbours) near(q *query, s *Search) (blocks []*block, patience int) {
	n.mu.RLock()
	c := n.cells
	n.mu.RUnlock()
	if c == nil || s.Whole || s.Factor != nil {
		return n.all(), len(n.all())
	}
	order := c.ranked(q)
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.cells != c { // fitted anew since: everything is loose, or was a moment ago
		return n.all(), len(n.all())
	}
	blocks = append(make([]*block, 0, len(n.all())), n.of[loose]...)
	patience = len(n.of[loose]) + patienceFor(len(n.all()), s.Sparse)
	for _, cell := range order {
		blocks = append(blocks, n.of[cell]...)
	}
	return blocks, patience
}

func (n *Neighbours) all() []*block {
	if p := n.blocks.Load(); p != nil {
		return *p
	}
	return nil
}

// at is where a slot lies.
func (n *Neighbours) at(slot int) (b *block, row int) {
	return n.all()[slot/blockRows], slot % blockRows
}
