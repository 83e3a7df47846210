package pixels

import "sync"

// slack is how far the kernels may read behind the last byte they were given.
const slack = 64

// raster is a decoded picture of 4-byte pixels, rows without gaps, with slack behind.
type raster struct {
	w, h int
	pix  []byte
}

// buffers keeps byte slices for reuse. Small ones only: a rare huge picture should not
// stay in memory because it came by once.
type buffers struct{ pool sync.Pool }

const keepBytes = 32 << 20

// get returns n bytes of any content, readable for slack bytes more.
func (b *buffers) get(n int) []byte {
	if p, _ := b.pool.Get().(*[]byte); p != nil {
		if cap(*p) >= n+slack {
			return (*p)[:n]
		}
		// Too small for this one: let it go, the larger one replaces it.
	}
	c := n + slack
	if c < keepBytes {
		c = (c + 1<<16 - 1) &^ (1<<16 - 1)
	}
	return make([]byte, n, c)
}

func (b *buffers) put(p []byte) {
	if cap(p) > 0 && cap(p) <= keepBytes {
		p = p[:0]
		b.pool.Put(&p)
	}
}

func (b *buffers) raster(w, h int) raster {
	return raster{w: w, h: h, pix: b.get(w * h * 4)}
}
