package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"weft/tasks"
)

// TestSeats: a worker of more tenants than it can have open lets those go that were used least recently, never one of
// whom something is in hand or whom a role holds, and opens each again for its next task.
func TestSeats(t *testing.T) {
	redis := embedded(t)
	bucket := t.TempDir()
	p := place{Tenant: "default", Objects: "file://" + bucket, Queue: redis, Vectors: redis}
	e := encoders{Image: "efficientnet-lite0", Text: "all-minilm-l6-v2", Decoder: "auto", Provider: "cpu", Runners: 1}
	n, err := openNode(t.Context(), &app{log: slog.New(slog.DiscardHandler)}, p, e, redis, redis, true)
	must(t, err)
	defer n.stop()
	n.mostSeats = 3
	shop := func(i int) tasks.Tenant { return tasks.Tenant(fmt.Sprintf("shop-%d", i)) }
	const shops = 7
	for i := range shops { // a scheduler has begun them
		b, err := n.openTenant(t.Context(), shop(i))
		must(t, err)
		b.close()
	}
	held, err := n.openBegun(t.Context(), shop(0))
	must(t, err)
	n.hold(held, true)
	n.admit(held)

	use := func(i int) (*tenant, func()) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		shop, done, err := n.use(ctx, shop(i))
		must(t, err)
		return shop, done
	}
	inHand, giveBack := use(1)
	for i := 2; i < shops; i++ {
		_, done := use(i)
		done()
	}
	open := func() (names []tasks.Tenant) {
		n.mu.Lock()
		defer n.mu.Unlock()
		for name := range n.seats {
			names = append(names, name)
		}
		return names
	}
	until(t, "the others have left", func() bool { return len(open()) == n.mostSeats+2 }) // the held one and the one in hand beside them
	for i, there := range map[int]bool{0: true, 2: false, 3: false, shops - 1: true} {
		if slices.Contains(open(), shop(i)) != there {
			t.Errorf("%s is open: %v, want %v", shop(i), !there, there)
		}
	}
	if inHand.running.Err() != nil {
		t.Error("a tenant was closed with a task in hand")
	}
	giveBack()
	until(t, "it leaves when its task is done", func() bool { return inHand.running.Err() != nil })
	again, done := use(1)
	defer done()
	if again == inHand || again.running.Err() != nil {
		t.Error("it was not opened again")
	}
	if _, _, err := n.use(t.Context(), "nobody"); err == nil {
		t.Error("a worker begins a tenant whom no scheduler knows")
	}
	until(t, "who has no seat is not listed", func() bool {
		seated := open()
		return len(n.list()) <= n.mostSeats+1 && !slices.ContainsFunc(n.names(), func(name tasks.Tenant) bool { return !slices.Contains(seated, name) })
	})
}

// embedded is the address of a Redis in this process.
func embedded(t *testing.T) string {
	t.Helper()
	r, err := startEmbeddedRedis()
	must(t, err)
	t.Cleanup(r.Close)
	return "redis://" + r.Addr() + "/0"
}
