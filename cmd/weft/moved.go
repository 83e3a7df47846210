package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"weft/storage/vectors"
	"weft/tasks"
	"weft/worker"
)

// How a running process goes over to another generation that was put live: it opens the tenant once more, beside what is
// open, gives the new one the place of the former for tasks and requests, then lets the former go when what it has in hand is
// done. Tasks that wait carry the old generation; whoever takes them makes vectors of its own, and the sweep finds what is
// missing.

// pointerEvery is how often the pointers are looked at.
const pointerEvery = time.Second

// followPointers opens tenants anew when another generation of them is live, until ctx ends. moved tells which one, "" for
// none; open is what the role does for a new tenant. One that cannot be opened goes on as it is, and is tried again.
func (n *node) followPointers(ctx context.Context, moved func(*tenant, context.Context) (tasks.Generation, error), open func(context.Context, tasks.Tenant) error) {
	faults := map[tasks.Tenant]string{}
	look := func(t *tenant) {
		to, err := moved(t, ctx)
		if err != nil || to == "" {
			return // a store that is away is told of by those who need it
		}
		began := time.Now()
		if err = open(ctx, t.name); err == nil {
			delete(faults, t.name)
			t.log.Info("went over to another generation", "from", t.pinned.id, "to", n.generationOf(t.name), "took", time.Since(began))
			return
		}
		if faults[t.name] != err.Error() && ctx.Err() == nil {
			t.log.Error("another generation is live, and this process cannot go over to it; it will be tried again", "from", t.pinned.id, "to", to, "error", err)
		}
		faults[t.name] = err.Error()
	}
	n.feeders.Go(func() {
		tick := time.NewTicker(pointerEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				for _, t := range n.list() {
					look(t)
				}
			case <-ctx.Done():
				return
			}
		}
	})
}

// admit makes a tenant that was opened the one of its name in this process. If there was one before, it is let go: its
// requests are answered, its feeding ends, its tasks are finished and what it made is committed.
func (n *node) admit(t *tenant) {
	n.mu.Lock()
	var before *tenant
	if i := slices.IndexFunc(n.tenants, func(had *tenant) bool { return had.name == t.name }); i >= 0 {
		before, n.tenants[i] = n.tenants[i], t
	} else {
		n.tenants = append(n.tenants, t)
	}
	if before != nil && before.worker != nil {
		n.former = append(n.former, before.worker)
	}
	http := n.http
	n.mu.Unlock()
	if http != nil {
		released, err := http.Put(t.name, t.served())
		if err != nil {
			t.log.Warn("requests are not answered", "error", err) // the server has stopped
		} else {
			<-released
		}
	}
	if before != nil {
		before.stopFeeding()
		n.unseat(before)
		before.close()
	}
}

// workers are those of all tenants, and of what they were before.
func (n *node) workers() []*worker.Worker {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := slices.Clone(n.former)
	for _, t := range n.tenants {
		if t.worker != nil {
			all = append(all, t.worker)
		}
	}
	return all
}

func (n *node) generationOf(name tasks.Tenant) tasks.Generation {
	if t := n.tenantOf(name); t != nil {
		return t.pinned.id
	}
	return ""
}

// pointed is the generation that the bucket says is live, if it is another one: for those who fill Redis.
func (t *tenant) pointed(ctx context.Context) (tasks.Generation, error) {
	live, err := t.lake.Generations.Live(ctx)
	if err != nil || tasks.Generation(live) == t.pinned.id {
		return "", err
	}
	return tasks.Generation(live), nil
}

// filled is pointed once Redis says the same: for those who read it, or write to it what the others filled in.
func (t *tenant) filled(ctx context.Context) (tasks.Generation, error) {
	live, err := t.vectors.Live(ctx)
	if errors.Is(err, vectors.ErrNotLive) || live == t.pinned.id {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return t.pointed(ctx)
}
