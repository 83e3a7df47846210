// Package proxy stands between weft and its servers and makes the network fail on
// purpose: [TCP] in front of Redis, [HTTP] in front of an S3 endpoint. What fails is
// set while connections are open and thrown with seeded dice; which request throws
// them depends on scheduling.
package proxy

import (
	"math/rand/v2"
	"sync"
)

// dice are thrown by any number of goroutines.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newDice(seed uint64) *dice { return &dice{rng: rand.New(rand.NewPCG(seed, 1))} }

// hit is true with probability p.
func (d *dice) hit(p float64) bool {
	if p <= 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.Float64() < p
}
