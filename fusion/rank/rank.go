// Package rank measures a model that scores items for users the way it would be used: every item is ranked, what the user
// already had is left out, and what counts is which of the held-out items come out on top.
//
// No sampled negatives: metrics over a sample order models differently (Krichene and Rendle, KDD 2020). Values are kept per
// user, so that two models can be compared on the same users.
package rank

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Errors of this package, for errors.Is.
var (
	ErrProtocol = errors.New("bad evaluation protocol")
	ErrScore    = errors.New("model gives no usable score")
)

// Scorer is a model. Score fills dst, as long as there are items, with the user's score of every item; greater is better,
// -Inf is never shown. It is called by many goroutines at once.
type Scorer interface {
	Score(user int32, dst []float32)
}

// BatchScorer is a Scorer that is faster for several users at once. dst holds their scores one user after the other.
type BatchScorer interface {
	Scorer
	ScoreBatch(users []int32, dst []float32)
}

// Slice is a part of the users, of their targets, or of the items that compete. nil stands for all.
type Slice struct {
	Name       string
	Users      []bool // one per user
	Targets    []bool // one per item: only these targets count
	Candidates []bool // one per item: only these are ranked
}

// Protocol says what is ranked for whom.
type Protocol struct {
	Items   int
	Seen    [][]int32 // per user, what is never shown to them
	Targets [][]int32 // per user, what they chose later; users without any are not evaluated
	K       []int     // lengths of the list; nil is 10, 20, 50
	Slices  []Slice   // nil is one slice of everything, "all"
	// Resamples of the bootstrap behind the intervals; 0 is none. 1,000 is usual.
	Resamples int
	Seed      uint64 // of the bootstrap
	Workers   int    // goroutines; 0 is one for each core
}

func (p Protocol) withDefaults() (Protocol, error) {
	if p.K == nil {
		p.K = []int{10, 20, 50}
	}
	p.K = slices.Sorted(slices.Values(p.K))
	if p.Slices == nil {
		p.Slices = []Slice{{Name: "all"}}
	}
	if p.Workers <= 0 {
		p.Workers = runtime.GOMAXPROCS(0)
	}
	switch {
	case p.Items < 1:
		return p, fmt.Errorf("%w: %d items: want at least 1", ErrProtocol, p.Items)
	case len(p.Seen) != len(p.Targets):
		return p, fmt.Errorf("%w: lists of what was seen for %d users, of targets for %d: want one each for every user", ErrProtocol, len(p.Seen), len(p.Targets))
	case p.K[0] < 1:
		return p, fmt.Errorf("%w: list length %d: want at least 1", ErrProtocol, p.K[0])
	case p.Resamples < 0:
		return p, fmt.Errorf("%w: %d resamples: want 0 or more", ErrProtocol, p.Resamples)
	}
	for _, s := range p.Slices {
		if s.Users != nil && len(s.Users) != len(p.Targets) || s.Targets != nil && len(s.Targets) != p.Items || s.Candidates != nil && len(s.Candidates) != p.Items {
			return p, fmt.Errorf("%w: slice %q: want %d users, %d targets and %d candidates, or nil for all", ErrProtocol, s.Name, len(p.Targets), p.Items, p.Items)
		}
	}
	for _, lists := range [][][]int32{p.Seen, p.Targets} {
		for user, list := range lists {
			for _, item := range list {
				if item < 0 || int(item) >= p.Items {
					return p, fmt.Errorf("%w: user %d has item %d: want 0 to %d", ErrProtocol, user, item, p.Items-1)
				}
			}
		}
	}
	return p, nil
}

// Evaluate ranks all items for every user with targets. A slice in which nobody has a target has no users and no values.
func Evaluate(ctx context.Context, s Scorer, p Protocol) (Result, error) {
	p, err := p.withDefaults()
	if err != nil {
		return Result{}, err
	}
	tallies := make([]tally, len(p.Slices))
	for i, slice := range p.Slices {
		tallies[i] = newTally(slice, p)
	}
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range p.Workers {
		group.Go(func() error { return work(ctx, s, p, tallies, &next) })
	}
	if err := group.Wait(); err != nil {
		return Result{}, err
	}
	var r Result
	for i := range tallies {
		r.Slices = append(r.Slices, tallies[i].result(p))
	}
	return r, nil
}

// chunk is how many users a goroutine takes at a time.
const chunk = 16

func work(ctx context.Context, s Scorer, p Protocol, tallies []tally, next *atomic.Int64) error {
	scores := make([]float32, chunk*p.Items)
	target := make([]bool, p.Items)
	users := make([]int32, 0, chunk)
	var pick picker
	for {
		from := int(next.Add(chunk)) - chunk
		if from >= len(p.Targets) {
			return nil
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		users = users[:0]
		for user := from; user < min(from+chunk, len(p.Targets)); user++ {
			if slices.ContainsFunc(tallies, func(t tally) bool { return t.place[user] >= 0 }) {
				users = append(users, int32(user))
			}
		}
		if len(users) == 0 {
			continue
		}
		scoreAll(s, users, scores[:len(users)*p.Items], p.Items)
		for i, user := range users {
			if err := rankOne(user, scores[i*p.Items:(i+1)*p.Items], target, p, tallies, &pick); err != nil {
				return err
			}
		}
	}
}

func scoreAll(s Scorer, users []int32, scores []float32, items int) {
	if b, ok := s.(BatchScorer); ok {
		b.ScoreBatch(users, scores)
		return
	}
	for i, user := range users {
		s.Score(user, scores[i*items:(i+1)*items])
	}
}

// rankOne lists for one user and counts in every slice. target is all false before and after.
func rankOne(user int32, scores []float32, target []bool, p Protocol, tallies []tally, pick *picker) error {
	for item, x := range scores {
		if math.IsNaN(float64(x)) {
			return fmt.Errorf("%w: user %d, item %d: NaN", ErrScore, user, item)
		}
	}
	for _, item := range p.Seen[user] {
		scores[item] = float32(math.Inf(-1))
	}
	for _, item := range p.Targets[user] {
		target[item] = true
	}
	for i := range tallies {
		tallies[i].count(int(user), scores, target, p, pick)
	}
	for _, item := range p.Targets[user] {
		target[item] = false
	}
	return nil
}
