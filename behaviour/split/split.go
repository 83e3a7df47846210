// Package split cuts shoppers' events into what is learnt from (train), what is
// chosen on (val) and what is measured on (test), so that nothing of the later parts
// leaks into the earlier ones.
//
// A cut depends on the rows, the rule and the seed, not on the order in which rows
// are read. Each row is in exactly one part.
//
//	p := split.NewPlanner(cfg)
//	p.Add(e.Time)                    // first reading: every row
//	plan, err := p.Plan()
//	parts := plan.Cut(user, events)  // second reading: user by user
package split

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"weft/behaviour"
)

// Errors.
var (
	ErrConfig = errors.New("bad configuration of a split")
	ErrEmpty  = errors.New("a part of the split is empty")
)

// Rule is how events are cut.
type Rule string

// The rules.
const (
	// ByTime: one moment for everybody. What came before it is learnt from. It is how a
	// recommender is used, and the only rule under which nothing at all is from the future.
	ByTime Rule = "time"
	// ByUser: whole users, by the hash of their id and the seed: how well the shop
	// serves those it has never seen. Parts overlap in time.
	ByUser Rule = "user"
	// LeaveLast: of each user the last moment is measured on, the one before it is
	// chosen on. Users with fewer than three moments are learnt from. What others
	// did later is known while learning.
	LeaveLast Rule = "leave-last"
)

// Rules lists them.
func Rules() []Rule { return []Rule{ByTime, ByUser, LeaveLast} }

// NeedsTimes tells a rule whose Planner must see all times first.
func (r Rule) NeedsTimes() bool { return r == ByTime }

// Part is one of the three.
type Part string

// The parts, by the names that tables use.
const (
	Train Part = "train"
	Val   Part = "val"
	Test  Part = "test"
)

// Parts lists them in order.
func Parts() []Part { return []Part{Train, Val, Test} }

// Config says how to cut.
type Config struct {
	Rule Rule
	// Train and Val are the parts of all rows (ByTime) or users (ByUser) that go
	// there; the rest is Test. Defaults 0.8 and 0.1. LeaveLast has no use for them.
	Train, Val float64
	Seed       uint64 // of ByUser
}

// Defaults is the usual cut.
func Defaults() Config { return Config{Rule: ByTime, Train: 0.8, Val: 0.1, Seed: 1} }

// Validate names what is wrong.
func (c Config) Validate() error {
	if !slices.Contains(Rules(), c.Rule) {
		return fmt.Errorf("%w: rule %q: want time, user or leave-last", ErrConfig, c.Rule)
	}
	// The comparison is so that NaN is refused.
	if !(c.Train > 0 && c.Val > 0 && c.Train+c.Val < 1) {
		return fmt.Errorf("%w: %v for train and %v for val: want both above 0 and together below 1, the rest is test", ErrConfig, c.Train, c.Val)
	}
	return nil
}

// Planner finds the boundaries. It holds 8 bytes per time it was given.
type Planner struct {
	cfg   Config
	times []int64
}

// NewPlanner begins; see Config.Validate for its errors.
func NewPlanner(cfg Config) (*Planner, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Planner{cfg: cfg}, nil
}

// Add takes in the time of one row, in any order.
func (p *Planner) Add(ms int64) {
	if p.cfg.Rule.NeedsTimes() {
		p.times = append(p.times, ms)
	}
}

// Plan is how to cut. With ErrEmpty the times do not divide into three parts: there
// are too few different ones.
func (p *Planner) Plan() (*Plan, error) {
	plan := &Plan{Config: p.cfg}
	if !p.cfg.Rule.NeedsTimes() {
		return plan, nil
	}
	slices.Sort(p.times)
	n := len(p.times)
	val := p.boundary(p.cfg.Train)
	test := p.boundary(p.cfg.Train + p.cfg.Val)
	if val == 0 || test <= val || test == n {
		return nil, fmt.Errorf("%w: %d rows lie at too few different moments to be cut at %.0f %% and %.0f %% of time: give more rows, other parts, or another rule",
			ErrEmpty, n, 100*p.cfg.Train, 100*(p.cfg.Train+p.cfg.Val))
	}
	plan.ValFrom, plan.TestFrom = p.times[val], p.times[test]
	return plan, nil
}

// boundary is where to cut so that the part q of all times lies before, as nearly
// as rows of one moment, which stay together, allow.
func (p *Planner) boundary(q float64) int {
	n := len(p.times)
	want := q * float64(n)
	at := min(int(want), n-1)
	if at < 0 {
		return 0
	}
	from, _ := slices.BinarySearch(p.times, p.times[at])
	to := n
	if p.times[at] < math.MaxInt64 {
		to, _ = slices.BinarySearch(p.times, p.times[at]+1)
	}
	if want-float64(from) <= float64(to)-want {
		return from
	}
	return to
}

// Plan is a cut that is fixed.
type Plan struct {
	Config Config
	// ValFrom and TestFrom are the first moments (Unix ms) of the later parts under
	// ByTime; 0 otherwise.
	ValFrom, TestFrom int64
}

// Cut gives each of one user's events, oldest first, its part.
func (p *Plan) Cut(user string, events []behaviour.Event) []Part {
	parts := make([]Part, len(events))
	switch p.Config.Rule {
	case ByUser:
		part := p.ofUser(user)
		for i := range parts {
			parts[i] = part
		}
	case LeaveLast:
		val, test := lastMoments(events)
		for i := range events {
			parts[i] = cut(events[i].Time, val, test)
		}
	default:
		for i := range events {
			parts[i] = cut(events[i].Time, p.ValFrom, p.TestFrom)
		}
	}
	return parts
}

func cut(ms, valFrom, testFrom int64) Part {
	switch {
	case ms < valFrom:
		return Train
	case ms < testFrom:
		return Val
	}
	return Test
}

// lastMoments are the last moment but one and the last; past all time where there
// are fewer than three.
func lastMoments(events []behaviour.Event) (val, test int64) {
	moments := 0
	val, test = math.MaxInt64, math.MaxInt64
	for i := len(events) - 1; i >= 0 && moments < 3; i-- {
		if i < len(events)-1 && events[i].Time == events[i+1].Time {
			continue
		}
		switch moments++; moments {
		case 1:
			test = events[i].Time
		case 2:
			val = events[i].Time
		}
	}
	if moments < 3 {
		return math.MaxInt64, math.MaxInt64
	}
	return val, test
}

// ofUser depends on the user and the seed alone: more users, or other ones, change
// nothing for this one.
func (p *Plan) ofUser(user string) Part {
	var seed [8]byte
	binary.LittleEndian.PutUint64(seed[:], p.Config.Seed)
	sum := sha256.Sum256(append(seed[:], user...))
	at := float64(binary.LittleEndian.Uint64(sum[:8])>>11) / (1 << 53)
	switch {
	case at < p.Config.Train:
		return Train
	case at < p.Config.Train+p.Config.Val:
		return Val
	}
	return Test
}
