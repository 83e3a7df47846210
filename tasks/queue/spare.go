package queue

import (
	"context"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// SpareScripts keeps asynq from running its scripts over empty queues through rdb, on a server where a script is dear: the
// embedded Redis interprets each one for half a millisecond, and a worker with nothing to do asks for tasks hundreds of times a second.
// Whether there is anything is asked first. That is one more round trip for each task, so a real server is better off without.
func SpareScripts(rdb redis.UniversalClient) { rdb.AddHook(spare{rdb}) }

type spare struct{ rdb redis.UniversalClient }

// DialHook is redis.Hook's.
func (spare) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessPipelineHook is redis.Hook's.
func (spare) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { return next(ctx, cmds) }
}

// ProcessHook answers for a script over an empty queue as the script would.
func (s spare) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		script, ok := cmd.(*redis.Cmd)
		if !ok || cmd.Name() != "evalsha" {
			return next(ctx, cmd)
		}
		key, takes, moves := readsFrom(cmd.Args())
		if !takes && !moves {
			return next(ctx, cmd)
		}
		if n, err := s.rdb.Exists(ctx, key).Result(); err != nil || n > 0 {
			return next(ctx, cmd)
		}
		if moves {
			script.SetVal(int64(0))
			return nil
		}
		script.SetErr(redis.Nil)
		return redis.Nil
	}
}

// readsFrom tells the key without which a script of asynq does nothing: of the one that takes a task, and of the one that moves
// tasks whose time has come. They are known by their keys.
func readsFrom(evalsha []any) (key string, takes, moves bool) {
	if len(evalsha) < 5 { // evalsha, digest, number of keys, keys …
		return "", false, false
	}
	keys, _ := evalsha[2].(int)
	first, _ := evalsha[3].(string)
	second, _ := evalsha[4].(string)
	ends := func(key, what string) bool {
		return strings.HasPrefix(key, "asynq:{") && strings.HasSuffix(key, "}:"+what)
	}
	takes = keys == 4 && ends(first, "pending") && ends(second, "paused")
	moves = keys == 2 && (ends(first, "scheduled") || ends(first, "retry")) && ends(second, "pending")
	return first, takes, moves
}
