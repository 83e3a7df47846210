package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"weft/storage/deadletters"
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

// query checks what was asked for.
func (c letters) query() (deadletters.Query, error) {
	q := deadletters.Query{Keys: c.Key, Reason: tasks.Reason(c.Reason)}
	if c.Reason != "" && !q.Reason.Known() {
		return q, usagef("--reason %q: want one of %v", c.Reason, tasks.Reasons())
	}
	return q, nil
}

// each calls f with the letters that were chosen. dropped includes those that were
// acknowledged.
func (c letters) each(ctx context.Context, l *lake.Lake, dropped bool, f func(lake.Dead) error) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	q.Dropped = dropped
	for row, err := range (deadletters.Box{Dead: l.Dead}).Each(ctx, q) {
		if err == nil {
			err = f(row)
		}
		if err != nil {
			return hinted(err)
		}
	}
	return nil
}

// hinted says where the keys of letters are found.
func hinted(err error) error {
	if errors.Is(err, deadletters.ErrUnknown) {
		return fmt.Errorf("%w: `weft deadletters list` names them", err)
	}
	return err
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
	q, closeQueue, err := c.openQueue(ctx)
	if err != nil {
		return err
	}
	defer closeQueue()
	var done deadletters.Retried
	err = c.change(ctx, a, c.All, func(box deadletters.Box, query deadletters.Query) (err error) {
		box.Queue = q
		done, err = box.Retry(ctx, query)
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(map[string]int{"retried": len(done.Lifted), "issued": done.Issued, "skipped": done.Skipped})
	}
	_, err = fmt.Fprintf(a.out, "%d lifted, %d issued at once, the next sweep issues the others; %d skipped that are not in the bucket\n", len(done.Lifted), done.Issued, done.Skipped)
	return err
}

type deadDropCmd struct {
	letters
	All bool `help:"All of them."`
}

// Run acknowledges dead letters.
func (c *deadDropCmd) Run(ctx context.Context, a *app) error {
	var n int
	err := c.change(ctx, a, c.All, func(box deadletters.Box, query deadletters.Query) error {
		dropped, err := box.Drop(ctx, query)
		n = len(dropped)
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(map[string]int{"dropped": n})
	}
	_, err = fmt.Fprintf(a.out, "%d dropped\n", n)
	return err
}

// change opens the letters for writing.
func (c letters) change(ctx context.Context, a *app, all bool, act func(deadletters.Box, deadletters.Query) error) error {
	if len(c.Key) == 0 && c.Reason == "" && !all {
		return usagef("which letters? give keys, --reason, or --all")
	}
	q, err := c.query()
	if err != nil {
		return err
	}
	cat, err := c.openCatalogue(ctx, a)
	if err != nil {
		return err
	}
	defer cat.close(ctx)
	l, err := lake.Open(ctx, lake.Config{Store: cat.bucket, Writer: "deadletters", Log: a.log})
	if err != nil {
		return err
	}
	defer func() { _ = l.Close(context.WithoutCancel(ctx)) }()
	return hinted(act(deadletters.Box{Dead: l.Dead, Tenant: cat.tenant, Generation: cat.generation}, q))
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
