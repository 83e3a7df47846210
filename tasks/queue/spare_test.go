package queue

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/storage/servertest"
	"weft/tasks"
)

// A worker with nothing to do asks whether there is anything, and runs no script for it; what comes then is done.
func TestEmptyQueuesRunNoScripts(t *testing.T) {
	opt, err := redis.ParseURL(servertest.Redis(t).URL("0"))
	if err != nil {
		t.Fatal(err)
	}
	spared, plain := redis.NewClient(opt), redis.NewClient(opt)
	t.Cleanup(func() { _, _ = spared.Close(), plain.Close() })
	SpareScripts(spared)
	done := make(chan struct{}, 2)
	serve(t, spared, map[tasks.Type]Handler{tasks.ImageEmbed: func(context.Context, tasks.Task, Attempt) error { done <- struct{}{}; return nil }})
	calls := func(command string) (n int) {
		t.Helper()
		text, err := plain.Info(t.Context(), "commandstats").Result()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			if _, err := fmt.Sscanf(line, "cmdstat_"+command+":calls=%d", &n); err == nil {
				return n
			}
		}
		return 0
	}
	asked, ran := calls("exists"), calls("evalsha")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); calls("exists") < asked+80; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("nobody asks for tasks")
		}
	}
	if n := calls("evalsha") - ran; n > 20 { // asynq tells of itself by scripts too, now and then
		t.Errorf("%d scripts were run over empty queues", n)
	}
	for i := range 2 {
		if _, err := NewClient(plain).Enqueue(t.Context(), imageTask(fmt.Sprint("p", i))); err != nil {
			t.Fatal(err)
		}
		<-done
	}
}

func TestScriptsAreKnownByTheirKeys(t *testing.T) {
	call := func(keys ...any) []any { return append([]any{"evalsha", "digest", len(keys)}, append(keys, 1, 2)...) }
	for _, c := range []struct {
		args         []any
		takes, moves bool
	}{
		{call("asynq:{q}:pending", "asynq:{q}:paused", "asynq:{q}:active", "asynq:{q}:lease"), true, false},
		{call("asynq:{q}:scheduled", "asynq:{q}:pending"), false, true},
		{call("asynq:{q}:retry", "asynq:{q}:pending"), false, true},
		{call("asynq:{q}:t:1", "asynq:{q}:pending"), false, false},                                                     // enqueues
		{call("asynq:{q}:active", "asynq:{q}:lease", "asynq:{q}:pending", "asynq:{q}:t:1"), false, false},              // puts back
		{call("asynq:{q}:t:1", "asynq:{q}:active", "asynq:{q}:lease", "asynq:{q}:retry", "asynq:{q}:x"), false, false}, // tries again
		{call("weft:shop:scheduler"), false, false},
		{[]any{"evalsha", "digest", 0}, false, false},
	} {
		if _, takes, moves := readsFrom(c.args); takes != c.takes || moves != c.moves {
			t.Errorf("%v: takes %v, moves %v", c.args, takes, moves)
		}
	}
}
