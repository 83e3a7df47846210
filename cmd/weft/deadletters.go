package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"weft/storage/lake"
	"weft/tasks"
	"weft/tasks/queue"
)

type deadlettersCmd struct {
	List  deadListCmd  `cmd:"" default:"withargs" help:"List what was given up, and why."`
	Show  deadShowCmd  `cmd:"" help:"Show all that is known of a dead letter, its stack too."`
	Retry deadRetryCmd `cmd:"" help:"Try again: the next sweep issues the work."`
	Drop  deadDropCmd  `cmd:"" help:"Acknowledge for good: counted as declined from now on."`
}

// Help is shown by --help.
func (deadlettersCmd) Help() string {
	return `A letter leaves by itself when its object is replaced or deleted. Keys are those of the list: an object's key
below the tenant, such as media/dress-1/front.jpg, or the id of a row or task.

Examples:
  weft deadletters list --data shop --reason truncated
  weft deadletters retry --data shop --reason timeout
  weft deadletters drop --data shop media/dress-1/front.jpg`
}

// letters chooses dead letters.
type letters struct {
	place
	Reason string   `help:"Only those with this reason." placeholder:"REASON"`
	Key    []string `arg:"" optional:"" help:"Only these keys."`
	JSON   bool     `help:"Print JSON."`
}

// letter is a dead letter as it is printed.
type letter struct {
	Key           string     `json:"key"`
	Product       string     `json:"product,omitempty"`
	Reason        string     `json:"reason"`
	Stage         string     `json:"stage"`
	Message       string     `json:"message"`
	ETag          string     `json:"etag,omitempty"`
	ContentSHA256 string     `json:"content_sha256,omitempty"`
	Attempts      int64      `json:"attempts"`
	Worker        string     `json:"worker"`
	Time          time.Time  `json:"time"`
	Dropped       *time.Time `json:"dropped,omitempty"`
	Stack         string     `json:"stack,omitempty"`
	Input         string     `json:"input,omitempty"`
}

func letterOf(d lake.Dead) letter {
	l := letter{Key: d.Key, Product: d.Product, Reason: d.Reason, Stage: d.Stage, Message: d.Message, ETag: d.ETag, ContentSHA256: d.ContentSHA256,
		Attempts: d.Attempts, Worker: d.Worker, Time: time.UnixMilli(d.Time).UTC(), Stack: d.Stack, Input: d.Input}
	if d.Dropped != 0 {
		at := time.UnixMilli(d.Dropped).UTC()
		l.Dropped = &at
	}
	return l
}

// each calls f with the letters that were chosen. dropped includes those that were
// acknowledged.
func (c letters) each(ctx context.Context, l *lake.Lake, dropped bool, f func(lake.Dead) error) error {
	if c.Reason != "" && !tasks.Reason(c.Reason).Known() {
		return usagef("--reason %q: want one of %v", c.Reason, tasks.Reasons())
	}
	if len(c.Key) > 0 {
		for _, key := range c.Key {
			row, ok, err := l.Dead.Get(ctx, key)
			if err != nil {
				return err
			}
			if !ok {
				return fmt.Errorf("there is no dead letter %q: `weft deadletters list` names them", key)
			}
			if c.Reason == "" || row.Reason == c.Reason {
				if err := f(row); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for row, err := range l.Dead.Scan(ctx) {
		if err != nil {
			return err
		}
		if (c.Reason == "" || row.Reason == c.Reason) && (dropped || row.Dropped == 0) {
			if err := f(row); err != nil {
				return err
			}
		}
	}
	return nil
}

type deadListCmd struct {
	letters
	Dropped bool `help:"Those that were dropped, too."`
}

// Run lists.
func (c *deadListCmd) Run(ctx context.Context, a *app) error {
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return err
	}
	defer cat.close(ctx)
	if c.JSON {
		return c.json(ctx, a.out, cat.lake)
	}
	return c.each(ctx, cat.lake, c.Dropped, func(d lake.Dead) error {
		_, err := fmt.Fprintf(a.out, "%s  %-16s %-10s %d×  %s  %s\n", time.UnixMilli(d.Time).UTC().Format(time.RFC3339), d.Reason, d.Stage, d.Attempts, d.Key, oneLine(d.Message, 100))
		return err
	})
}

// json prints an array as it goes: there may be many.
func (c *deadListCmd) json(ctx context.Context, w io.Writer, l *lake.Lake) error {
	separator := "["
	err := c.each(ctx, l, c.Dropped, func(d lake.Dead) error {
		line := letterOf(d)
		line.Stack = ""
		b, err := json.Marshal(line)
		if err == nil {
			_, err = fmt.Fprintf(w, "%s%s", separator, b)
		}
		separator = ",\n"
		return err
	})
	if err == nil && separator == "[" {
		_, err = io.WriteString(w, "[")
	}
	if err == nil {
		_, err = io.WriteString(w, "]\n")
	}
	return err
}

func oneLine(s string, limit int) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return string(r)
}

type deadShowCmd struct {
	place
	Key  string `arg:"" help:"Key of the letter."`
	JSON bool   `help:"Print JSON."`
}

// Run shows one.
func (c *deadShowCmd) Run(ctx context.Context, a *app) error {
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return err
	}
	defer cat.close(ctx)
	return letters{Key: []string{c.Key}}.each(ctx, cat.lake, true, func(d lake.Dead) error {
		l := letterOf(d)
		if c.JSON {
			return json.NewEncoder(a.out).Encode(l)
		}
		dropped := "no"
		if l.Dropped != nil {
			dropped = l.Dropped.Format(time.RFC3339)
		}
		_, err := fmt.Fprintf(a.out, "key       %s\nproduct   %s\nreason    %s\nstage     %s\nmessage   %s\netag      %s\ncontent   %s\nattempts  %d\nworker    %s\ntime      %s\ndropped   %s\n%s%s\n",
			l.Key, l.Product, l.Reason, l.Stage, l.Message, l.ETag, l.ContentSHA256, l.Attempts, l.Worker, l.Time.Format(time.RFC3339), dropped, l.Stack, l.Input)
		return err
	})
}

type deadRetryCmd struct {
	letters
	All bool `help:"All of them."`
}

// Run lifts dead letters, so that their objects are missing again, and asks the
// queue for them at once where one is known.
func (c *deadRetryCmd) Run(ctx context.Context, a *app) error {
	var issued, skipped int
	q, closeQueue, err := c.openQueue(ctx)
	if err != nil {
		return err
	}
	defer closeQueue()
	n, err := c.change(ctx, a, c.All, func(cat *catalogue, d lake.Dead, now int64) ([]lake.Dead, error) {
		if !retriable(d.Key) && len(c.Key) == 0 {
			skipped++
			return nil, nil
		}
		if !retriable(d.Key) {
			return nil, fmt.Errorf("%s cannot be tried again: what it was is not in the bucket; import it anew, or drop it", d.Key)
		}
		rows := []lake.Dead{tombstone(d, now)}
		if d.Reason == string(tasks.ReasonCrashed) && !strings.HasPrefix(d.Key, tasks.QuarantinePrefix) {
			content, ok, err := cat.lake.Dead.Get(ctx, tasks.QuarantinePrefix+d.ContentSHA256)
			if err != nil {
				return nil, err
			}
			if ok {
				rows = append(rows, tombstone(content, now))
			}
		}
		return rows, nil
	}, func(cat *catalogue, d lake.Dead) error {
		m := tasks.ParseMediaKey(d.Key)
		if q == nil || m.Err != nil || m.Modality == "" {
			return nil
		}
		t := tasks.Task{Type: tasks.ImageEmbed, Tenant: cat.tenant, Generation: cat.generation, Lane: tasks.Live, Product: m.Product, Key: d.Key, ETag: d.ETag}
		if m.Modality == tasks.Text {
			t.Type = tasks.TextEmbed
		}
		queued, err := q.Enqueue(ctx, t)
		if queued {
			issued++
		}
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(map[string]int{"retried": n - skipped, "issued": issued, "skipped": skipped})
	}
	_, err = fmt.Fprintf(a.out, "%d lifted, %d issued at once, the next sweep issues the others; %d skipped that are not in the bucket\n", n-skipped, issued, skipped)
	return err
}

// retriable tells the letters whose input is still there.
func retriable(key string) bool {
	return strings.HasPrefix(key, tasks.MediaPrefix) || strings.HasPrefix(key, tasks.QuarantinePrefix) || strings.HasPrefix(key, string(tasks.ProductFuse)+"/")
}

func tombstone(d lake.Dead, now int64) lake.Dead {
	d.Row = lake.Row{Key: d.Key, Version: max(now, d.Version+1), Deleted: true}
	return d
}

type deadDropCmd struct {
	letters
	All bool `help:"All of them."`
}

// Run acknowledges dead letters.
func (c *deadDropCmd) Run(ctx context.Context, a *app) error {
	n, err := c.change(ctx, a, c.All, func(_ *catalogue, d lake.Dead, now int64) ([]lake.Dead, error) {
		d.Row = lake.Row{Key: d.Key, Version: max(now, d.Version+1)}
		d.Dropped = now
		return []lake.Dead{d}, nil
	}, nil)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(map[string]int{"dropped": n})
	}
	_, err = fmt.Fprintf(a.out, "%d dropped\n", n)
	return err
}

// changePage is how many letters are changed in one commit.
const changePage = 1000

// change writes what turn makes of the chosen letters, and then calls after, if it is
// given, for each. It tells how many there were.
func (c letters) change(ctx context.Context, a *app, all bool, turn func(*catalogue, lake.Dead, int64) ([]lake.Dead, error), after func(*catalogue, lake.Dead) error) (int, error) {
	if len(c.Key) == 0 && c.Reason == "" && !all {
		return 0, usagef("which letters? give keys, --reason, or --all")
	}
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return 0, err
	}
	defer cat.close(ctx)
	l, err := lake.Open(ctx, lake.Config{Store: cat.bucket, Writer: "deadletters", Log: a.log})
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close(context.WithoutCancel(ctx)) }()
	var chosen []lake.Dead // gathered first: the table must not change under the scan
	err = c.each(ctx, l, false, func(d lake.Dead) error {
		chosen = append(chosen, d)
		return nil
	})
	if err != nil {
		return 0, err
	}
	now := time.Now().UnixMilli()
	for page := range slices.Chunk(chosen, changePage) {
		var rows []lake.Dead
		for _, d := range page {
			turned, err := turn(cat, d, now)
			if err != nil {
				return 0, err
			}
			rows = append(rows, turned...)
		}
		if len(rows) == 0 {
			continue
		}
		if err := l.Dead.Append(ctx, rows...); err != nil {
			return 0, err
		}
		for _, d := range page {
			if after == nil {
				break
			}
			if err := after(cat, d); err != nil {
				return 0, err
			}
		}
	}
	return len(chosen), nil
}

// openQueue opens the queue that --queue names or that of the process which runs at
// --data; nil where there is neither.
func (p place) openQueue(ctx context.Context) (tasks.Queue, func(), error) {
	url := p.Queue
	if info, ok := runningAt(p.Data); url == "" && p.Data != "" && ok {
		url = info.Queue
	}
	if url == "" {
		return nil, func() {}, nil
	}
	rdb, err := openRedis(ctx, "--queue", url)
	if err != nil {
		return nil, nil, err
	}
	return queue.NewClient(rdb), func() { _ = rdb.Close() }, nil
}
