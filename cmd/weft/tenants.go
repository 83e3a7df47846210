package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/storage/objects"
	"weft/tasks"
	"weft/tasks/queue"
)

// several is the flag of roles that work for more than one tenant.
type several struct {
	Tenants []string `help:"Tenants to work for. Default: --tenant if it is given, else every tenant that is found in the bucket, new ones too." placeholder:"NAME" group:"Where"`
}

// named are the tenants that the flags name; none: those in the bucket.
func (s several) named(p place) (names []tasks.Tenant, err error) {
	given := s.Tenants
	if len(given) == 0 && p.Tenant != string(tasks.DefaultTenant) {
		given = []string{p.Tenant}
	}
	for _, name := range given {
		t, err := tasks.ParseTenant(name)
		if err != nil {
			return nil, usageError{fmt.Errorf("--tenants: %w", err)}
		}
		names = append(names, t)
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), nil
}

// wanted are the tenants that this process is to work for now: at least one.
func (n *node) wanted(ctx context.Context, s several) ([]tasks.Tenant, error) {
	names, err := s.named(n.place)
	if err != nil || len(names) > 0 {
		return names, err
	}
	if names, err = n.discover(ctx); err == nil && len(names) == 0 {
		names = []tasks.Tenant{tasks.DefaultTenant}
	}
	return names, err
}

// tenantFolders are those of a tenant; a folder of the bucket that has none of them is
// somebody else's.
var tenantFolders = []string{tasks.MediaPrefix, "inbox/", "lake/v1/"}

// discover looks for the tenants in the bucket: one listing for each folder at its top.
func (n *node) discover(ctx context.Context) (names []tasks.Tenant, err error) {
	for after := ""; ; {
		folder := ""
		for info, err := range n.bucket.List(ctx, "", after) {
			if err != nil {
				return nil, fmt.Errorf("looking for tenants: %w", err)
			}
			if top, _, ok := strings.Cut(info.Key, "/"); ok {
				folder = top
				break
			}
		}
		if folder == "" {
			return names, nil
		}
		if name, err := tasks.ParseTenant(folder); err == nil {
			for _, of := range tenantFolders {
				there, err := holds(ctx, n.bucket, folder+"/"+of)
				if err != nil {
					return nil, err
				}
				if there {
					names = append(names, name)
					break
				}
			}
		}
		after = folder + "0" // the byte after '/'
	}
}

func holds(ctx context.Context, s objects.Store, prefix string) (bool, error) {
	for _, err := range s.List(ctx, prefix, "") {
		return err == nil, err
	}
	return false, nil
}

// discoverEvery is how often new tenants are looked for.
const discoverEvery = 5 * time.Second

// forEach calls begin for every tenant, in their order, and for those that appear later
// until ctx ends. One that fails does not stop the others: it is said why, to the log and
// to whoever asks for the backlog, and tried again. It is an error when none can be begun.
func (n *node) forEach(ctx context.Context, s several, begin func(context.Context, tasks.Tenant) error) error {
	begun, faults := map[tasks.Tenant]bool{}, map[tasks.Tenant]string{}
	round := func() (failed error) {
		names, err := n.wanted(ctx, s)
		if err != nil {
			return err
		}
		for _, name := range names {
			if begun[name] || ctx.Err() != nil {
				continue
			}
			if err := begin(ctx, name); err != nil {
				failed = errors.Join(failed, fmt.Errorf("tenant %s: %w", name, err))
				if faults[name] != err.Error() && ctx.Err() == nil {
					n.log.Error("nothing is done for a tenant; it will be tried again", "tenant", name, "error", err)
				}
				faults[name] = err.Error()
				_ = n.queue.SetFeed(ctx, name, tasks.Feed{At: time.Now().UnixMilli(), Fault: err.Error()}) // told again
				continue
			}
			begun[name] = true
		}
		return failed
	}
	if err := round(); err != nil && len(begun) == 0 {
		return err
	}
	n.feeders.Go(func() {
		tick := time.NewTicker(discoverEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := round(); err != nil && ctx.Err() == nil {
					n.log.Debug("not every tenant is worked for", "error", err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return nil
}

// handlers run tasks of any tenant.
func (n *node) handlers() map[tasks.Type]queue.Handler {
	all := map[tasks.Type]queue.Handler{}
	for _, of := range tasks.Types() {
		all[of] = func(ctx context.Context, t tasks.Task, a queue.Attempt) error {
			shop, done, err := n.use(ctx, t.Tenant)
			if err != nil { // another worker may have what this one lacks
				return fmt.Errorf("%w: tenant %s: %w", queue.ErrPostpone, t.Tenant, err)
			}
			defer done()
			return shop.handlers[of](ctx, t, a)
		}
	}
	return all
}
