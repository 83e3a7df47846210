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
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/behaviour"
	"weft/behaviour/files"
	"weft/storage/lake"
	"weft/storage/objects"
	"weft/tasks"
)

type importCmd struct {
	place
	columns
	Kind  string   `help:"What the files hold: photos, products, events, reviews or users; auto is photos or products, by the name." enum:"auto,photos,products,events,reviews,users" default:"auto"`
	To    string   `help:"Send rows to this server instead, such as http://127.0.0.1:8080." placeholder:"URL" group:"Where"`
	Token string   `help:"Bearer token of the server." placeholder:"TOKEN" group:"Where"`
	JSON  bool     `help:"Print the counts as one line of JSON."`
	From  []string `arg:"" help:"Photos, folders of photos, or rows as JSONL, CSV (.gz too) or Parquet." placeholder:"FILE|DIR" type:"existingpath"`
}

// Help is shown by --help.
func (importCmd) Help() string {
	return `A folder X/ of photos (and a product.json) becomes product X; loose photos become products by file name.
A row of products holds "id" and the fields of product.json; rows of events, reviews and users are described in the README.
Every row ends accepted, duplicate, declined, waiting (stored; its product is not in the catalogue yet) or dead with a
reason, which 'weft deadletters' lists. A row without id is identified by its file's content and its line, so a file may be
imported again, and an interrupted import is finished by repeating it. Where 'weft up' runs at --data, rows of shoppers go
to it over HTTP.

CSV and Parquet: a column named like a field is that field; --column maps others, --column value=A*B is a product of two;
what is left over is kept as attributes. A purchase of negative value is taken as a return.

Examples:
  weft import --data shop photos/
  weft import --data shop listings.jsonl.gz --json
  weft import --data shop --kind events --type purchase --column user=CustomerID --column product=StockCode \
      --column time=InvoiceDate --time-format '%Y-%m-%d %H:%M:%S' --column 'value=Quantity*UnitPrice' orders.csv
  weft import --to http://127.0.0.1:8080 --kind reviews reviews.jsonl
  weft import --objects 's3://shop?endpoint=localhost:9000' --kind photos a.jpg b.jpg`
}

// importCounts is where the rows of an import ended; they add up to Rows.
type importCounts = behaviour.Counts

// importer copies into the bucket, several objects at once, and counts.
type importer struct {
	app    *app
	bucket objects.Store
	read   files.Mapping
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
	read, err := c.columns.mapping(behaviour.Kind(c.Kind))
	if err != nil {
		return err
	}
	var counts importCounts
	if k := behaviour.Kind(c.Kind); slices.Contains(behaviour.Kinds(), k) {
		counts, err = c.rows(ctx, a, k, read)
	} else {
		counts, err = c.media(ctx, a, read)
	}
	if c.JSON {
		err = errors.Join(err, json.NewEncoder(a.out).Encode(counts))
	} else {
		n := counts
		fmt.Fprintf(a.out, "%d rows: %d accepted, %d duplicate, %d dead, %d declined, %d waiting\n", n.Rows, n.Accepted, n.Duplicate, n.Dead, n.Declined, n.Waiting)
	}
	return err
}

// media imports photos and listings, which are put into the bucket whoever runs there.
func (c *importCmd) media(ctx context.Context, a *app, read files.Mapping) (importCounts, error) {
	if c.To != "" {
		return importCounts{}, usagef("--to is for --kind events, reviews and users: photos and listings go to --data or --objects")
	}
	if err := c.makeBucket(); err != nil {
		return importCounts{}, err
	}
	bucket, _, err := c.openTenant(ctx)
	if err != nil {
		return importCounts{}, err
	}
	return importAll(ctx, a, bucket, c.Kind, read, c.From)
}

// importAll is the import behind `weft import` and the demo.
func importAll(ctx context.Context, a *app, bucket objects.Store, kind string, read files.Mapping, from []string) (importCounts, error) {
	bar := countBar(a.err, "import", -1)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(importWriters)
	im := &importer{app: a, bucket: bucket, read: read, group: group, tick: func() { _ = bar.Add(1) }}
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
	listing := files.FormatOf(from) == files.Lines
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
			if files.FormatOf(name) == files.Lines {
				return im.listings(ctx, path)
			}
			product = strings.TrimSuffix(name, filepath.Ext(name))
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
	fresh, err := behaviour.PutIfNew(ctx, im.bucket, key, body)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	im.settle(func(c *importCounts) {
		if fresh {
			c.Accepted++
		} else {
			c.Duplicate++
		}
	})
	return nil
}

// listings makes every row of a file the product.json of its id.
func (im *importer) listings(ctx context.Context, path string) error {
	to, err := openCollector(ctx, im.app, im.bucket)
	if err != nil {
		return err
	}
	defer to.close()
	counts, err := importFile(ctx, im.app, to, behaviour.Products, im.read, path, im.tick)
	im.mu.Lock()
	defer im.mu.Unlock()
	im.counts.Add(counts)
	return err
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
