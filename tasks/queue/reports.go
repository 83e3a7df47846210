package queue

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// reports tells others, every reportEvery, how fast this worker is, and hears
// whether it is to drain. A failure is tried again at the next.
type reports struct {
	rdb      redis.UniversalClient
	name     string
	meter    *meter
	drain    func()
	tally    func() (encoded, cached map[tasks.Modality]int64) // nil: not told
	spent    func() map[tasks.Tenant]float64                   // nil: not told
	room     int
	log      *slog.Logger
	started  time.Time
	draining atomic.Bool

	asked  bool // to drain
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func newReports(cfg Config, m *meter) *reports {
	return &reports{rdb: cfg.Redis, name: cfg.Name, meter: m, drain: cfg.Drain, tally: cfg.Tally, spent: cfg.Spent, room: cfg.Room, log: cfg.Log, started: time.Now()}
}

func (r *reports) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.done.Go(func() {
		tick := time.NewTicker(reportEvery)
		defer tick.Stop()
		for {
			if err := r.tell(ctx, r.meter.tick(time.Now())); err != nil && ctx.Err() == nil {
				r.log.Debug("this worker's pace could not be told and will be again", "error", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// tell writes the report in one round trip.
func (r *reports) tell(ctx context.Context, p tasks.Pace) error {
	p.Name, p.Started, p.Draining, p.Room = r.name, r.started.UnixMilli(), r.draining.Load(), r.room
	if r.tally != nil {
		p.Encoded, p.Cached = r.tally()
	}
	if r.spent != nil {
		p.Spent = r.spent()
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	var drain *redis.IntCmd
	err = pipelined(ctx, r.rdb, func(c redis.Pipeliner) {
		drain = c.Del(ctx, drainKey(r.name))
		c.HSet(ctx, workersKey, r.name, b)
		for t, seconds := range p.Seconds {
			c.HSet(ctx, knownKey, string(t), seconds)
		}
	})
	if err == nil && drain.Val() > 0 && !r.asked {
		r.asked = true
		r.log.Info("asked to drain")
		if r.drain != nil {
			r.drain()
		}
	}
	return err
}

// stop ends the reports and takes this worker off the list, and those that died a
// while ago.
func (r *reports) stop() {
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	gone := []string{r.name}
	if all, err := r.rdb.HGetAll(ctx, workersKey).Result(); err == nil {
		for name, text := range all {
			var p tasks.Pace
			if json.Unmarshal([]byte(text), &p) != nil || time.Since(time.UnixMilli(p.At)) > time.Hour {
				gone = append(gone, name)
			}
		}
	}
	_ = r.rdb.HDel(ctx, workersKey, gone...).Err() // else it falls silent
}
