package quality

import (
	"hash/maphash"
	"math"
	"math/bits"
	"time"
)

// coverage estimates how many different products were shown lately: linear counting
// in two bitmaps, of this hour and the one before. 256 KiB however large the shop; the
// error stays near 1 % up to some three million products.
type coverage struct {
	seed   maphash.Seed
	now    []uint64
	before []uint64
	turned time.Time
}

const (
	coverageBits = 1 << 20
	coverageTurn = time.Hour
)

func newCoverage(now time.Time) *coverage {
	return &coverage{seed: maphash.MakeSeed(), turned: now}
}

// show notes that products were listed.
func (c *coverage) show(now time.Time, ids []string) {
	c.turn(now)
	if c.now == nil {
		c.now = make([]uint64, coverageBits/64)
	}
	for _, id := range ids {
		bit := maphash.String(c.seed, id) % coverageBits
		c.now[bit/64] |= 1 << (bit % 64)
	}
}

func (c *coverage) turn(now time.Time) {
	switch past := now.Sub(c.turned); {
	case past >= 2*coverageTurn:
		c.now, c.before, c.turned = nil, nil, now
	case past >= coverageTurn:
		c.now, c.before, c.turned = nil, c.now, c.turned.Add(coverageTurn)
	}
}

// count is the estimate.
func (c *coverage) count(now time.Time) float64 {
	c.turn(now)
	set := 0
	for i := range coverageBits / 64 {
		var word uint64
		if c.now != nil {
			word = c.now[i]
		}
		if c.before != nil {
			word |= c.before[i]
		}
		set += bits.OnesCount64(word)
	}
	empty := max(1, coverageBits-set)
	return -coverageBits * math.Log(float64(empty)/coverageBits)
}
