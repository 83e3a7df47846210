package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math"
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
	Signals(ctx context.Context, tenant tasks.Tenant) (tasks.Signals, error)
}

// Gauge turns what the queues hold into time. Any number of processes may have one:
// all read the same signals. It remembers the seconds per item that it saw, for when
// the server has lost them and no worker runs. Safe for concurrent use.
type Gauge struct {
	signals Signals
	tenant  tasks.Tenant

	mu    sync.Mutex
	known map[tasks.Type]float64
}

// NewGauge reads a tenant's signals.
func NewGauge(s Signals, tenant tasks.Tenant) *Gauge {
	return &Gauge{signals: s, tenant: tenant, known: map[tasks.Type]float64{}}
}

// Look reads the signals and weighs them for a target, from MinTarget to MaxTarget; 0 is
// DefaultTarget.
func (g *Gauge) Look(ctx context.Context, target time.Duration) (tasks.Backlog, error) {
	if target == 0 {
		target = DefaultTarget
	}
	if target < MinTarget || target > MaxTarget {
		return tasks.Backlog{}, fmt.Errorf("backlog: the target %v is not from %v to %v", target, MinTarget, MaxTarget)
	}
	s, err := g.signals.Signals(ctx, g.tenant)
	if err != nil {
		return tasks.Backlog{}, fmt.Errorf("backlog: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for t, seconds := range paces(s) {
		g.known[t] = seconds
	}
	return weigh(g.tenant, s, g.known, target), nil
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
func weigh(tenant tasks.Tenant, s tasks.Signals, known map[tasks.Type]float64, target time.Duration) tasks.Backlog {
	b := tasks.Backlog{Tenant: tenant, Target: target.Seconds(), Measured: true, Queues: []tasks.QueueBacklog{}}
	for _, w := range s.Workers {
		if !w.Draining {
			b.Workers++
		}
	}
	waits := 0 // that a worker could do something about, now or later
	paused := map[tasks.Type]bool{}
	for _, l := range s.Loads {
		seconds, measured := known[l.Type]
		if !measured {
			seconds = tasks.DefaultSeconds(l.Type)
		}
		q := tasks.QueueBacklog{Queue: tasks.QueueName(l.Type, l.Lane), Waiting: l.Ready(), Pending: l.Pending, Active: l.Active, Due: l.Due, Delayed: l.Delayed(),
			Oldest: l.Oldest, ItemSeconds: seconds, Work: float64(l.Ready()) * seconds, Paused: l.Paused}
		b.Queues = append(b.Queues, q)
		b.Waiting, b.Delayed = b.Waiting+q.Waiting, b.Delayed+q.Delayed
		if l.Paused {
			paused[l.Type] = paused[l.Type] || l.Lane == tasks.Bulk
			continue // no number of workers would move it
		}
		b.Work += q.Work
		b.Oldest = max(b.Oldest, q.Oldest)
		waits += q.Waiting + q.Delayed
		b.Measured = b.Measured && (measured || q.Waiting == 0)
	}
	for t, n := range s.Unissued.Items {
		b.Unissued += n
		if paused[t] || n <= 0 {
			continue
		}
		seconds, measured := known[t]
		if !measured {
			seconds = tasks.DefaultSeconds(t)
		}
		waits += n
		b.Work += float64(n) * seconds
		b.Oldest = max(b.Oldest, float64(s.Now-s.Unissued.Since)/1000)
		b.Measured = b.Measured && measured
	}
	switch {
	case waits == 0:
		drain := 0.0
		b.Drain = &drain
	case b.Workers > 0:
		drain := b.Work / float64(b.Workers)
		b.Drain = &drain
	}
	b.Wanted = wanted(b.Work, b.Oldest, target.Seconds(), waits > 0)
	return b
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
