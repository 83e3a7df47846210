package scheduler

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weft/behaviour"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

// The folders of files that are taken in once: inbox/<kind>/<name>.jsonl or .jsonl.gz.
const (
	InboxPrefix = "inbox/"
	DonePrefix  = InboxPrefix + "done/" // done/<kind>/<digest>-<name>
)

const (
	// maxInboxFile bounds a file as it lies in the bucket: it is moved through memory.
	maxInboxFile = 256 << 20
	// keepDone is how long files that were taken in are kept.
	keepDone = 30 * 24 * time.Hour
	// tidyDone is how often those that are older are looked for.
	tidyDone = time.Hour
)

// RowTaker takes rows in, a *behaviour.Collector.
type RowTaker interface {
	Accept(ctx context.Context, b behaviour.Batch) (behaviour.Report, error)
}

// InboxConfig wires an Inbox of one tenant. Nothing in it is closed by it.
type InboxConfig struct {
	Objects objects.Store // below the tenant
	Lake    *lake.Lake
	Rows    RowTaker
	Name    string        // of this process, for receipts
	Every   time.Duration // between looks; default 5 s
	// Quiet is how long a file must have been left alone: whoever copies one into a
	// directory bucket may still be at it. Default 2 s.
	Quiet time.Duration
	// Lead tells whether this process does the work, where there are several; nil: it is
	// the only one. Two at once are harmless.
	Lead func() bool
	// Took is called after a look that took files in. May be nil.
	Took func()
	// Now is the clock; default time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// Inbox takes in the files that others drop. Start it once, Stop it once.
type Inbox struct {
	InboxConfig
	idle    atomic.Bool // the last look left nothing to do
	tidied  time.Time
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// NewInbox checks cfg.
func NewInbox(cfg InboxConfig) (*Inbox, error) {
	if cfg.Objects == nil || cfg.Lake == nil || cfg.Rows == nil || cfg.Log == nil || cfg.Name == "" {
		return nil, errors.New("scheduler: Objects, Lake, Rows, Name and Log of the inbox are required")
	}
	if cfg.Every <= 0 {
		cfg.Every = 5 * time.Second
	}
	if cfg.Quiet <= 0 {
		cfg.Quiet = 2 * time.Second
	}
	if cfg.Lead == nil {
		cfg.Lead = func() bool { return true }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Inbox{InboxConfig: cfg}, nil
}

// Start looks at once and then every Every, until Stop.
func (b *Inbox) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.running.Go(func() {
		for {
			if b.Lead() {
				b.look(ctx)
			}
			next := b.Every
			if !b.idle.Load() {
				next = min(next, b.Quiet)
			}
			select {
			case <-time.After(next):
			case <-ctx.Done():
				return
			}
		}
	})
}

func (b *Inbox) look(ctx context.Context) {
	r, err := b.Ingest(ctx)
	b.idle.Store(err == nil && r.Waiting == 0)
	if err != nil && ctx.Err() == nil {
		b.Log.Error("the inbox could not be emptied and will be looked at again", "error", err)
	}
	if r.Files > 0 && b.Took != nil {
		b.Took()
	}
}

// Stop ends the loop and waits for it. A file that was half taken in is taken in again
// by the next start, and what was stored of it counts as duplicate.
func (b *Inbox) Stop() {
	if b.cancel != nil {
		b.cancel()
		b.running.Wait()
	}
}

// Idle tells that the last look found nothing to do.
func (b *Inbox) Idle() bool { return b.idle.Load() }

// InboxReport is what one look did.
type InboxReport struct {
	Files   int // taken in and moved
	Waiting int // still being written, or not to be had now
	Refused int // too large
	Counts  behaviour.Counts
}

// Ingest takes in every file that is quiet. Of an error in one file the others do not
// hear; it is returned at the end.
func (b *Inbox) Ingest(ctx context.Context) (InboxReport, error) {
	var r InboxReport
	var errs error
	for _, k := range []behaviour.Kind{behaviour.Users, behaviour.Products, behaviour.Reviews, behaviour.Events} {
		for info, err := range b.Objects.List(ctx, InboxPrefix+string(k)+"/", "") {
			if err != nil {
				return r, errors.Join(errs, fmt.Errorf("inbox: %w", err))
			}
			if !strings.HasSuffix(info.Key, ".jsonl") && !strings.HasSuffix(info.Key, ".jsonl.gz") {
				continue
			}
			if b.Now().Sub(info.Modified) < b.Quiet {
				r.Waiting++
				continue
			}
			if err := b.file(ctx, k, info, &r); err != nil {
				r.Waiting++
				errs = errors.Join(errs, fmt.Errorf("inbox: %s: %w", info.Key, err))
				if ctx.Err() != nil {
					return r, errs
				}
			}
		}
	}
	if now := b.Now(); now.Sub(b.tidied) >= tidyDone {
		b.tidied = now
		errs = errors.Join(errs, b.tidy(ctx, now))
	}
	return r, errs
}

// file takes one file in, unless its receipt is there, and moves it.
func (b *Inbox) file(ctx context.Context, k behaviour.Kind, info objects.Info, r *InboxReport) error {
	body, _, err := b.Objects.Get(ctx, info.Key, objects.GetOptions{IfMatch: info.ETag, MaxBytes: maxInboxFile})
	switch {
	case errors.Is(err, objects.ErrTooLarge):
		r.Refused++
		return b.refuse(ctx, info)
	case errors.Is(err, objects.ErrNotExist), errors.Is(err, objects.ErrPrecondition), errors.Is(err, objects.ErrChanged):
		r.Waiting++ // another process was faster, or it is being written anew
		return nil
	case err != nil:
		return err
	}
	digest, err := behaviour.FileDigest(bytes.NewReader(body))
	if err != nil {
		return err
	}
	key := receiptKey(info)
	if err := b.Lake.Receipts.Refresh(ctx); err != nil {
		return err
	}
	_, known, err := b.Lake.Receipts.Get(ctx, key)
	if err != nil {
		return err
	}
	if !known {
		counts, err := b.rows(ctx, behaviour.Batch{Kind: k, Source: info.Key, File: digest, At: info.Modified}, body)
		if err != nil {
			return err
		}
		now := b.Now().UnixMilli()
		sum := sha256.Sum256(body)
		err = b.Lake.Receipts.Append(ctx, lake.Receipt{
			Row: lake.Row{Key: key, Version: now}, Kind: string(k), Source: info.Key, ETag: info.ETag, ContentSHA256: hex.EncodeToString(sum[:]),
			Rows: int64(counts.Rows), Accepted: int64(counts.Accepted), Dead: int64(counts.Dead), Duplicate: int64(counts.Duplicate),
			Declined: int64(counts.Declined), Waiting: int64(counts.Waiting), Time: now, Worker: b.Name,
		})
		if err != nil {
			return err
		}
		r.Counts.Add(counts)
		b.Log.Info("a file of the inbox was taken in", "key", info.Key, "rows", counts.Rows, "accepted", counts.Accepted, "dead", counts.Dead,
			"duplicate", counts.Duplicate, "declined", counts.Declined, "waiting", counts.Waiting)
	}
	if err := b.move(ctx, k, info, digest, body); err != nil {
		return err
	}
	r.Files++
	return nil
}

// rows takes the rows of a file in.
func (b *Inbox) rows(ctx context.Context, batch behaviour.Batch, body []byte) (behaviour.Counts, error) {
	var counts behaviour.Counts
	take := func(rows []behaviour.RawRow) error {
		batch.Rows = rows
		r, err := b.Rows.Accept(ctx, batch)
		counts.Add(r.Counts)
		return err
	}
	content, err := behaviour.Unpack(bytes.NewReader(body), behaviour.MaxFileBytes)
	if err != nil {
		bad := behaviour.Broken(err)
		if bad == nil {
			return counts, err
		}
		return counts, take([]behaviour.RawRow{{Line: 1, Fault: bad}})
	}
	lines := behaviour.NewLines(content, batch.Kind, 1)
	for {
		rows, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return counts, nil
		}
		if err == nil {
			err = take(rows)
		}
		if err != nil {
			return counts, err
		}
	}
}

// move puts the file away, if it is still the one that was taken in.
func (b *Inbox) move(ctx context.Context, k behaviour.Kind, info objects.Info, digest string, body []byte) error {
	name := info.Key[strings.LastIndexByte(info.Key, '/')+1:]
	if len(digest)+1+len(name) > tasks.MaxNameBytes {
		name = "long.jsonl"
	}
	if _, err := behaviour.PutIfNew(ctx, b.Objects, DonePrefix+string(k)+"/"+digest+"-"+name, body); err != nil {
		return err
	}
	switch now, err := b.Objects.Stat(ctx, info.Key); {
	case errors.Is(err, objects.ErrNotExist):
		return nil
	case err != nil:
		return err
	case now.ETag != info.ETag:
		return nil // it was written anew, and is taken in next
	}
	return b.Objects.Delete(ctx, info.Key)
}

// refuse says once that a file is too large; it stays where it is.
func (b *Inbox) refuse(ctx context.Context, info objects.Info) error {
	if d, ok, err := b.Lake.Dead.Get(ctx, info.Key); err != nil || ok && d.ETag == info.ETag {
		return err
	}
	now := b.Now().UnixMilli()
	return b.Lake.Dead.Append(ctx, lake.Dead{
		Row: lake.Row{Key: info.Key, Version: now}, ETag: info.ETag, Reason: string(tasks.ReasonTooManyBytes), Stage: "inbox", Attempts: 1, Worker: b.Name, Time: now,
		Message: fmt.Sprintf("%s has %d bytes, the limit of a file in the inbox is %d; split it, or use `weft import`", info.Key, info.Size, maxInboxFile),
	})
}

// tidy removes files that were put away long ago.
func (b *Inbox) tidy(ctx context.Context, now time.Time) error {
	for info, err := range b.Objects.List(ctx, DonePrefix, "") {
		if err != nil {
			return fmt.Errorf("inbox: %w", err)
		}
		if !info.Modified.IsZero() && now.Sub(info.Modified) > keepDone {
			if err := b.Objects.Delete(ctx, info.Key); err != nil {
				return fmt.Errorf("inbox: %w", err)
			}
		}
	}
	return nil
}

// receiptKey names one version of one file.
func receiptKey(info objects.Info) string {
	key := info.Key + "@" + info.ETag
	if len(key) > lake.MaxKey {
		sum := sha256.Sum256([]byte(key))
		key = InboxPrefix + hex.EncodeToString(sum[:])
	}
	return key
}
