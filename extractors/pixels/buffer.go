package pixels

import (
	"math/bits"
	"sync"
)

// slack is how far the kernels may read behind the last byte they were given.
const slack = 64

// raster is a decoded picture of 4-byte pixels, rows without gaps, with slack behind.
type raster struct {
	w, h int
	pix  []byte
}

// buffers keeps byte slices for reuse, sorted by powers of two. Small ones only: a rare
// huge picture should not stay in memory because it came by once.
type buffers struct{ pools [keepClass + 1]sync.Pool }

// Classes are exponents: the smallest buffer has 4 KiB, the largest that is kept 32 MiB.
const (
	leastClass = 12
	keepClass  = 25
)

// get returns n bytes of any content, readable for slack bytes more.
func (b *buffers) get(n int) []byte {
	class := max(bits.Len(uint(n+slack-1)), leastClass)
	if class > keepClass {
		return make([]byte, n, n+slack)
	}
	if p, ok := b.pools[class].Get().(*[]byte); ok {
		return (*p)[:n]
	}
	return make([]byte, n, 1<<class)
}

// put takes back what get returned.
func (b *buffers) put(p []byte) {
	class := bits.Len(uint(cap(p))) - 1
	if class < leastClass || class > keepClass || cap(p) != 1<<class {
		return
	}
	p = p[:0]
	b.pools[class].Put(&p)
}

func (b *buffers) raster(w, h int) raster {
	return raster{w: w, h: h, pix: b.get(w * h * 4)}
}
