package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// ReaperConfig describes a reaper. Zero fields take the defaults.
type ReaperConfig struct {
	Redis redis.UniversalClient // not closed
	Every time.Duration         // between two looks; default 3 s
	// Silent is how long a worker must not have extended the lease of a task before
	// the task is taken from it. Workers extend every 5 s, by their own clocks
	// (CheckClock): default 15 s, at least 10 s.
	Silent time.Duration
	// Tidy is how often stray records and asynq's archive are cleared and the queues
	// registered again; default 30 s.
	Tidy time.Duration
	Log  *slog.Logger
}

// Reaper issues the work of dead workers again, long before asynq would (60 to
// 130 s), and clears what asynq leaves behind. The lease that asynq's servers extend
// every 5 s in one command is the workers' heartbeat, so tasks cost nothing more.
// Any number may run at once: each step is idempotent, and a worker that was only
// frozen cannot acknowledge what was taken from it.
type Reaper struct {
	ReaperConfig
	client *Client
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// NewReaper checks cfg.
func NewReaper(cfg ReaperConfig) (*Reaper, error) {
	if cfg.Redis == nil || cfg.Log == nil {
		return nil, errors.New("reaper: Redis and Log are required")
	}
	if cfg.Every <= 0 {
		cfg.Every = 3 * time.Second
	}
	if cfg.Tidy <= 0 {
		cfg.Tidy = 30 * time.Second
	}
	if cfg.Silent == 0 {
		cfg.Silent = 15 * time.Second
	}
	if cfg.Silent < 10*time.Second || cfg.Silent > leaseTime {
		return nil, fmt.Errorf("reaper: Silent is %v: give 10 s to %v", cfg.Silent, leaseTime)
	}
	return &Reaper{ReaperConfig: cfg, client: NewClient(cfg.Redis)}, nil
}

// Start looks every Every until Stop.
func (r *Reaper) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.done.Go(func() {
		tick := time.NewTicker(r.Every)
		defer tick.Stop()
		var tidied time.Time
		for {
			err := r.look(ctx, &tidied)
			if err != nil && ctx.Err() == nil {
				r.Log.Warn("looking for dead workers failed and will be tried again", "error", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// Stop ends the look under way and waits for it.
func (r *Reaper) Stop() {
	if r.cancel != nil {
		r.cancel()
		r.done.Wait()
	}
}

func (r *Reaper) look(ctx context.Context, tidied *time.Time) error {
	if n, err := r.Reap(ctx); err != nil {
		return err
	} else if n > 0 {
		r.Log.Warn("workers fell silent, their tasks were issued again", "tasks", n)
	}
	if time.Since(*tidied) < r.Tidy {
		return nil
	}
	*tidied = time.Now()
	return r.Clean(ctx)
}

// reapPage is how many tasks of a queue are taken in one look.
const reapPage = 1000

// Reap issues tasks of silent workers again, with the next attempt epoch, and tells
// how many. A task that was in hand when its worker died is remembered as a suspect
// for a day, see Config.Suspects.
func (r *Reaper) Reap(ctx context.Context) (int, error) {
	now, err := r.Redis.Time(ctx).Result()
	if err != nil {
		return 0, fmt.Errorf("asking for the time: %w", err)
	}
	if err := leaseTheUnleased(ctx, r.Redis, now); err != nil {
		return 0, err
	}
	silentSince := now.Add(-r.Silent)
	found, err := orphans(ctx, r.Redis, silentSince, reapPage)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	bodies, err := payloads(ctx, r.Redis, found)
	if err != nil {
		return 0, err
	}
	total := 0
	for i, o := range found {
		cleared, err := r.reissue(ctx, o, bodies[i], silentSince)
		if err != nil {
			return total, err
		}
		if cleared {
			total++
		}
	}
	return total, nil
}

// reissue queues the next epoch of a task before it clears the present one: a
// crash in between repeats work instead of losing it.
func (r *Reaper) reissue(ctx context.Context, o orphan, payload []byte, silentSince time.Time) (bool, error) {
	t, err := tasks.Decode(payload)
	switch {
	case payload == nil: // asynq's record is lost; the sweep finds the work
		return o.clear(ctx, r.Redis, silentSince)
	case err != nil: // for a worker to refuse, or of a later version
		return false, o.putBack(ctx, r.Redis, silentSince)
	}
	t.Attempt++
	if err := suspect(ctx, r.Redis, t); err != nil {
		return false, err
	}
	if coalesced(t) { // a mark may be the dead worker's own: it died before it had begun
		if err := r.Redis.Del(ctx, waitingKey(t)).Err(); err != nil {
			return false, fmt.Errorf("unmarking %s %s: %w", t.Type, t.Subject(), err)
		}
	}
	if _, err := r.client.Enqueue(ctx, t); err != nil {
		return false, err
	}
	return o.clear(ctx, r.Redis, silentSince)
}

// Clean registers the queues, trims asynq's archive and deletes records that are in
// no list.
func (r *Reaper) Clean(ctx context.Context) error {
	if err := Register(ctx, r.Redis); err != nil {
		return err
	}
	archived, err := trimArchives(ctx, r.Redis)
	if err != nil {
		return err
	}
	strays, err := dropStrays(ctx, r.Redis)
	if err != nil {
		return err
	}
	if archived+strays > 0 {
		r.Log.Warn("cleared what asynq had given up or lost; the sweep looks at it", "archived", archived, "strays", strays)
	}
	return nil
}

// suspectTTL is how long a photo that was in hand at a crash is remembered.
const suspectTTL = 24 * time.Hour

func suspectKey(t tasks.Task) string {
	t.Attempt = 0
	return fmt.Sprintf("weft:%s:suspect:%s", t.Tenant, t.ID())
}

// suspect remembers how many workers a photo was in hand of when they died: the
// sweep does not know, and issues it with epoch 0.
func suspect(ctx context.Context, rdb redis.UniversalClient, t tasks.Task) error {
	if t.Type != tasks.ImageEmbed {
		return nil
	}
	if err := rdb.Set(ctx, suspectKey(t), t.Attempt, suspectTTL).Err(); err != nil {
		return fmt.Errorf("remembering a suspect: %w", full(err))
	}
	return nil
}

// suspected is the epoch of a task, or a higher one that is remembered of it.
func suspected(ctx context.Context, rdb redis.UniversalClient, t tasks.Task) (int, error) {
	if t.Type != tasks.ImageEmbed {
		return t.Attempt, nil
	}
	n, err := rdb.Get(ctx, suspectKey(t)).Int()
	if err != nil && !errors.Is(err, redis.Nil) {
		return t.Attempt, fmt.Errorf("looking for suspects: %w", err)
	}
	return max(n, t.Attempt), nil
}

// maxSkew is how far a worker's clock may be from the server's: leases are set by
// the one and judged by the other.
const maxSkew = 5 * time.Second

// ErrClock: this machine's clock and the server's differ too much.
var ErrClock = errors.New("clocks differ")

// CheckClock compares this machine's clock with the server's. Errors: ErrClock.
func CheckClock(ctx context.Context, rdb redis.UniversalClient) error {
	server, err := rdb.Time(ctx).Result()
	if err != nil {
		return fmt.Errorf("asking for the time: %w", err)
	}
	if d := time.Since(server); d.Abs() > maxSkew {
		return fmt.Errorf("%w: this machine is %v from the queue's Redis, at most %v is allowed: synchronise them (NTP)", ErrClock, d.Round(time.Millisecond), maxSkew)
	}
	return nil
}
