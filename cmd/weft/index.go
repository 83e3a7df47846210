package main

import (
	"context"
	"errors"
	"time"

	"weft/storage/vectors"
)

// How often the Query Engine's index is looked after: while it is being built, once it is current, and where there is none,
// since another server may take that one's place.
const (
	indexBuilding = time.Second
	indexCurrent  = 5 * time.Second
	indexNone     = time.Minute
)

// keepIndex keeps an index of the live generation's products where the vectors' Redis has the Query Engine, until ctx ends.
func (t *tenant) keepIndex(ctx context.Context) {
	var said vectors.Index
	none := false
	for {
		wait := indexCurrent
		if t.lead() {
			x, err := t.vectors.KeepIndex(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case errors.Is(err, vectors.ErrNoQueryEngine):
				if !none {
					t.log.Info("no index is kept in Redis; serve answers neighbours by itself", "cause", err)
				}
				none, wait = true, indexNone
			case err != nil:
				t.log.Warn("the index in Redis is not kept for the moment", "error", err)
			case x.Current && x != said:
				t.log.Info("the index in Redis is current", "index", x.Name, "alias", x.Alias)
				said, none = x, false
			case !x.Current:
				wait = indexBuilding
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// buildIndex waits until the index is current; "" where none is kept. share hears how far it is, 0 to 1.
func buildIndex(ctx context.Context, v *vectors.Store, share func(float64)) (alias string, err error) {
	tick := time.NewTicker(indexBuilding / 5)
	defer tick.Stop()
	for {
		x, err := v.KeepIndex(ctx)
		switch {
		case errors.Is(err, vectors.ErrNoQueryEngine), err == nil && x == vectors.Index{}:
			return "", nil
		case err != nil:
			return "", err
		case x.Current:
			return x.Alias, nil
		}
		share(x.Indexed)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}
