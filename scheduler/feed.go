package scheduler

import (
	"context"
	"time"

	"weft/tasks"
)

// tellEvery is how often it is told how the sweep stands: it is forgotten otherwise.
const tellEvery = 2 * time.Second

func (s *Scheduler) tellLoop(ctx context.Context) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		if s.Lead() {
			if err := s.Tell(ctx, s.feed()); err != nil && ctx.Err() == nil {
				s.Log.Debug("how the sweep stands could not be told and will be again", "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// feed is how the sweep stands.
func (s *Scheduler) feed() tasks.Feed {
	set := s.Settings()
	f := tasks.Feed{At: time.Now().UnixMilli(), Weight: set.Weight, Quota: set.Quota, Fault: set.Fault}
	f.Items, f.Since = s.ahead.left()
	for _, w := range []*window{s.bulkUsers, s.bulk, s.liveUsers, s.live} {
		if held := w.held.Load(); held != nil {
			f.Held = *held
		}
	}
	return f
}
