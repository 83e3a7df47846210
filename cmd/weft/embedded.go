package main

import (
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	lua "github.com/yuin/gopher-lua"

	"weft/storage/vectors"
)

// embeddedRedis is the Redis of `weft up`: in this process, on a loopback port
// that redis-cli can read. It holds nothing that the bucket does not hold, so it
// may be lost with the process.
type embeddedRedis struct {
	*miniredis.Miniredis
	quit chan struct{}
	done chan struct{}
}

// embeddedUpdates bounds the update stream there: miniredis reads a stream from
// its beginning every time, so a long one would cost more than the encoders.
const embeddedUpdates = 1000

func updatesKept(p place) int64 {
	if p.Vectors == "" {
		return embeddedUpdates
	}
	return vectors.DefaultUpdatesKept
}

// luaRegistry is how many Lua values a script of miniredis may hold. miniredis
// makes an interpreter for every call, and the default of 5,120 values is 80 KB to
// clear for scripts that hold a few dozen.
const luaRegistry = 1024

func startEmbeddedRedis() (*embeddedRedis, error) {
	lua.RegistrySize = luaRegistry
	m := miniredis.NewMiniRedis()
	if err := m.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("starting the embedded Redis on 127.0.0.1: %w", err)
	}
	e := &embeddedRedis{Miniredis: m, quit: make(chan struct{}), done: make(chan struct{})}
	go e.tick()
	return e, nil
}

// tick moves miniredis's own clock, on which times to live run.
func (e *embeddedRedis) tick() {
	defer close(e.done)
	const step = 250 * time.Millisecond
	t := time.NewTicker(step)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			e.FastForward(step)
		case <-e.quit:
			return
		}
	}
}

// Close stops the server. Clients must be closed before.
func (e *embeddedRedis) Close() {
	close(e.quit)
	<-e.done
	e.Miniredis.Close()
}
