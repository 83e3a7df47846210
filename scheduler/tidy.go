package scheduler

import (
	"context"
	"fmt"
	"time"

	"weft/storage/lake"
	"weft/tasks"
)

const tidyBatch = 1000

// tidying gathers what a sweep has to write down itself: dead letters for keys
// that no worker can be sent to, and tombstones for objects that are gone.
type tidying struct {
	dead    []lake.Dead
	objects []lake.Object
}

func (t *tidying) size() int { return len(t.dead) + len(t.objects) }

func (t *tidying) add(g group, worker string) {
	now := time.Now().UnixMilli()
	for _, ref := range g.refused {
		if !ref.dead {
			t.dead = append(t.dead, lake.Dead{
				Row: lake.Row{Key: ref.info.Key, Version: now}, ETag: ref.info.ETag, Reason: string(tasks.ReasonBadID),
				Stage: "list", Message: ref.err.Error(), Attempts: 1, Worker: worker, Time: now,
			})
		}
	}
	for _, row := range g.lifted {
		row.Row = lake.Row{Key: row.Key, Version: max(now, row.Version), Deleted: true}
		t.dead = append(t.dead, row)
	}
	for _, row := range g.vanished {
		row.Row = lake.Row{Key: row.Key, Version: max(now, row.Version), Deleted: true}
		t.objects = append(t.objects, row)
	}
}

func (t *tidying) write(ctx context.Context, l *lake.Lake) error {
	if len(t.dead) > 0 {
		if err := l.Dead.Append(ctx, t.dead...); err != nil {
			return fmt.Errorf("writing dead letters: %w", err)
		}
	}
	if len(t.objects) > 0 {
		if err := l.Objects.Append(ctx, t.objects...); err != nil {
			return fmt.Errorf("forgetting objects that are gone: %w", err)
		}
	}
	t.dead, t.objects = nil, nil
	return nil
}
