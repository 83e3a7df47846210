package serve

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"unique"
)

// ErrVector reports a vector that cannot be searched: of another length than the
// others, all zeros, or not finite.
var ErrVector = errors.New("vector cannot be searched")

// blockRows is how many products share a block, and so a lock: at 576 dimensions a
// block holds 370 KB, of which a search reads 74 KB in some ten microseconds; an
// update never waits longer.
const blockRows = 128

// Entry is a product as search knows it.
type Entry struct {
	ID, Title, Category string
	Price               *float64
	Image               string // key of the main photo below the tenant, empty without one
	Facts               []Fact // by name; not to be changed
	UpdatedAt           int64  // Unix ms, tells one version of the vector from another
}

// Neighbours searches unit vectors: the score is the cosine, ties go to the lower id.
// Up to 50,000 products every one is compared; beyond, after Arrange, those of the
// cells around what is asked for, a sixth as a rule (see cells.go, and BenchmarkRecall
// for how many of the ten nearest are found), unless a Search wants the Whole. Safe for concurrent use;
// searches go on while products are set and removed, and see each product as it was
// before or after, never between; one that is moved to another cell meanwhile may be
// missed by the searches under way.
//
// Memory: 5 bytes a dimension and product, rounded up to blocks of 128 products,
// and about 200 bytes, the title and 48 bytes a fact for each; at 576 dimensions 3.1 KB a product,
// 310 MB for 100,000. Space of removed products is used again, not given back.
//
// The zero value is empty and ready; the first Set fixes the number of dimensions.
type Neighbours struct {
	mu         sync.RWMutex // all that follows, and blocks' cell and used; taken before a block's
	dim        int
	stride     int // of the codes
	slots      map[string]int
	cells      *cells             // nil: all is loose
	of         map[int32][]*block // by cell
	free       map[int32][]int    // slots, by cell
	spare      []*block           // empty, of no cell
	text       int64              // bytes of ids, titles and facts
	categories map[string]int32   // numbered from 1; "" is 0

	blocks atomic.Pointer[[]*block] // replaced when it grows, under mu

	arrangeFrom int // products; 0: the constant
}

const factBytes = 48

// bytes is what an entry holds beside its fixed size, its id apart. The words of facts
// are shared among products.
func (e *Entry) bytes() int64 {
	return int64(len(e.Title)) + int64(len(e.Facts))*factBytes
}

type block struct {
	first int   // slot
	cell  int32 // or loose
	used  int   // slots taken

	mu         sync.RWMutex
	rows       []float32 // blockRows*dim
	codes      []int8    // blockRows*stride, see encode
	scale      [blockRows]float32
	miss       [blockRows]float32
	categories [blockRows]int32
	entries    [blockRows]*Entry // nil where there is no product
}

// Set adds a product or replaces it. content need not be of unit length; it is
// copied. Errors: ErrVector.
func (n *Neighbours) Set(e Entry, content []float32) error {
	var sum float64
	for _, x := range content {
		sum += float64(x) * float64(x)
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return fmt.Errorf("%w: product %q: length %v over %d dimensions, want a finite one above 0", ErrVector, e.ID, math.Sqrt(sum), len(content))
	}
	scale := float32(1)
	if math.Abs(sum-1) > 1e-6 {
		scale = float32(1 / math.Sqrt(sum))
	}
	e.Category = unique.Make(e.Category).Value() // many products share it
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dim == 0 {
		n.dim, n.stride = len(content), (len(content)+codeStride-1)/codeStride*codeStride
		n.slots, n.categories = map[string]int{}, map[string]int32{"": 0}
		n.of, n.free = map[int32][]*block{}, map[int32][]int{}
	}
	if len(content) != n.dim {
		return fmt.Errorf("%w: product %q has %d dimensions, the others have %d", ErrVector, e.ID, len(content), n.dim)
	}
	category, known := n.categories[e.Category]
	if !known {
		category = int32(len(n.categories))
		n.categories[e.Category] = category
	}
	unit := make([]float32, n.dim)
	for i, x := range content {
		unit[i] = x * scale
	}
	n.put(&e, category, unit)
	return nil
}

// put writes a product to its cell. Where it lay in another, it is in both places for a moment. n.mu is held.
func (n *Neighbours) put(e *Entry, category int32, unit []float32) {
	cell := loose
	if n.cells != nil {
		cell = n.cells.nearest(unit)
	}
	slot, known := n.slots[e.ID]
	if known {
		b, row := n.at(slot)
		n.text -= b.entries[row].bytes()
		if b.cell != cell {
			defer n.clear(slot)
			slot = n.take(cell)
		}
	} else {
		n.text += int64(len(e.ID))
		slot = n.take(cell)
	}
	n.slots[e.ID] = slot
	n.text += e.bytes()
	b, row := n.at(slot)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries[row], b.categories[row] = e, category
	b.scale[row], b.miss[row] = encode(unit, b.codes[row*n.stride:][:n.dim])
	copy(b.rows[row*n.dim:][:n.dim], unit)
}

// Remove takes a product out and tells whether it was there.
func (n *Neighbours) Remove(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	slot, known := n.slots[id]
	if !known {
		return false
	}
	delete(n.slots, id)
	b, row := n.at(slot)
	n.text -= int64(len(id)) + b.entries[row].bytes()
	n.clear(slot)
	return true
}

// Entry is a product as it was last set.
func (n *Neighbours) Entry(id string) (Entry, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	slot, known := n.slots[id]
	if !known {
		return Entry{}, false
	}
	b, _ := n.at(slot)
	b.mu.RLock()
	defer b.mu.RUnlock()
	return *b.entries[slot%blockRows], true
}

// Vector returns a copy of a product's vector, of unit length.
func (n *Neighbours) Vector(id string) ([]float32, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	slot, known := n.slots[id]
	if !known {
		return nil, false
	}
	b, _ := n.at(slot)
	b.mu.RLock()
	defer b.mu.RUnlock()
	return append([]float32(nil), b.rows[slot%blockRows*n.dim:][:n.dim]...), true
}

// Versions tells UpdatedAt of every product.
func (n *Neighbours) Versions() map[string]int64 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	versions := make(map[string]int64, len(n.slots))
	for id, slot := range n.slots {
		b, _ := n.at(slot)
		b.mu.RLock()
		versions[id] = b.entries[slot%blockRows].UpdatedAt
		b.mu.RUnlock()
	}
	return versions
}

// Entries lists all products, in any order. They are not to be changed.
func (n *Neighbours) Entries() []*Entry {
	n.mu.RLock()
	defer n.mu.RUnlock()
	all := make([]*Entry, 0, len(n.slots))
	for _, slot := range n.slots {
		b, _ := n.at(slot)
		b.mu.RLock()
		all = append(all, b.entries[slot%blockRows])
		b.mu.RUnlock()
	}
	return all
}

// Len counts the products.
func (n *Neighbours) Len() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.slots)
}

// Bytes is the memory held, as computed from what is stored.
func (n *Neighbours) Bytes() int64 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	const perProduct = 200 // entry, price, map cell, string headers
	return int64(len(n.all()))*blockRows*(int64(n.dim)*4+int64(n.stride)+20) + int64(len(n.slots))*perProduct + n.text
}

// Hit is a product found and its cosine to what was asked for, in [-1, 1], or what a
// Search.Factor made of that.
type Hit struct {
	Entry
	Score float32
}
