// Package deadletters is what may be done with inputs that were given up: look at
// them, try them again, or acknowledge them for good. The command line and the HTTP
// API both act through it.
package deadletters

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"weft/storage/lake"
	"weft/tasks"
)

// Errors of a Box.
var (
	// ErrUnknown: there is no letter of this key.
	ErrUnknown = errors.New("there is no such dead letter")
	// ErrGone: what the letter is about is not in the bucket, so that it cannot be
	// tried again: import it anew, or drop the letter.
	ErrGone = errors.New("what it was is not in the bucket")
)

// Box is the dead letters of one tenant. It is made of what others keep.
type Box struct {
	// Dead is written to: its lake is one that may be.
	Dead *lake.Table[lake.Dead]
	// Queue is asked at once for what is tried again; nil: the next sweep issues it.
	Queue tasks.Queue
	// Tenant and Generation go into those tasks.
	Tenant     tasks.Tenant
	Generation tasks.Generation
}

// Query chooses letters: the Keys, or all; of these the ones with Reason, if it is given.
type Query struct {
	Keys    []string
	Reason  tasks.Reason
	Dropped bool // those that were acknowledged, too; Keys finds them anyway
}

// Each yields the letters of a query, in the order of Keys or of the table. Errors:
// ErrUnknown for one of Keys, those of the lake; an error is the last.
func (b Box) Each(ctx context.Context, q Query) iter.Seq2[lake.Dead, error] {
	return func(yield func(lake.Dead, error) bool) {
		if len(q.Keys) == 0 {
			for row, err := range b.Dead.Scan(ctx) {
				wanted := (q.Reason == "" || row.Reason == string(q.Reason)) && (q.Dropped || row.Dropped == 0)
				if (err != nil || wanted) && !yield(row, err) {
					return
				}
			}
			return
		}
		for _, key := range q.Keys {
			row, ok, err := b.Dead.Get(ctx, key)
			if err == nil && !ok {
				err = fmt.Errorf("%q: %w", key, ErrUnknown)
			}
			if err != nil {
				yield(lake.Dead{}, err)
				return
			}
			if (q.Reason == "" || row.Reason == string(q.Reason)) && !yield(row, nil) {
				return
			}
		}
	}
}

// Retried says what became of the letters that were to be tried again.
type Retried struct {
	Lifted  []lake.Dead // they are dead no more: what they were about is missing again
	Issued  int         // of these, tasks that were queued at once
	Skipped int         // not in the bucket, and not asked for by key
}

// Retry lifts letters, so that their objects are missing again, and asks the queue for
// them. Letters whose input is not in the bucket are skipped, or, when they were asked
// for by key, refused before anything is changed. Errors: ErrUnknown, ErrGone, those
// of the lake and of the queue; what was lifted before an error stays lifted.
func (b Box) Retry(ctx context.Context, q Query) (done Retried, err error) {
	var chosen []lake.Dead
	for d, err := range b.Each(ctx, q) {
		switch {
		case err != nil:
			return done, err
		case Retriable(d.Key):
			chosen = append(chosen, d) // gathered first: the table must not change under the scan
		case len(q.Keys) > 0:
			return done, fmt.Errorf("%s cannot be tried again: %w; import it anew, or drop the letter", d.Key, ErrGone)
		default:
			done.Skipped++
		}
	}
	now := time.Now().UnixMilli()
	err = b.change(ctx, chosen, func(d lake.Dead) ([]lake.Dead, error) {
		rows := []lake.Dead{tombstone(d, now)}
		if d.Reason != string(tasks.ReasonCrashed) || strings.HasPrefix(d.Key, tasks.QuarantinePrefix) {
			return rows, nil
		}
		content, ok, err := b.Dead.Get(ctx, tasks.QuarantinePrefix+d.ContentSHA256)
		if ok {
			rows = append(rows, tombstone(content, now))
		}
		return rows, err
	}, func(d lake.Dead) error {
		done.Lifted = append(done.Lifted, d)
		queued, err := b.enqueue(ctx, d)
		if queued {
			done.Issued++
		}
		return err
	})
	return done, err
}

// enqueue asks for the work of a letter that was lifted.
func (b Box) enqueue(ctx context.Context, d lake.Dead) (queued bool, err error) {
	m := tasks.ParseMediaKey(d.Key)
	if b.Queue == nil || m.Err != nil || m.Modality == "" {
		return false, nil
	}
	t := tasks.Task{Type: tasks.ImageEmbed, Tenant: b.Tenant, Generation: b.Generation, Lane: tasks.Live, Product: m.Product, Key: d.Key, ETag: d.ETag}
	if m.Modality == tasks.Text {
		t.Type = tasks.TextEmbed
	}
	return b.Queue.Enqueue(ctx, t)
}

// Drop acknowledges letters for good: what they are about counts as declined. It tells
// which they were. Errors as for Retry.
func (b Box) Drop(ctx context.Context, q Query) (dropped []lake.Dead, err error) {
	var chosen []lake.Dead
	for d, err := range b.Each(ctx, q) {
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, d)
	}
	now := time.Now().UnixMilli()
	err = b.change(ctx, chosen, func(d lake.Dead) ([]lake.Dead, error) {
		d.Row = lake.Row{Key: d.Key, Version: max(now, d.Version+1)}
		d.Dropped = now
		return []lake.Dead{d}, nil
	}, func(d lake.Dead) error {
		dropped = append(dropped, d)
		return nil
	})
	return dropped, err
}

// changePage is how many letters are changed in one commit.
const changePage = 1000

// change writes what turn makes of each letter, and calls after for each once that is
// durable.
func (b Box) change(ctx context.Context, chosen []lake.Dead, turn func(lake.Dead) ([]lake.Dead, error), after func(lake.Dead) error) error {
	for page := range slices.Chunk(chosen, changePage) {
		var rows []lake.Dead
		for _, d := range page {
			turned, err := turn(d)
			if err != nil {
				return err
			}
			rows = append(rows, turned...)
		}
		if err := b.Dead.Append(ctx, rows...); err != nil {
			return err
		}
		for _, d := range page {
			if err := after(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// Retriable tells the letters whose input is still in the bucket: media, contents that
// were set aside, and fusions.
func Retriable(key string) bool {
	return strings.HasPrefix(key, tasks.MediaPrefix) || strings.HasPrefix(key, tasks.QuarantinePrefix) || strings.HasPrefix(key, string(tasks.ProductFuse)+"/")
}

func tombstone(d lake.Dead, now int64) lake.Dead {
	d.Row = lake.Row{Key: d.Key, Version: max(now, d.Version+1), Deleted: true}
	return d
}
