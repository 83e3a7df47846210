package main

import (
	"fmt"
	"os"
	"time"

	"weft/scheduler"
	"weft/tasks"
	"weft/worker"
)

func pid() int { return os.Getpid() }

// report sums up a run that has nothing in hand.
func (u *up) report() upReport { return u.sum(u.node.workers(), u.first().scheduler) }

// finish stops, which ends what is in hand, and sums up.
func (u *up) finish() upReport {
	w, s := u.node.workers(), u.first().scheduler
	u.stop()
	return u.sum(w, s)
}

// first is the first tenant, as it is open now.
func (u *up) first() *tenant { return u.node.tenantOf(u.tenant.name) }

// sum adds up what was done for all tenants; the sweeps are those of the first.
func (u *up) sum(all []*worker.Worker, s *scheduler.Scheduler) upReport {
	p := worker.Sum(all)
	r := upReport{
		Startup: u.startup.Seconds(), Total: time.Since(u.began).Seconds(), Refilled: int(u.refilled.Load()),
		Encoded: map[string]int64{}, Cached: map[string]int64{}, Repeats: p.Repeats, Published: p.Published, Users: p.Users, Dead: p.Dead, Sweep: s.Last(), UserSweep: s.LastUsers(),
	}
	for _, m := range []tasks.Modality{tasks.Image, tasks.Text} {
		r.Encoded[string(m)], r.Cached[string(m)] = p.Encoded[m], p.Cached[m]
	}
	if work := p.Last.Sub(p.First); !p.First.IsZero() && work > 0 {
		r.Work = work.Seconds()
		r.ImagesRate = float64(p.Encoded[tasks.Image]+p.Cached[tasks.Image]) / r.Work
	}
	return r
}

// String is the report in one line.
func (r upReport) String() string {
	s := fmt.Sprintf("ready in %.2f s with %d vectors refilled; encoded %d photos and %d texts (%d known already), published %d vectors of products and %d of users, %d dead",
		r.Startup, r.Refilled, r.Encoded["image"], r.Encoded["text"], r.Cached["image"]+r.Cached["text"], r.Published, r.Users, r.Dead)
	if r.Work > 0 {
		s += fmt.Sprintf("; %.1f s of work, %.0f photos/s", r.Work, r.ImagesRate)
	}
	return s
}
