package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks/queue"
)

// redisServers looks at the servers of the queues and of the vectors.
func (c *doctorCmd) redisServers(ctx context.Context, e *examination, _ *app) {
	for _, s := range []struct{ flag, url string }{{"--queue", c.Queue}, {"--vectors", c.Vectors}} {
		if s.url != "" {
			c.redisServer(ctx, e, s.flag, s.url)
		}
	}
}

// oldRedis is the oldest major version that is tested.
const oldRedis = 7

func (c *doctorCmd) redisServer(ctx context.Context, e *examination, flag, url string) {
	rdb, err := openRedis(ctx, flag, url)
	if err != nil {
		e.add(flag, checkFail, "start it, or correct the address", "%s", oneLine(err.Error(), 300))
		return
	}
	defer func() { _ = rdb.Close() }()
	info := redisInfo(ctx, rdb)
	switch major, _, _ := strings.Cut(info["redis_version"], "."); {
	case info["redis_version"] == "":
		e.add(flag+" version", checkWarn, "let this user run INFO, so that its memory can be watched", "the server does not tell")
	case wholeNumber(major) < oldRedis:
		e.add(flag+" version", checkWarn, "use Redis 7 or newer: older ones are not tested", "%s", info["redis_version"])
	default:
		e.add(flag+" version", checkOK, "", "%s", info["redis_version"])
	}
	policy := vectors.CheckPolicy(ctx, rdb)
	e.judge(flag+" eviction", policy, "set maxmemory-policy noeviction: another policy deletes tasks and vectors without a word", "noeviction, or not told")
	used, limit := wholeNumber(info["used_memory"]), wholeNumber(info["maxmemory"])
	switch {
	case limit == 0 && info["redis_version"] != "":
		e.add(flag+" memory", checkWarn, "set maxmemory below the machine's: without it the scheduler cannot hold back in time", "%d MB used, no limit", used>>20)
	case limit > 0 && used > limit/10*9:
		e.add(flag+" memory", checkFail, "raise maxmemory: above 80 % nothing is queued", "%d of %d MB used", used>>20, limit>>20)
	case limit > 0 && used > limit/10*8:
		e.add(flag+" memory", checkWarn, "raise maxmemory: above 80 % nothing is queued", "%d of %d MB used", used>>20, limit>>20)
	default:
		e.add(flag+" memory", checkOK, "", "%d of %d MB used", used>>20, limit>>20)
	}
	switch info["aof_enabled"] {
	case "0":
		e.add(flag+" durability", checkWarn, "set appendonly yes: everything is refilled from the bucket without it, but that takes its time", "appendonly no")
	case "1":
		e.add(flag+" durability", checkOK, "", "appendonly yes")
	}
	e.judge(flag+" clock", queue.CheckClock(ctx, rdb), "synchronise the clocks of both machines (NTP)", "this machine's and the server's agree")
}

// redisInfo is what INFO says, empty where it is not allowed.
func redisInfo(ctx context.Context, rdb redis.UniversalClient) map[string]string {
	out := map[string]string{}
	for _, section := range []string{"server", "memory", "persistence"} {
		text, err := rdb.Info(ctx, section).Result()
		if err != nil {
			continue
		}
		for line := range strings.Lines(text) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				out[name] = value
			}
		}
	}
	return out
}

// wholeNumber is 0 where the server says none.
func wholeNumber(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// bucket looks at the bucket by doing what weft does there.
func (c *doctorCmd) bucket(ctx context.Context, e *examination, a *app) {
	if c.Data == "" && c.Objects == "" {
		return
	}
	store, _, err := c.openTenant(ctx)
	if !e.judge("bucket", err, "give --objects an address that exists and keys that are allowed to read and write it", "can be reached") {
		return
	}
	if c.handle(ctx, e, store) {
		c.generation(ctx, e, store, a.log)
	}
}

// handle writes, reads, rewrites and deletes one object.
func (c *doctorCmd) handle(ctx context.Context, e *examination, store objects.Store) bool {
	const permit = "allow this user s3:PutObject, s3:GetObject, s3:ListBucket and s3:DeleteObject on the bucket"
	const conditions = "use a store that enforces If-Match and If-None-Match on PUT (AWS, MinIO and versitygw do): without them two processes overwrite each other's pointers"
	key, body := lake.Root+"doctor/"+strings.ToLower(rand.Text()), []byte("weft doctor")
	info, err := store.Put(ctx, key, body, objects.Condition{IfAbsent: true})
	if !e.judge("bucket put", err, permit, "%s", key) {
		return false
	}
	defer func() { // whatever was found, nothing stays
		if err := store.Delete(context.WithoutCancel(ctx), key); err != nil {
			e.add("bucket tidy", checkWarn, "delete "+key, "%s", oneLine(err.Error(), 300))
		}
	}()
	got, read, err := store.Get(ctx, key, objects.GetOptions{})
	if err == nil && (!bytes.Equal(got, body) || read.ETag != info.ETag) {
		err = errors.New("what was read is not what was written")
	}
	e.judge("bucket get", err, permit, "the same bytes and ETag")
	listed := 0
	for i, err := range store.List(ctx, lake.Root+"doctor/", "") {
		if err != nil {
			e.judge("bucket list", err, permit, "")
			break
		}
		if i.Key == key {
			listed++
		}
	}
	if listed == 1 {
		e.add("bucket list", checkOK, "", "shows it at once")
	} else {
		e.add("bucket list", checkFail, "use a store whose listing is consistent", "listed %d times", listed)
	}
	for _, c := range []struct {
		name string
		cond objects.Condition
	}{{"if-none-match", objects.Condition{IfAbsent: true}}, {"if-match", objects.Condition{IfMatch: "0000"}}} {
		_, err := store.Put(ctx, key, []byte("must not be written"), c.cond)
		if err == nil {
			err = errNotDone
		} else if errors.Is(err, objects.ErrPrecondition) {
			err = nil
		}
		e.judge("bucket "+c.name, err, conditions, "refused as it should be")
	}
	_, err = store.Put(ctx, key, body, objects.Condition{IfMatch: info.ETag})
	e.judge("bucket if-match again", err, conditions, "let through as it should be")
	if skew := time.Since(read.Modified).Abs(); !read.Modified.IsZero() && skew > 10*time.Second {
		e.add("bucket clock", checkWarn, "synchronise the clocks (NTP): S3 refuses requests of clocks 15 minutes off", "%v from this machine's", skew.Round(time.Second))
	}
	err = store.Delete(ctx, key)
	if err == nil {
		if _, err = store.Stat(ctx, key); errors.Is(err, objects.ErrNotExist) {
			err = nil
		} else if err == nil {
			err = errors.New("the object is still there")
		}
	}
	return e.judge("bucket delete", err, permit, "it is gone")
}

// generation holds what the bucket's vectors are made of against what is here.
func (c *doctorCmd) generation(ctx context.Context, e *examination, store objects.Store, log *slog.Logger) {
	l, err := lake.Open(ctx, lake.Config{Store: store, ReadOnly: true, Log: log})
	if err != nil {
		e.judge("lake", err, "see the error", "")
		return
	}
	defer func() { _ = l.Close(context.WithoutCancel(ctx)) }()
	live, _, err := liveGeneration(ctx, l.Generations)
	if errors.Is(err, errNoGeneration) {
		e.add("generation", checkOK, "", "none yet: the first process begins one")
		return
	}
	var p *pinned
	if err == nil {
		p, err = c.pin(ctx, l, slog.New(slog.DiscardHandler))
	}
	if err == nil {
		err = p.fusion.load(ctx)
	}
	if e.judge("generation", err, "use the models and decoders that the bucket was begun with", "%s can be met here", live) {
		_ = p.close()
	}
	c.worked(ctx, e)
}

// worked tells who works on the queues, where they are named.
func (c *doctorCmd) worked(ctx context.Context, e *examination) {
	if c.Queue == "" {
		return
	}
	rdb, err := openRedis(ctx, "--queue", c.Queue)
	if err != nil {
		return // told already
	}
	defer func() { _ = rdb.Close() }()
	s, err := queue.NewClient(rdb).Signals(ctx)
	if err != nil {
		e.judge("queues", err, "look at the Redis of --queue", "")
		return
	}
	waiting, paused := 0, []string{}
	for _, w := range s.Tenants {
		for _, l := range w.Loads {
			waiting += l.Ready()
		}
	}
	for i, name := range queue.Names() {
		if s.Paused[i] {
			paused = append(paused, name)
		}
	}
	found := fmt.Sprintf("%d workers report, %d tasks of %d tenants wait", len(s.Workers), waiting, len(s.Tenants))
	switch {
	case len(paused) > 0:
		e.add("queues", checkWarn, "run `weft resume` when the reason has gone", "%s; paused: %s", found, strings.Join(paused, ", "))
	case len(s.Workers) == 0 && waiting > 0:
		e.add("queues", checkWarn, "start `weft worker` or `weft autoscale`", "%s", found)
	default:
		e.add("queues", checkOK, "", "%s", found)
	}
}
