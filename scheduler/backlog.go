package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"weft/tasks"
)

// DefaultTarget is within which time a backlog is to be done where nobody says.
const DefaultTarget = 5 * time.Minute

// Targets are bounded: below a second nothing can be started in time, above a day
// nothing would be.
const (
	MinTarget = time.Second
	MaxTarget = 24 * time.Hour
)

// Signals is where a Gauge reads; *queue.Client is one.
type Signals interface {
	Signals(ctx context.Context) (tasks.Signals, error)
}

// Gauge turns what the queues hold into time. Any number of processes may have one:
// all read the same signals. It remembers the seconds per item that it saw, for when
// the server has lost them and no worker runs. Safe for concurrent use.
type Gauge struct {
	signals Signals

	mu    sync.Mutex
	known map[tasks.Type]float64
}

// NewGauge reads the fleet's signals.
func NewGauge(s Signals) *Gauge { return &Gauge{signals: s, known: map[tasks.Type]float64{}} }

// Look reads the signals and weighs them for a target, from MinTarget to MaxTarget; 0 is
// DefaultTarget. It answers for the tenants that are named, or for all who have anything
// to do where none is.
func (g *Gauge) Look(ctx context.Context, target time.Duration, tenants ...tasks.Tenant) (tasks.Fleet, error) {
	if target == 0 {
		target = DefaultTarget
	}
	if target < MinTarget || target > MaxTarget {
		return tasks.Fleet{}, fmt.Errorf("backlog: the target %v is not from %v to %v", target, MinTarget, MaxTarget)
	}
	s, err := g.signals.Signals(ctx)
	if err != nil {
		return tasks.Fleet{}, fmt.Errorf("backlog: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for t, seconds := range paces(s) {
		g.known[t] = seconds
	}
	if len(tenants) == 0 {
		tenants = slices.Collect(maps.Keys(s.Tenants))
	}
	return weigh(slices.Sorted(slices.Values(tenants)), s, g.known, target), nil
}

// paces are the seconds per item of a worker of the fleet: of those that run, the
// mean of their rates; where none of them has measured a type, what was last known.
func paces(s tasks.Signals) map[tasks.Type]float64 {
	out := map[tasks.Type]float64{}
	for _, t := range tasks.Types() {
		rates, n := 0.0, 0
		for _, w := range s.Workers {
			if seconds := w.Seconds[t]; seconds > 0 && !w.Draining {
				rates, n = rates+1/seconds, n+1
			}
		}
		if n > 0 {
			out[t] = float64(n) / rates
		} else if seconds := s.Known[t]; seconds > 0 {
			out[t] = seconds
		}
	}
	return out
}

// weigh is Look without its surroundings.
func weigh(tenants []tasks.Tenant, s tasks.Signals, known map[tasks.Type]float64, target time.Duration) tasks.Fleet {
	sum := scale{signals: s, known: known, Backlog: tasks.Backlog{Queues: queues(s, known), Measured: true}}
	all := tasks.Fleet{Tenants: []tasks.Backlog{}}
	for _, tenant := range tenants {
		one := scale{signals: s, known: known, Backlog: tasks.Backlog{Tenant: tenant, Queues: queues(s, known), Measured: true}}
		work := s.Tenants[tenant]
		for _, to := range []*scale{&one, &sum} {
			to.add(work)
			for _, w := range s.Workers {
				to.Spent += w.Spent[tenant]
			}
		}
		one.Weight, one.Quota, one.Held, one.Fault = work.Feed.Weight, work.Feed.Quota, work.Feed.Held, work.Feed.Fault
		all.Tenants = append(all.Tenants, one.read(target))
	}
	all.Backlog = sum.read(target)
	return all
}

// scale adds up what waits.
type scale struct {
	tasks.Backlog
	signals tasks.Signals
	known   map[tasks.Type]float64
	waits   int // that a worker could do something about, now or later
}

// seconds of one worker per item; measured tells that they are no default.
func secondsOf(known map[tasks.Type]float64, t tasks.Type) (seconds float64, measured bool) {
	if seconds, measured = known[t]; !measured {
		seconds = tasks.DefaultSeconds(t)
	}
	return seconds, measured
}

// queues are those of the server, empty.
func queues(s tasks.Signals, known map[tasks.Type]float64) []tasks.QueueBacklog {
	out := []tasks.QueueBacklog{}
	for _, t := range tasks.Types() {
		for _, l := range tasks.Lanes() {
			q := tasks.QueueBacklog{Queue: tasks.QueueName(t, l), Paused: len(out) < len(s.Paused) && s.Paused[len(out)]}
			q.ItemSeconds, _ = secondsOf(known, t)
			out = append(out, q)
		}
	}
	return out
}

func (b *scale) queue(t tasks.Type, l tasks.Lane) *tasks.QueueBacklog {
	return &b.Queues[slices.IndexFunc(b.Queues, func(q tasks.QueueBacklog) bool { return q.Queue == tasks.QueueName(t, l) })]
}

func (b *scale) add(w tasks.Work) {
	for _, l := range w.Loads {
		seconds, measured := secondsOf(b.known, l.Type)
		q := b.queue(l.Type, l.Lane)
		q.Pending, q.Active, q.Due = q.Pending+l.Pending, q.Active+l.Active, q.Due+l.Due
		q.Waiting, q.Delayed, q.Oldest = q.Waiting+l.Ready(), q.Delayed+l.Delayed(), max(q.Oldest, l.Oldest)
		q.Work += float64(l.Ready()) * seconds
		b.Waiting, b.Delayed = b.Waiting+l.Ready(), b.Delayed+l.Delayed()
		if q.Paused {
			continue // no number of workers would move it
		}
		b.Work += float64(l.Ready()) * seconds
		b.Oldest = max(b.Oldest, l.Oldest)
		b.waits += l.Ready() + l.Delayed()
		b.Measured = b.Measured && (measured || l.Ready() == 0)
	}
	for t, n := range w.Feed.Items {
		b.Unissued += n
		if n <= 0 || b.queue(t, tasks.Bulk).Paused {
			continue
		}
		seconds, measured := secondsOf(b.known, t)
		b.waits += n
		b.Work += float64(n) * seconds
		b.Oldest = max(b.Oldest, float64(b.signals.Now-w.Feed.Since)/1000)
		b.Measured = b.Measured && measured
	}
}

// read sums up.
func (b *scale) read(target time.Duration) tasks.Backlog {
	b.Target = target.Seconds()
	for _, w := range b.signals.Workers {
		if !w.Draining {
			b.Workers++
		}
	}
	switch {
	case b.waits == 0:
		drain := 0.0
		b.Drain = &drain
	case b.Workers > 0:
		drain := b.Work / float64(b.Workers)
		b.Drain = &drain
	}
	b.Wanted = wanted(b.Work, b.Oldest, target.Seconds(), b.waits > 0)
	return b.Backlog
}

// hurry bounds how much more is wanted for work that is late: it is to be done in
// a quarter of the target.
const hurry = 4

// wanted is how many workers do the work within the target, counted from when the
// first of it came: work / (target − oldest). Without the age the number would fall
// as fast as the work does, and the last of it would never be done. One worker stays for
// what was put back until later: nobody else would notice that its time has come.
func wanted(work, oldest, target float64, waits bool) int {
	if !waits {
		return 0
	}
	left := max(target-oldest, target/hurry)
	return max(1, int(math.Min(math.Ceil(work/left-1e-9), math.MaxInt32)))
}

// ErrPolicy reports a Policy that cannot be followed.
var ErrPolicy = errors.New("scaling policy")

// Policy says how many workers there may be and how calmly their number follows.
type Policy struct {
	Min, Max int // workers
	// CoolDown is how long fewer workers must be wanted before any is stopped. Longer
	// than an item takes, or workers are stopped between two items.
	CoolDown time.Duration
}

// Validate names the field that cannot be followed. It wraps ErrPolicy.
func (p Policy) Validate() error {
	switch {
	case p.Min < 0:
		return fmt.Errorf("%w: Min %d: want 0 or more", ErrPolicy, p.Min)
	case p.Max < 1 || p.Max < p.Min:
		return fmt.Errorf("%w: Max %d: want at least 1, and at least Min, which is %d", ErrPolicy, p.Max, p.Min)
	case p.CoolDown < time.Second:
		return fmt.Errorf("%w: CoolDown %v: want a second or more, and more than an item takes", ErrPolicy, p.CoolDown)
	}
	return nil
}

// tolerance is the share of the present number by which more must be wanted: a
// measure that trembles starts nothing. It is Kubernetes' own.
const tolerance = 0.1

// History is what was wanted during the last cool-down. The zero value is that of
// somebody who has just begun to look.
type History struct {
	since time.Time // of the first look
	peaks []wish    // falling: each is the most that was wanted from then on
}

type wish struct {
	at time.Time
	n  int
}

// Decide is how many workers there should be from now on, of current ones, when
// wanted would do; and the history for the next call. It is how Kubernetes' autoscaler
// decides with a stabilisation window of CoolDown: up at once, down to the most that
// was wanted within the window. It keeps h as it was.
func (p Policy) Decide(want, current int, now time.Time, h History) (int, History) {
	want = min(max(want, p.Min), p.Max)
	next := History{since: h.since}
	if next.since.IsZero() {
		next.since = now
	}
	for _, w := range h.peaks {
		if now.Sub(w.at) < p.CoolDown && w.n > want {
			next.peaks = append(next.peaks, w)
		}
	}
	next.peaks = append(next.peaks, wish{now, want})
	switch most := next.peaks[0].n; {
	case current < p.Min:
		return max(want, p.Min), next
	case current > p.Max:
		return p.Max, next
	case float64(want) > float64(current)*(1+tolerance):
		return want, next
	case most < current && now.Sub(next.since) >= p.CoolDown:
		return most, next
	}
	return current, next
}
