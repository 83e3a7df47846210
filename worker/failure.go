package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"weft/extractors"
	"weft/fusion"
	"weft/gather"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/vectors"
	"weft/tasks"
	"weft/tasks/queue"
)

// fault gives an item up: no other attempt would end differently.
type fault struct {
	reason tasks.Reason
	stage  string
	sha    string // of the content, where it was read
	err    error
	stack  []byte
}

func (f *fault) Error() string { return fmt.Sprintf("%s: %s: %v", f.stage, f.reason, f.err) }
func (f *fault) Unwrap() error { return f.err }

// errGone ends a task whose object was changed or deleted after it was listed:
// there is a newer task for what is there now, or the sweep will issue one.
var errGone = gather.ErrGone

// guard turns what a handler returns into what the queue should do: acknowledge,
// settle as dead, or come back.
func (w *Worker) guard(run func(context.Context, tasks.Task) error) queue.Handler {
	return func(ctx context.Context, t tasks.Task, a queue.Attempt) error {
		t.Attempt += a.Failed // how often it was begun before, in this epoch too
		return w.attempt(ctx, t, a, run)
	}
}

func (w *Worker) attempt(ctx context.Context, t tasks.Task, a queue.Attempt, run func(context.Context, tasks.Task) error) error {
	w.metrics.begin()
	err := caught(ctx, t, run)
	var f *fault
	switch {
	case err == nil:
		w.metrics.finished(t, "done")
		w.Log.LogAttrs(ctx, slog.LevelDebug, "done", slog.String("task", string(t.Type)), slog.String("subject", t.Subject()), slog.String("trace", t.Trace))
		return w.fuseNext(ctx, t, a)
	case errors.Is(err, errGone):
		w.metrics.finished(t, "gone")
		return w.fuseNext(ctx, t, a)
	case errors.As(err, &f):
		return w.bury(ctx, t, f, a)
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", queue.ErrPostpone, err) // stopping
	case away(err):
		w.metrics.finished(t, "postponed")
		w.Log.Warn("what the task needs cannot be reached, it waits", "task", t.Type, "key", t.Key, "trace", t.Trace, "error", err)
		return fmt.Errorf("%w: %w", queue.ErrPostpone, err)
	case a.Last:
		reason := tasks.ReasonRetries
		if errors.Is(err, context.DeadlineExceeded) {
			reason = tasks.ReasonTimeout
		}
		return w.bury(ctx, t, &fault{reason: reason, stage: string(t.Type), err: err}, a)
	default:
		w.metrics.finished(t, "retried")
		w.Log.Warn("an attempt failed", "task", t.Type, "key", t.Key, "product", t.Product, "failed", a.Failed+1, "trace", t.Trace, "error", err)
		return err
	}
}

// away tells an error that is not the item's own: a store or an encoder cannot be
// reached, or has no room. It costs no attempt. A deadline does: an item that is
// over it every time must end somewhere.
func away(err error) bool {
	for _, outage := range []error{objects.ErrUnavailable, objects.ErrFull, vectors.ErrUnavailable, vectors.ErrFull} {
		if errors.Is(err, outage) {
			return true
		}
	}
	return unavailable(err) && !errors.Is(err, context.DeadlineExceeded)
}

// unavailable tells an error of an encoder or a fusion that no input is to blame for.
func unavailable(err error) bool {
	return extractors.Unavailable(err) || errors.Is(err, fusion.ErrUnavailable)
}

// caught turns a panic of a step into the item's own fault.
func caught(ctx context.Context, t tasks.Task, run func(context.Context, tasks.Task) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(string(t.Type), "", p)
		}
	}()
	return run(ctx, t)
}

func panicked(stage, sha string, p any) error {
	return &fault{reason: tasks.ReasonCorrupt, stage: stage, sha: sha, err: fmt.Errorf("panic: %v", p), stack: debug.Stack()}
}

// bury writes the dead letter before the queue is told that the task is done.
func (w *Worker) bury(ctx context.Context, t tasks.Task, f *fault, a queue.Attempt) error {
	ctx = context.WithoutCancel(ctx)
	key := t.Key
	if key == "" {
		key = string(t.Type) + "/" + t.Subject()
	}
	row := lake.Dead{
		Row: lake.Row{Key: key, Version: w.now()}, ETag: t.ETag, ContentSHA256: f.sha, Product: string(t.Product),
		Reason: string(f.reason), Stage: f.stage, Message: f.err.Error(), Attempts: int64(t.Attempt + 1),
		Worker: w.Name, Time: w.now(), Stack: string(f.stack),
	}
	rows := []lake.Dead{row}
	if f.reason == tasks.ReasonCrashed && f.stage != "quarantine" {
		rows = append(rows, quarantine(row))
	}
	if err := w.Lake.Dead.Append(ctx, rows...); err != nil {
		return fmt.Errorf("%w: writing the dead letter of %s: %w", queue.ErrPostpone, key, err)
	}
	w.metrics.died(f.reason)
	w.metrics.finished(t, "dead")
	w.Log.Warn("given up", "key", key, "product", t.Product, "reason", f.reason, "stage", f.stage, "trace", t.Trace, "error", f.err)
	return w.fuseNext(ctx, t, a)
}

// fuseNext fuses the product of a part that has just been settled, in the same
// task: whoever settles the last part makes the vector. A task of its own would
// cost the queue as much again as the photo did; the scheduler issues one where
// there is no part left to settle.
func (w *Worker) fuseNext(ctx context.Context, t tasks.Task, a queue.Attempt) error {
	if t.Type == tasks.ProductFuse || t.Type == tasks.UserFuse {
		return nil
	}
	t.Type, t.Key, t.ETag = tasks.ProductFuse, "", ""
	return w.attempt(ctx, t, a, w.lastPart)
}

// Refuse settles a payload that cannot be read: its digest is its id.
func (w *Worker) Refuse(ctx context.Context, payload []byte, reason error) error {
	sum := sha256.Sum256(payload)
	id := hex.EncodeToString(sum[:])
	err := w.Lake.Dead.Append(ctx, lake.Dead{
		Row: lake.Row{Key: "task/" + id[:32], Version: w.now()}, ContentSHA256: id, Reason: string(tasks.ReasonPayload), Stage: "queue",
		Message: fmt.Sprintf("%v: %.200q", reason, payload), Attempts: 1, Worker: w.Name, Time: w.now(),
	})
	if err != nil {
		return fmt.Errorf("writing the dead letter of a payload: %w", err)
	}
	w.metrics.died(tasks.ReasonPayload)
	return nil
}
