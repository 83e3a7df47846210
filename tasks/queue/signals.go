package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/tasks"
)

// What the fleet's processes tell each other of their work. All of it may be lost:
// workers tell again within reportEvery, the scheduler soon. No tenant can be called
// @fleet.
const (
	workersKey = "weft:@fleet:workers" // hash: name → Pace
	knownKey   = "weft:@fleet:pace"    // hash: task type → seconds
	feedsKey   = "weft:@fleet:feeds"   // hash: tenant → Feed
)

func drainKey(worker string) string { return "weft:@fleet:drain:" + worker }

// silentAfter is how old a worker's last report may be before it is no longer
// counted: three reports and the skew that clocks are allowed.
const silentAfter = 3*reportEvery + maxSkew

// feedLasts is how long a scheduler's report holds that nobody renews: it has died.
const feedLasts = time.Minute

// Signals reads what is known of the fleet's work, in four round trips: of every tenant
// of whom anything is queued or a scheduler tells.
func (c *Client) Signals(ctx context.Context) (tasks.Signals, error) {
	s := tasks.Signals{Tenants: map[tasks.Tenant]tasks.Work{}, Known: map[tasks.Type]float64{}}
	now, err := c.rdb.Time(ctx).Result()
	if err != nil {
		return s, fmt.Errorf("asking for the time: %w", err)
	}
	s.Now = now.UnixMilli()
	queues, err := census(ctx, c.rdb)
	if err != nil {
		return s, err
	}
	loads := loadsOf(queues, now)
	if err := waits(ctx, c.rdb, queues, now, loads); err != nil {
		return s, err
	}
	for _, q := range queues {
		s.Paused = append(s.Paused, q.paused)
	}
	for tenant, l := range loads {
		for i := range l {
			l[i].Paused = s.Paused[i]
		}
		s.Tenants[tenant] = tasks.Work{Loads: l}
	}
	var workers, known, feeds *redis.MapStringStringCmd
	err = pipelined(ctx, c.rdb, func(p redis.Pipeliner) {
		workers, known, feeds = p.HGetAll(ctx, workersKey), p.HGetAll(ctx, knownKey), p.HGetAll(ctx, feedsKey)
	})
	if err != nil {
		return s, fmt.Errorf("asking for the workers: %w", err)
	}
	s.Workers = paces(workers.Val(), now)
	for name, value := range known.Val() {
		if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 {
			s.Known[tasks.Type(name)] = seconds
		}
	}
	for name, text := range feeds.Val() {
		var f tasks.Feed // one of another version is told anew soon
		if json.Unmarshal([]byte(text), &f) == nil && f.At >= now.Add(-feedLasts).UnixMilli() {
			work := s.Tenants[tasks.Tenant(name)]
			work.Feed = f
			s.Tenants[tasks.Tenant(name)] = work
		}
	}
	return s, nil
}

// pipelined runs commands in one round trip. A key that is not there is no error.
func pipelined(ctx context.Context, rdb redis.UniversalClient, ask func(redis.Pipeliner)) error {
	cmds, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error { ask(p); return nil })
	for _, c := range cmds {
		if e := c.Err(); e != nil && !errors.Is(e, redis.Nil) {
			return e
		}
	}
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	return nil
}

// paces are the reports that are recent enough to count.
func paces(reports map[string]string, now time.Time) []tasks.Pace {
	var out []tasks.Pace
	for _, text := range reports {
		var p tasks.Pace
		if json.Unmarshal([]byte(text), &p) == nil && p.At >= now.Add(-silentAfter).UnixMilli() {
			out = append(out, p)
		}
	}
	return out
}

// SetFeed tells of a tenant's sweep. It is forgotten after a minute unless told again.
func (c *Client) SetFeed(ctx context.Context, tenant tasks.Tenant, f tasks.Feed) error {
	b, err := json.Marshal(f)
	if err == nil {
		err = c.rdb.HSet(ctx, feedsKey, string(tenant), b).Err()
	}
	if err != nil {
		return fmt.Errorf("telling of the sweep: %w", full(err))
	}
	return nil
}

// Workers are those that report, draining ones too.
func (c *Client) Workers(ctx context.Context) ([]tasks.Pace, error) {
	now, err := c.rdb.Time(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("asking for the time: %w", err)
	}
	reports, err := c.rdb.HGetAll(ctx, workersKey).Result()
	if err != nil {
		return nil, fmt.Errorf("asking for the workers: %w", err)
	}
	return paces(reports, now), nil
}

// drainTTL is how long a worker may take to hear that it is to drain.
const drainTTL = 10 * time.Minute

// ErrNoWorker: no worker of that name reports.
var ErrNoWorker = errors.New("no such worker")

// Drain asks a worker to finish what it has in hand and end; it hears of it within
// reportEvery. Errors: ErrNoWorker.
func (c *Client) Drain(ctx context.Context, worker string) error {
	ps, err := c.Workers(ctx)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if p.Name != worker {
			continue
		}
		if err := c.rdb.Set(ctx, drainKey(worker), 1, drainTTL).Err(); err != nil {
			return fmt.Errorf("asking worker %s to drain: %w", worker, full(err))
		}
		return nil
	}
	return fmt.Errorf("%w: %q does not report; %d others do", ErrNoWorker, worker, len(ps))
}
