package train

import (
	"math/rand/v2"
	"testing"

	"weft/fusion/dataset"
)

// An epoch is some steps at least, in whole rounds; where there are many users it is one round.
func TestRounds(t *testing.T) {
	d, c := shop(60, 60, false), small(false)
	f := open(t, d, c)
	one := len(f.sampler.leaveOneOut(nil, 0, f.sampler.byUser[0], rand.New(rand.NewPCG(1, 1)))) * 60
	for batch, rounds := range map[int]int{1: 1, 16: 3, 512: mostRounds} {
		f.sampler.config.Batch = batch
		if n := len(f.sampler.epoch(1, 1)); n != rounds*one {
			t.Errorf("batches of %d: %d samples, %d a round, want %d rounds", batch, n, one, rounds)
		}
	}
}

// A user who looked at items 1 and 2 on day 10, bought 2 on day 25 and 3 on day 5: on day 20 the history holds all three, looks
// counting less; what is asked for is 2; 3, which was bought, is no candidate, and 1, which was only looked at, is one.
func TestWhatWasLookedAtIsAskedFor(t *testing.T) {
	const full, look = 10, 2.5
	d := shop(8, 60, true)
	start := d.Train[0].Time
	at := func(days int64) int64 { return start + days*day }
	own := []dataset.Interaction{
		{User: 0, Item: 3, Time: at(5), Last: at(5), Weight: full},
		{User: 0, Item: 1, Time: at(10), Last: at(10), Weight: look, Seen: true},
		{User: 0, Item: 2, Time: at(10), Last: at(25), Weight: full, Wait: 15 * day, Look: look},
	}
	for _, r := range d.Train {
		if r.User > 0 {
			own = append(own, r)
		}
	}
	d.Train = own
	c := small(true)
	c.Strength = dataset.Strength{Full: full, Power: .5}
	f := open(t, d, c)
	f.sampler.moments = []int64{at(20)}
	f.sampler.end = at(21) // looked ahead at surely
	samples := f.sampler.lookAhead(nil, 0, f.sampler.byUser[0], rand.New(rand.NewPCG(1, 2)))
	if len(samples) != 1 || samples[0].target != 2 || samples[0].strength != 1 {
		t.Fatalf("samples %+v, want item 2 at full strength", samples)
	}
	f.batch.fill(samples, rand.New(rand.NewPCG(1, 2)))
	for item, want := range map[int]struct{ history, mask float32 }{0: {0, 0}, 1: {.5, 0}, 2: {.5, 0}, 3: {1, never}} {
		if h, m := f.batch.history[item], f.batch.mask[item]; h != want.history || m != want.mask {
			t.Errorf("item %d: history %g, mask %g; want %+v", item, h, m, want)
		}
	}
}
