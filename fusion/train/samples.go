package train

import (
	"math"
	"math/rand/v2"
	"slices"

	"weft/fusion/dataset"
)

const day = 24 * 60 * 60 * 1000 // ms

// sample leads one user to one item. Its history is rows[:past] of the user's own rows (all but the target where past is
// the whole); own rows up to known are no negatives, but for what was looked at before and not taken by then.
type sample struct {
	user, target int32
	past, known  int32
	moment       int32
	strength     float32 // of the target, in the loss
}

// sampler draws the samples of an epoch.
type sampler struct {
	byUser  [][]dataset.Interaction // each in order of time
	config  Config
	moments []int64 // when users are looked at, Unix ms; nil without times
	end     int64
}

func newSampler(rows []dataset.Interaction, users, items int, timed bool, c Config) *sampler {
	s := &sampler{byUser: dataset.ByUser(rows, users), config: c}
	if !timed || len(rows) == 0 {
		return s
	}
	begin := rows[0].Time
	for _, r := range rows {
		begin, s.end = min(begin, r.Time), max(s.end, r.Time)
	}
	s.end++
	step := int64(c.Every * day)
	for at := s.end - step; at > begin; at -= step {
		s.moments = append(s.moments, at)
		if len(s.moments) == max(leastMoments, min(maxMoments, mostPopularity/items)) {
			break
		}
	}
	return s
}

// These bound the table of popularity, moments × items.
const (
	leastMoments, maxMoments = 4, 120
	mostPopularity           = 16_000_000
)

// A round asks every user once. An epoch of a shop with few users has several, since it is steps that a tower learns by; not
// many, or the best moment to stop would lie within an epoch.
const (
	leastSteps = 40
	mostRounds = 8
)

// epoch draws and shuffles the samples of one epoch. The same seed and number give the same samples.
func (s *sampler) epoch(seed uint64, number int) []sample {
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	var out []sample
	for rounds, r := 1, 0; r < rounds; r++ {
		for user, own := range s.byUser {
			if s.moments == nil {
				out = s.leaveOneOut(out, int32(user), own, random)
			} else {
				out = s.lookAhead(out, int32(user), own, random)
			}
		}
		if r == 0 && len(out) > 0 {
			rounds = min(mostRounds, (leastSteps*s.config.Batch+len(out)-1)/len(out))
		}
	}
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// leaveOneOut leads a user to some own items, each from the others.
func (s *sampler) leaveOneOut(out []sample, user int32, own []dataset.Interaction, random *rand.Rand) []sample {
	if len(own) < 2 {
		return out
	}
	n := int32(len(own))
	for _, i := range pick(len(own), s.config.Targets, random) {
		out = append(out, sample{user: user, target: own[i].Item, past: n, known: n, strength: s.config.Strength.Of(own[i].Weight)})
	}
	return out
}

// lookAhead stands at moments of the past and leads a user to what came soon after.
func (s *sampler) lookAhead(out []sample, user int32, own []dataset.Interaction, random *rand.Rand) []sample {
	window := int64(s.config.Window * day)
	at := func(t int64) int {
		n, _ := slices.BinarySearchFunc(own, t, func(r dataset.Interaction, t int64) int {
			if r.Time < t {
				return -1
			}
			return 1
		})
		return n
	}
	var wanted []int
	for m, moment := range s.moments {
		from, to := at(moment), at(moment+window)
		wanted = wanted[:0]
		for i := range own[:from] { // looked at before, and taken now
			if taken, ok := own[i].Taken(); ok && taken >= moment && taken < moment+window {
				wanted = append(wanted, i)
			}
		}
		for i := from; i < to; i++ {
			wanted = append(wanted, i)
		}
		if len(wanted) == 0 {
			continue
		}
		age := float64(s.end-moment) / day
		if random.Float64() > math.Exp2(-age/s.config.HalfLife) {
			continue
		}
		for _, i := range pick(len(wanted), s.config.Targets, random) {
			r := own[wanted[i]]
			out = append(out, sample{user: user, target: r.Item, past: int32(from), known: int32(to), moment: int32(m),
				strength: s.config.Strength.At(r, moment+window)})
		}
	}
	return out
}

// spans are the moment that a sample stands at, and the end of what it looks ahead to; without times, after all.
func (s *sampler) spans(x sample) (instant, until int64) {
	if s.moments == nil {
		return math.MaxInt64, math.MaxInt64
	}
	return s.moments[x.moment], s.moments[x.moment] + int64(s.config.Window*day)
}

// pick draws k of n without repeats, all when there are no more.
func pick(n, k int, random *rand.Rand) []int {
	chosen := random.Perm(n)
	return chosen[:min(k, n)]
}
