package scheduler

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"weft/tasks"
)

// Day is a made-up day of a catalogue: a trickle of items and bursts, and workers
// that take as long to start as real ones. Nothing of it runs.
type Day struct {
	Seed        uint64
	Trickle     float64       // items a second, all day
	Bursts      []Burst       // whole feeds
	ItemSeconds float64       // of one worker
	Noise       float64       // spread (log-normal) of the measured seconds per item
	StartUp     time.Duration // from the decision to a worker's first item
	Every       time.Duration // between two looks
	Target      time.Duration // within which a backlog is to be done
}

// Burst is a feed that arrives over a time.
type Burst struct {
	At, Over time.Duration
	Items    int
}

// DefaultDay is a shop with a nightly feed, three of office hours, and some of
// nobody knows when.
func DefaultDay(seed uint64, target time.Duration) Day {
	d := Day{Seed: seed, Trickle: 0.005, ItemSeconds: 0.02, Noise: 0.15, StartUp: 6 * time.Second, Every: 2 * time.Second, Target: target}
	d.Bursts = []Burst{{2 * time.Hour, 20 * time.Minute, 600_000}, {9 * time.Hour, 5 * time.Minute, 150_000},
		{13 * time.Hour, 2 * time.Minute, 150_000}, {17 * time.Hour, time.Minute, 50_000}}
	r := rand.New(rand.NewPCG(seed, 1))
	for range 12 {
		d.Bursts = append(d.Bursts, Burst{time.Duration(r.Int64N(int64(24 * time.Hour))), time.Duration(1+r.IntN(120)) * time.Second, 200 + r.IntN(20_000)})
	}
	return d
}

// DayResult is how a day went.
type DayResult struct {
	Items       int     `json:"items"`
	WaitP50     float64 `json:"wait_p50_s"` // from arrival to a worker's hands
	WaitP95     float64 `json:"wait_p95_s"`
	WaitMax     float64 `json:"wait_max_s"`
	Late        float64 `json:"late_share"` // of the items, that waited longer than the target
	WorkerHours float64 `json:"worker_hours"`
	Most        int     `json:"most_workers"`
	Changes     int     `json:"changes"` // of the number of workers
	Flaps       int     `json:"flaps"`   // starts within a minute of a stop
	Left        int     `json:"left"`    // items at midnight
}

// Fixed runs the day with a number of workers that never changes.
func (d Day) Fixed(workers int) DayResult {
	return d.run(workers, func(_ tasks.Backlog, current int, _ time.Time) int { return current })
}

// Scaled runs the day under a policy, from no worker.
func (d Day) Scaled(p Policy) DayResult {
	var h History
	return d.run(p.Min, func(b tasks.Backlog, current int, now time.Time) (n int) {
		n, h = p.Decide(b.Wanted, current, now, h)
		return n
	})
}

// cohort is what arrived in one second.
type cohort struct {
	at   int // second of the day
	left int
}

// run steps second by second; items are served in the order of their arrival.
func (d Day) run(workers int, decide func(b tasks.Backlog, current int, now time.Time) int) DayResult {
	const day = 24 * 3600
	r := rand.New(rand.NewPCG(d.Seed, 2))
	arrivals, rest := d.arrivals(day), 0.0
	var queue []cohort
	var out DayResult
	var waits []int // items by seconds waited
	var ready []int // from which second on each worker takes items
	for range workers {
		ready = append(ready, 0)
	}
	waiting, lastStop := 0, -day
	begin := time.Unix(0, 0)
	for now := range day {
		if n := arrivals[now]; n > 0 {
			queue, waiting = append(queue, cohort{now, n}), waiting+n
		}
		out.Items += arrivals[now]
		if now%max(1, int(d.Every.Seconds())) == 0 {
			n := decide(d.look(queue, waiting, len(ready), now, r), len(ready), begin.Add(time.Duration(now)*time.Second))
			if n != len(ready) {
				out.Changes++
			}
			if n > len(ready) && now-lastStop < 60 {
				out.Flaps++
			}
			if n < len(ready) {
				lastStop, ready = now, ready[:n] // the newest go first
			}
			for len(ready) < n {
				ready = append(ready, now+int(d.StartUp.Seconds()))
			}
		}
		out.Most = max(out.Most, len(ready))
		out.WorkerHours += float64(len(ready)) / 3600
		able := 0
		for _, at := range ready {
			if at <= now {
				able++
			}
		}
		rest = math.Min(rest+float64(able)/d.ItemSeconds, float64(waiting)) // an idle second is not saved up
		for rest >= 1 && len(queue) > 0 {
			n := min(queue[0].left, int(rest))
			waited := now - queue[0].at
			for len(waits) <= waited {
				waits = append(waits, 0)
			}
			waits[waited] += n
			rest, waiting = rest-float64(n), waiting-n
			if queue[0].left -= n; queue[0].left == 0 {
				queue = queue[1:]
			}
		}
	}
	out.Left = waiting
	out.spread(waits, d.Target.Seconds())
	return out
}

// look is what the real signals would say.
func (d Day) look(queue []cohort, waiting, workers, now int, r *rand.Rand) tasks.Backlog {
	load := tasks.Load{Depth: tasks.Depth{Type: tasks.ImageEmbed, Lane: tasks.Bulk, Pending: waiting}}
	if len(queue) > 0 {
		load.Oldest = float64(now - queue[0].at)
	}
	s := tasks.Signals{Workers: make([]tasks.Pace, workers), Tenants: map[tasks.Tenant]tasks.Work{"day": {Loads: []tasks.Load{load}}}}
	seconds := d.ItemSeconds * math.Exp(d.Noise*r.NormFloat64())
	return weigh([]tasks.Tenant{"day"}, s, map[tasks.Type]float64{tasks.ImageEmbed: seconds}, d.Target).Backlog
}

func (d Day) arrivals(seconds int) []int {
	r := rand.New(rand.NewPCG(d.Seed, 3))
	out := make([]int, seconds)
	for i := range out {
		for wait := r.ExpFloat64(); wait < d.Trickle; wait += r.ExpFloat64() { // Poisson
			out[i]++
		}
	}
	for _, b := range d.Bursts {
		over := max(1, int(b.Over.Seconds()))
		for i := range over {
			at := min(seconds-1, int(b.At.Seconds())+i)
			out[at] += b.Items*(i+1)/over - b.Items*i/over
		}
	}
	return out
}

func (o *DayResult) spread(waits []int, target float64) {
	total, late := 0, 0
	for waited, n := range waits {
		total += n
		if float64(waited) > target {
			late += n
		}
	}
	if total == 0 {
		return
	}
	at := func(share float64) float64 {
		seen := 0
		return float64(slices.IndexFunc(waits, func(n int) bool { seen += n; return float64(seen) >= share*float64(total) }))
	}
	o.WaitP50, o.WaitP95, o.WaitMax, o.Late = at(.5), at(.95), float64(len(waits)-1), float64(late)/float64(total)
}
