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

// What a tenant's processes tell each other of their work. All of it may be lost:
// workers tell again within reportEvery, the scheduler at its next count.
func workersKey(t tasks.Tenant) string  { return fmt.Sprintf("weft:%s:workers", t) }  // hash: name → Pace
func knownKey(t tasks.Tenant) string    { return fmt.Sprintf("weft:%s:pace", t) }     // hash: task type → seconds
func unissuedKey(t tasks.Tenant) string { return fmt.Sprintf("weft:%s:unissued", t) } // Unissued
func drainKey(t tasks.Tenant, worker string) string {
	return fmt.Sprintf("weft:%s:drain:%s", t, worker)
}

// silentAfter is how old a worker's last report may be before it is no longer
// counted: three reports and the skew that clocks are allowed.
const silentAfter = 3*reportEvery + maxSkew

// unissuedTTL is how long a count holds that nobody renews: its scheduler has died.
const unissuedTTL = time.Minute

// Signals reads what is known of a tenant's work, in four round trips. The queues
// are those of the server: it serves one tenant.
func (c *Client) Signals(ctx context.Context, tenant tasks.Tenant) (tasks.Signals, error) {
	var s tasks.Signals
	now, err := c.rdb.Time(ctx).Result()
	if err != nil {
		return s, fmt.Errorf("asking for the time: %w", err)
	}
	s.Now = now.UnixMilli()
	if s.Loads, err = loads(ctx, c.rdb, now); err != nil {
		return s, err
	}
	var workers, known *redis.MapStringStringCmd
	var unissued *redis.StringCmd
	err = pipelined(ctx, c.rdb, func(p redis.Pipeliner) {
		workers, known, unissued = p.HGetAll(ctx, workersKey(tenant)), p.HGetAll(ctx, knownKey(tenant)), p.Get(ctx, unissuedKey(tenant))
	})
	if err != nil {
		return s, fmt.Errorf("asking for the workers: %w", err)
	}
	s.Workers = paces(workers.Val(), now)
	s.Known = map[tasks.Type]float64{}
	for name, value := range known.Val() {
		if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 {
			s.Known[tasks.Type(name)] = seconds
		}
	}
	if b, err := unissued.Bytes(); err == nil {
		_ = json.Unmarshal(b, &s.Unissued) // of another version: counted anew soon
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

// SetUnissued tells what waits in the bucket for its turn; nothing of it, that
// everything is queued. It is forgotten after a minute unless told again.
func (c *Client) SetUnissued(ctx context.Context, tenant tasks.Tenant, u tasks.Unissued) error {
	total := 0
	for _, n := range u.Items {
		total += n
	}
	var err error
	if total == 0 {
		err = c.rdb.Del(ctx, unissuedKey(tenant)).Err()
	} else {
		var b []byte
		if b, err = json.Marshal(u); err == nil {
			err = c.rdb.Set(ctx, unissuedKey(tenant), b, unissuedTTL).Err()
		}
	}
	if err != nil {
		return fmt.Errorf("telling what is not yet queued: %w", full(err))
	}
	return nil
}

// Workers counts the workers of a tenant that report and are not draining.
func (c *Client) Workers(ctx context.Context, tenant tasks.Tenant) ([]tasks.Pace, error) {
	now, err := c.rdb.Time(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("asking for the time: %w", err)
	}
	reports, err := c.rdb.HGetAll(ctx, workersKey(tenant)).Result()
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
func (c *Client) Drain(ctx context.Context, tenant tasks.Tenant, worker string) error {
	ps, err := c.Workers(ctx, tenant)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if p.Name != worker {
			continue
		}
		if err := c.rdb.Set(ctx, drainKey(tenant, worker), 1, drainTTL).Err(); err != nil {
			return fmt.Errorf("asking worker %s to drain: %w", worker, full(err))
		}
		return nil
	}
	return fmt.Errorf("%w: %q does not report; %d others do", ErrNoWorker, worker, len(ps))
}
