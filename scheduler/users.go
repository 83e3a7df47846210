package scheduler

import (
	"context"
	"fmt"
	"time"

	"weft/tasks"
)

// UserReport is what one sweep over the shoppers found.
type UserReport struct {
	Users    int           `json:"users"`    // of whom anything is known
	Current  int           `json:"current"`  // whose vector is of just these rows and products
	Declined int           `json:"declined"` // who may have none
	Waiting  int           `json:"waiting"`  // who name nothing that is known
	Due      int           `json:"due"`      // to be fused or withdrawn
	Fuse     int           `json:"fuse"`     // of these, not in a queue already
	Took     time.Duration `json:"took"`
}

// SweepUsers compares all that shoppers did and said with their vectors, and enqueues
// the fusions that are missing or stale: the truth, where the hints of those who
// commit rows make its findings arrive sooner.
func (s *Scheduler) SweepUsers(ctx context.Context) (UserReport, error) {
	start := time.Now()
	var r UserReport
	if err := s.Lake.Refresh(ctx); err != nil {
		return r, fmt.Errorf("sweep of users: %w", err)
	}
	err := eachShopper(ctx, s.view(), func(u shopper) error {
		if u.rows > 0 {
			r.Users++
		}
		switch u.standing {
		case upToDate:
			r.Current++
		case refused:
			r.Declined++
		case awaiting:
			r.Waiting++
		default:
			r.Due++
			if err := s.bulkUsers.room(ctx); err != nil {
				return err
			}
			queued, err := s.enqueue(ctx, tasks.Task{Type: tasks.UserFuse, User: u.id}, tasks.Bulk)
			if err != nil {
				return err
			}
			if queued {
				r.Fuse++
			}
		}
		return nil
	})
	if err != nil {
		return r, fmt.Errorf("sweep of users: %w", err)
	}
	r.Took = time.Since(start)
	return r, nil
}

const (
	// userShare is how much of the time the passes over shoppers may take: long ones
	// come less often.
	userShare = 0.1
	// patience is for how many rounds shoppers wait for products that are being made,
	// rather than being fused again with every few of them.
	patience = 10
	// stubborn passes that find as many shoppers due each time tell that nothing comes
	// of going on.
	stubborn = 5
)

// userPass is a completed pass over the shoppers.
type userPass struct {
	UserReport
	ended time.Time
	asked int64 // by Settled: product tasks issued by then, and 1; 0: not asked for
	same  int   // passes in a row, this one among them, that found as many due
}

func (s *Scheduler) userLoop(ctx context.Context) {
	tick := time.NewTicker(s.SweepEvery)
	defer tick.Stop()
	var wait <-chan time.Time
	for {
		select {
		case <-tick.C:
		case <-wait:
		case <-s.usersSoon:
		case <-ctx.Done():
			return
		}
		wait = nil
		if !s.Lead() || s.sweeps.Load() == 0 {
			continue
		}
		asked := s.asked.Swap(0)
		if asked == 0 && !s.dueUsers(ctx) {
			continue
		}
		r, err := s.SweepUsers(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Error("the sweep over shoppers failed and will be tried again", "error", err)
			wait = time.After(min(s.SweepEvery, 2*time.Second))
		}
		if err != nil {
			continue
		}
		s.Log.Debug("sweep over shoppers", "report", r)
		pass := userPass{UserReport: r, ended: time.Now(), asked: asked, same: 1}
		if last := s.lastUsers.Load(); last != nil && last.Due == r.Due {
			pass.same = last.same + 1
		}
		if pass.same == stubborn && r.Due > 0 {
			s.Log.Warn("vectors of shoppers stay stale however often they are made; is a worker of another version running?", "shoppers", r.Due)
		}
		s.lastUsers.Store(&pass)
	}
}

// dueUsers tells whether it is time for a pass that nobody asked for.
func (s *Scheduler) dueUsers(ctx context.Context) bool {
	last := s.lastUsers.Load()
	if last == nil {
		return true
	}
	since := time.Since(last.ended)
	if since < time.Duration(float64(last.Took)*(1/userShare-1)) {
		return false
	}
	ds, err := s.Queue.DepthsByTenant(ctx)
	return err != nil || since > patience*s.SweepEvery || waitingOf(ds[s.Tenant], products, tasks.Lanes()...) == 0
}

// Settled tells that a pass over the shoppers, begun when no product was in work, has
// found nothing to do. Where there was none, one begins: the products that have been
// made may be what shoppers waited for. Ask when the queues are empty.
func (s *Scheduler) Settled() bool {
	if s.Behaviour == nil {
		return true
	}
	now := s.issued.Load() + 1
	if last := s.lastUsers.Load(); last != nil && last.asked == now && (last.Due == 0 || last.same >= stubborn) {
		return true
	}
	s.asked.Store(now)
	s.sweepUsersSoon()
	return false
}

func (s *Scheduler) sweepUsersSoon() {
	select {
	case s.usersSoon <- struct{}{}:
	default:
	}
}

// LastUsers is the report of the newest completed pass over the shoppers, nil before
// the first.
func (s *Scheduler) LastUsers() *UserReport {
	if last := s.lastUsers.Load(); last != nil {
		return &last.UserReport
	}
	return nil
}
