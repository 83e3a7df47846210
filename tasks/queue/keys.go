package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/encoding/protowire"

	"weft/tasks"
)

// The names below are asynq's own, as of v0.26 (TestKeysAreThoseOfThePinnedAsynq
// fails with another). They are used here and nowhere else: to count, because
// asynq's Inspector costs a Lua script and a MEMORY USAGE per queue, too much for a
// figure that is asked for many times a second; and to clear what asynq leaves
// behind for ever, see Reaper.
const asynqQueues = "asynq:queues"

func asynqKey(queue, what string) string { return "asynq:{" + queue + "}:" + what }

// Register makes the eight queues known to asynq's own tools. asynq does so
// once per process; after a FLUSHALL nobody would.
func Register(ctx context.Context, rdb redis.UniversalClient) error {
	var names []any
	for _, q := range queueNames() {
		names = append(names, q)
	}
	if err := rdb.SAdd(ctx, asynqQueues, names...).Err(); err != nil {
		return fmt.Errorf("registering the queues: %w", full(err))
	}
	return nil
}

// depths counts what the queues hold, in one round trip.
func depths(ctx context.Context, rdb redis.UniversalClient) ([]tasks.Depth, error) {
	type counts struct{ pending, active, scheduled, retry, archived *redis.IntCmd }
	var out []tasks.Depth
	var cmds []counts
	_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, t := range tasks.Types() {
			for _, l := range tasks.Lanes() {
				q := tasks.QueueName(t, l)
				out = append(out, tasks.Depth{Type: t, Lane: l})
				cmds = append(cmds, counts{
					p.LLen(ctx, asynqKey(q, "pending")), p.LLen(ctx, asynqKey(q, "active")),
					p.ZCard(ctx, asynqKey(q, "scheduled")), p.ZCard(ctx, asynqKey(q, "retry")), p.ZCard(ctx, asynqKey(q, "archived")),
				})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting the queues: %w", err)
	}
	for i, c := range cmds {
		d := &out[i]
		d.Pending, d.Active, d.Scheduled = int(c.pending.Val()), int(c.active.Val()), int(c.scheduled.Val())
		d.Retry, d.Archived = int(c.retry.Val()), int(c.archived.Val())
	}
	return out, nil
}

// asynq's server extends the lease of every task it has in hand to leaseTime from
// now, every 5 s; a task whose lease is older than that has lost its server.
const leaseTime = 30 * time.Second

// queueNames are those of all queues.
func queueNames() []string {
	var names []string
	for _, t := range tasks.Types() {
		for _, l := range tasks.Lanes() {
			names = append(names, tasks.QueueName(t, l))
		}
	}
	return names
}

// orphan is a task in active that no server keeps its lease of.
type orphan struct{ queue, id string }

func (o orphan) keys() []string {
	return []string{asynqKey(o.queue, "lease"), asynqKey(o.queue, "active"), asynqKey(o.queue, "t:"+o.id), asynqKey(o.queue, "pending")}
}

// orphans lists up to limit tasks of each queue whose lease was last extended
// before silentSince (by their worker's clock).
func orphans(ctx context.Context, rdb redis.UniversalClient, silentSince time.Time, limit int64) ([]orphan, error) {
	var replies []*redis.StringSliceCmd
	_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, q := range queueNames() {
			replies = append(replies, p.ZRangeByScore(ctx, asynqKey(q, "lease"), &redis.ZRangeBy{
				Min: "-inf", Max: fmt.Sprint(silentSince.Add(leaseTime).Unix()), Count: limit}))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for tasks of dead workers: %w", err)
	}
	var out []orphan
	for i, q := range queueNames() {
		for _, id := range replies[i].Val() {
			out = append(out, orphan{q, id})
		}
	}
	return out, nil
}

// leaseScript gives a lease to what is in active without one: asynq would never
// look at it again. Its worker, if it lives, extends it.
var leaseScript = redis.NewScript(`
if redis.call('LLEN', KEYS[1]) <= redis.call('ZCARD', KEYS[2]) then return 0 end
local n = 0
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  n = n + redis.call('ZADD', KEYS[2], 'NX', ARGV[1], id)
end
return n`)

func leaseTheUnleased(ctx context.Context, rdb redis.UniversalClient, now time.Time) error {
	for _, q := range queueNames() {
		err := leaseScript.Run(ctx, rdb, []string{asynqKey(q, "active"), asynqKey(q, "lease")}, now.Add(leaseTime).Unix()).Err()
		if err != nil {
			return fmt.Errorf("giving leases to active tasks of %s: %w", q, err)
		}
	}
	return nil
}

// payloads reads what the tasks say; nil where asynq's record is lost.
func payloads(ctx context.Context, rdb redis.UniversalClient, of []orphan) ([][]byte, error) {
	replies := make([]*redis.StringCmd, len(of))
	_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, o := range of {
			replies[i] = p.HGet(ctx, asynqKey(o.queue, "t:"+o.id), "msg")
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("reading tasks of dead workers: %w", err)
	}
	out := make([][]byte, len(of))
	for i, r := range replies {
		if message, err := r.Bytes(); err == nil {
			out[i] = payloadOf(message)
		}
	}
	return out, nil
}

// payloadOf reads field 2 of asynq's TaskMessage, nil where it has none.
func payloadOf(message []byte) []byte {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil
		}
		message = message[n:]
		if number == 2 && kind == protowire.BytesType {
			payload, n := protowire.ConsumeBytes(message)
			if n < 0 {
				return nil
			}
			return payload
		}
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return nil
		}
		message = message[n:]
	}
	return nil
}

// Both scripts act only while the lease is still as old as it was found.
var (
	clearScript = redis.NewScript(`
local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not lease or tonumber(lease) > tonumber(ARGV[2]) then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('LREM', KEYS[2], 0, ARGV[1])
if redis.call('HGET', KEYS[3], 'state') == 'active' then redis.call('DEL', KEYS[3]) end
return 1`)
	putBackScript = redis.NewScript(`
local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not lease or tonumber(lease) > tonumber(ARGV[2]) then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('LREM', KEYS[2], 0, ARGV[1])
redis.call('HSET', KEYS[3], 'state', 'pending')
redis.call('LPUSH', KEYS[4], ARGV[1])
return 1`)
)

// clear makes asynq forget an orphan. A worker that comes back cannot acknowledge
// it any more; asynq then logs that it was not found, and drops it.
func (o orphan) clear(ctx context.Context, rdb redis.UniversalClient, silentSince time.Time) (bool, error) {
	n, err := clearScript.Run(ctx, rdb, o.keys(), o.id, silentSince.Add(leaseTime).Unix()).Int()
	if err != nil {
		return false, fmt.Errorf("clearing task %s of a dead worker: %w", o.id, err)
	}
	return n == 1, nil
}

// putBack makes an orphan pending again, as it is.
func (o orphan) putBack(ctx context.Context, rdb redis.UniversalClient, silentSince time.Time) error {
	if err := putBackScript.Run(ctx, rdb, o.keys(), o.id, silentSince.Add(leaseTime).Unix()).Err(); err != nil {
		return fmt.Errorf("putting back task %s of a dead worker: %w", o.id, full(err))
	}
	return nil
}

var trimScript = redis.NewScript(`
local ids = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)
for _, id in ipairs(ids) do
  redis.call('DEL', ARGV[2] .. id)
  redis.call('ZREM', KEYS[1], id)
end
return #ids`)

// trimPage is how many entries one script removes: the server answers nobody else
// meanwhile.
const trimPage = 100

// trimArchives removes what asynq has given up by itself. An id there would keep
// the same work from being queued ever again; the sweep issues what is still
// missing, and dead letters of weft are in the lake.
func trimArchives(ctx context.Context, rdb redis.UniversalClient) (int, error) {
	total := 0
	for _, q := range queueNames() {
		for {
			n, err := trimScript.Run(ctx, rdb, []string{asynqKey(q, "archived")}, trimPage, asynqKey(q, "t:")).Int()
			if err != nil {
				return total, fmt.Errorf("trimming the archive of %s: %w", q, err)
			}
			if total += n; n < trimPage {
				break
			}
		}
	}
	return total, nil
}

// strayScript deletes the record of a task that is in no list: asynq would not
// run it, and not let it be queued again.
var strayScript = redis.NewScript(`
for i = 1, 2 do
  if redis.call('LPOS', KEYS[i], ARGV[1]) then return 0 end
end
for i = 3, 7 do
  if redis.call('ZSCORE', KEYS[i], ARGV[1]) then return 0 end
end
return redis.call('DEL', KEYS[8])`)

var taskLists = []string{"pending", "active", "lease", "scheduled", "retry", "archived", "completed"}

// listed are the ids in all lists of a queue.
func listed(ctx context.Context, rdb redis.UniversalClient, queue string) (map[string]bool, error) {
	var replies []*redis.StringSliceCmd
	_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, list := range taskLists {
			if i < 2 {
				replies = append(replies, p.LRange(ctx, asynqKey(queue, list), 0, -1))
			} else {
				replies = append(replies, p.ZRange(ctx, asynqKey(queue, list), 0, -1))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", queue, err)
	}
	ids := map[string]bool{}
	for _, r := range replies {
		for _, id := range r.Val() {
			ids[id] = true
		}
	}
	return ids, nil
}

// dropStrays deletes records of tasks that are in no list of their queue, as they
// remain when a list is lost. The sweep then issues the work again.
func dropStrays(ctx context.Context, rdb redis.UniversalClient) (int, error) {
	total := 0
	for _, q := range queueNames() {
		known, err := listed(ctx, rdb, q)
		if err != nil {
			return total, err
		}
		prefix := asynqKey(q, "t:")
		scan := rdb.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		for scan.Next(ctx) {
			id := strings.TrimPrefix(scan.Val(), prefix)
			if known[id] {
				continue
			}
			var keys []string
			for _, list := range taskLists {
				keys = append(keys, asynqKey(q, list))
			}
			n, err := strayScript.Run(ctx, rdb, append(keys, prefix+id), id).Int()
			if err != nil {
				return total, fmt.Errorf("deleting the stray task %s: %w", id, err)
			}
			total += n
		}
		if err := scan.Err(); err != nil {
			return total, fmt.Errorf("looking for stray tasks of %s: %w", q, err)
		}
	}
	return total, nil
}
