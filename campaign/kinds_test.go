package campaign

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// kind is one way of breaking the fleet.
type kind struct {
	name string
	// long kinds freeze for longer than the short version lasts.
	long bool
	// crash kinds leave tasks behind that only the death of their worker frees.
	crash bool
	// lasts is for how long the fault lasts, between the two.
	lasts [2]time.Duration
	// begin injects the fault on the test's goroutine and returns what ends it, nil
	// if it ends by itself.
	begin func(c *campaign, dice *rand.Rand) (end func())
}

// kinds lists every kind, in the order of the report.
func kinds() []kind {
	return slices.Concat(processKinds(), redisKinds(), storeKinds(), linkKinds())
}

const ms = time.Millisecond

func seconds(a, b float64) [2]time.Duration {
	return [2]time.Duration{time.Duration(a * float64(time.Second)), time.Duration(b * float64(time.Second))}
}

func processKinds() []kind {
	return []kind{
		{name: "kill -9 a worker", crash: true, begin: func(c *campaign, dice *rand.Rand) func() {
			if p := c.one("worker", dice); p != nil {
				p.kill()
			}
			return nil
		}},
		{name: "kill -9 all workers", crash: true, begin: func(c *campaign, _ *rand.Rand) func() {
			c.killAll("worker")
			return nil
		}},
		{name: "kill -9 the schedulers", begin: func(c *campaign, _ *rand.Rand) func() {
			c.killAll("scheduler")
			return nil
		}},
		{name: "kill -9 every weft", crash: true, begin: func(c *campaign, _ *rand.Rand) func() {
			c.killAll("scheduler", "worker")
			return nil
		}},
		{name: "freeze a worker", lasts: seconds(1, 5), begin: freeze("worker")},
		{name: "freeze a worker past its lease", long: true, crash: true, lasts: seconds(36, 50), begin: freeze("worker")},
		{name: "freeze a scheduler", lasts: seconds(1, 5), begin: freeze("scheduler")},
		{name: "rolling restart", begin: func(c *campaign, _ *rand.Rand) func() {
			c.background(func(ctx context.Context) { c.fleet.roll(ctx, false) })
			return nil
		}},
		{name: "rolling restart, SIGTERM twice", begin: func(c *campaign, _ *rand.Rand) func() {
			c.background(func(ctx context.Context) { c.fleet.roll(ctx, true) })
			return nil
		}},
		{name: "three schedulers", lasts: seconds(3, 5), begin: func(c *campaign, _ *rand.Rand) func() {
			more := []*slot{c.fleet.add("scheduler"), c.fleet.add("scheduler")}
			return func() {
				for _, s := range more {
					c.background(func(context.Context) { c.fleet.drop(s) })
				}
			}
		}},
	}
}

// freeze stops one process for a while: its leases run out, its clock does not.
func freeze(role string) func(*campaign, *rand.Rand) func() {
	return func(c *campaign, dice *rand.Rand) func() {
		p := c.one(role, dice)
		if p == nil {
			return nil
		}
		p.freeze()
		return p.thaw
	}
}

// one is any process of a role; nil, and a miss, if none runs.
func (c *campaign) one(role string, dice *rand.Rand) *process {
	ps := c.fleet.running(role)
	if len(ps) == 0 {
		c.miss()
		return nil
	}
	return ps[dice.IntN(len(ps))]
}

// killAll kills the processes of some roles at once; it is a miss if none runs.
func (c *campaign) killAll(roles ...string) {
	var kills sync.WaitGroup
	n := 0
	for _, role := range roles {
		for _, p := range c.fleet.running(role) {
			n++
			kills.Go(p.kill)
		}
	}
	kills.Wait()
	if n == 0 {
		c.miss()
	}
}
