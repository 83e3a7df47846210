package serve

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(10, 2)
		leave, err := g.enter(t.Context(), 8)
		if err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 2)
		for _, name := range []string{"first", "second"} {
			go func() {
				leave, err := g.enter(t.Context(), 6)
				if err != nil {
					t.Error(err)
					return
				}
				order <- name
				leave()
			}()
			synctest.Wait() // it waits at the gate
		}
		if _, err := g.enter(t.Context(), 6); !errors.Is(err, errBusy) {
			t.Errorf("a third in the queue of two: %v", err)
		}
		leave()
		if a, b := <-order, <-order; a != "first" || b != "second" {
			t.Errorf("let in %s, then %s", a, b)
		}
		synctest.Wait()
		if leave, err = g.enter(t.Context(), 10); err != nil {
			t.Fatalf("empty, but closed: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error)
		go func() { _, err := g.enter(ctx, 1); gaveUp <- err }()
		synctest.Wait()
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		leave()
	})
}
