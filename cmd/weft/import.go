package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

type importCmd struct {
	place
	Kind string   `help:"What the files hold: photos or products; auto goes by the name." enum:"auto,photos,products" default:"auto"`
	JSON bool     `help:"Print the counts as one line of JSON."`
	From []string `arg:"" help:"Photos, folders of photos, or product listings as JSONL (.gz too)." placeholder:"FILE|DIR" type:"existingpath"`
}

// Help is shown by --help.
func (importCmd) Help() string {
	return `A folder X/ of photos (and a product.json) becomes product X; loose photos become products by file name.
A JSONL row holds "id" and the fields of product.json. Every row ends accepted, duplicate or dead with a reason.

Examples:
  weft import --data shop photos/
  weft import --data shop listings.jsonl.gz --json
  weft import --objects 's3://shop?endpoint=localhost:9000' --kind photos a.jpg b.jpg`
}

// importCounts is where the rows of an import ended; they add up to Rows.
type importCounts struct {
	Rows      int `json:"rows"`
	Accepted  int `json:"accepted"`
	Dead      int `json:"dead"`
	Duplicate int `json:"duplicate"`
	Declined  int `json:"declined"`
	Waiting   int `json:"waiting"`
}

// importer copies into the bucket, several objects at once, and counts.
type importer struct {
	app    *app
	bucket objects.Store
	mu     sync.Mutex
	counts importCounts
	dead   []lake.Dead
	group  *errgroup.Group
	tick   func()
}

// importWriters is how many puts are under way at once: each waits for a disk or
// for a server, not for a core.
const importWriters = 16

// Run imports and prints the counts.
func (c *importCmd) Run(ctx context.Context, a *app) error {
	for _, from := range c.From { // before anything is copied
		if _, err := os.Stat(from); err != nil {
			return usageError{fmt.Errorf("import: %w", err)}
		}
	}
	if err := c.makeBucket(); err != nil {
		return err
	}
	bucket, _, err := c.openTenant(ctx)
	if err != nil {
		return err
	}
	counts, err := importAll(ctx, a, bucket, c.Kind, c.From)
	if c.JSON {
		err = errors.Join(err, json.NewEncoder(a.out).Encode(counts))
	} else {
		n := counts
		fmt.Fprintf(a.out, "%d rows: %d accepted, %d duplicate, %d dead, %d declined\n", n.Rows, n.Accepted, n.Duplicate, n.Dead, n.Declined)
	}
	return err
}

// importAll is the import behind `weft import` and the demo.
func importAll(ctx context.Context, a *app, bucket objects.Store, kind string, from []string) (importCounts, error) {
	bar := countBar(a.err, "import", -1)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(importWriters)
	im := &importer{app: a, bucket: bucket, group: group, tick: func() { _ = bar.Add(1) }}
	var err error
	for _, f := range from {
		if err = im.take(ctx, f, kind); err != nil {
			break
		}
	}
	err = errors.Join(err, group.Wait())
	_ = bar.Finish()
	err = errors.Join(err, im.bury(context.WithoutCancel(ctx)))
	return im.counts, err
}

func (im *importer) take(ctx context.Context, from, kind string) error {
	st, err := os.Stat(from)
	if err != nil {
		return err
	}
	listing := strings.HasSuffix(from, ".jsonl") || strings.HasSuffix(from, ".jsonl.gz")
	switch {
	case st.IsDir():
		return im.folder(ctx, from)
	case kind == "products" || (kind == "auto" && listing):
		return im.listings(ctx, from)
	case kind == "photos" || kind == "auto":
		name := filepath.Base(from)
		im.file(ctx, from, strings.TrimSuffix(name, filepath.Ext(name)), name)
		return nil
	default:
		return usagef("--kind %s: not for %s", kind, from)
	}
}

// folder walks a folder: its sub-folders are products, its own photos are
// products by file name.
func (im *importer) folder(ctx context.Context, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return nil
		}
		dir, name := filepath.Split(path)
		product := filepath.Base(filepath.Clean(dir))
		if filepath.Clean(dir) == filepath.Clean(root) {
			if !strings.HasSuffix(name, ".jsonl") && !strings.HasSuffix(name, ".jsonl.gz") {
				product = strings.TrimSuffix(name, filepath.Ext(name))
			} else {
				return im.listings(ctx, path)
			}
		}
		im.file(ctx, path, product, name)
		return ctx.Err()
	})
}

// file copies one photo or product.json.
func (im *importer) file(ctx context.Context, path, product, name string) {
	im.group.Go(func() error {
		key := tasks.MediaPrefix + product + "/" + name
		m := tasks.ParseMediaKey(key)
		switch {
		case m.Err != nil:
			im.settleDead(path, tasks.ReasonBadID, m.Err)
			return nil
		case m.Modality == "":
			im.settle(func(c *importCounts) { c.Declined++ })
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return im.put(ctx, key, body)
	})
}

// put stores body unless the bucket holds the very same already.
func (im *importer) put(ctx context.Context, key string, body []byte) error {
	if st, err := im.bucket.Stat(ctx, key); err == nil && st.Size == int64(len(body)) {
		old, _, err := im.bucket.Get(ctx, key, objects.GetOptions{MaxBytes: st.Size})
		if err == nil && sha256.Sum256(old) == sha256.Sum256(body) {
			im.settle(func(c *importCounts) { c.Duplicate++ })
			return nil
		}
	}
	if _, err := im.bucket.Put(ctx, key, body, objects.Condition{}); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	im.settle(func(c *importCounts) { c.Accepted++ })
	return nil
}

func (im *importer) settle(count func(*importCounts)) {
	im.mu.Lock()
	im.counts.Rows++
	count(&im.counts)
	im.mu.Unlock()
	im.tick()
}

// settleDead remembers why a row was refused; bury writes it down.
func (im *importer) settleDead(id string, reason tasks.Reason, err error) {
	now := time.Now().UnixMilli()
	im.app.log.Warn("refused", "row", id, "reason", reason, "error", err)
	im.mu.Lock()
	im.dead = append(im.dead, lake.Dead{
		Row: lake.Row{Key: deadKey(id), Version: now}, Reason: string(reason), Stage: "import",
		Message: fmt.Sprintf("%s: %v", id, err), Attempts: 1, Worker: "import", Time: now,
	})
	im.mu.Unlock()
	im.settle(func(c *importCounts) { c.Dead++ })
}

// deadKey is the key of a row that never became an object: where it came from.
func deadKey(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "import/" + hex.EncodeToString(sum[:16])
}

func (im *importer) bury(ctx context.Context) error {
	if len(im.dead) == 0 {
		return nil
	}
	l, err := lake.Open(ctx, lake.Config{Store: im.bucket, Writer: "import", Log: im.app.log})
	if err != nil {
		return fmt.Errorf("writing dead letters: %w", err)
	}
	return errors.Join(l.Dead.Append(ctx, im.dead...), l.Close(ctx))
}
